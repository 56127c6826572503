"""What can be estimated: the parameters' names, units and scales.

Here are those that models share; what only one model knows is defined beside it.
"""

from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

import numpy as np

from skfrap._checks import check_choice

SCALES = ("linear", "log10")
ROLES = ("rate", "amount", "instrument", "noise", "derived")
DEPENDENCES = ("factor", "polynomial", "mixture", "power", "nonlinear")

# A unit's powers of length and of time, and how it stands in the name of a column.
_UNITS = {
    "": (0, 0, ""),
    "µm²/s": (2, -1, "_um2_s"),
    "µm": (1, 0, "_um"),
    "µm/s": (1, -1, "_um_s"),
    "s": (0, 1, "_s"),
    "1/s": (0, -1, "_per_s"),
}


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter of a model or of the detector.

    Parameters
    ----------
    name : str
        The field's name for it.
    unit : {"", "µm²/s", "µm", "µm/s", "s", "1/s"}
        Empty where it has none.
    scale : {"linear", "log10"}
        Scale on which it is estimated and reported as a target.
    lowest, highest : float
        Values outside this range make no sense.
    meaning : str
        One line for people.
    role : {"rate", "amount", "instrument", "noise", "derived"}, default=None
        What it is. A rate says how fast something happens, as D, rates and times do: without
        visible bleaching it means nothing. An amount is of the sample, what belongs to the
        instrument is of the recording, noise is of single pixels, and what is derived follows from
        other parameters. None is a rate where the unit has time in it, else an amount.
    dependence : {"factor", "polynomial", "mixture", "power", "nonlinear"}, default="nonlinear"
        How curves depend on it: they are proportional to it (c0), a polynomial of the degree of the
        number of bleach frames in it (alpha), a mixture of two curves (mobile_fraction), nearly a
        power of it that grows from frame to frame (imaging_bleach), or in no such simple way.
    exponent : str, default=None
        Name of the parameter that is the power of time in what this one stands for, if it says what
        has happened after 1 s (D_at_1s): in an experiment with other times it is another.

    Raises
    ------
    ValueError
        If unit, scale, role or dependence is not one of these, if the name cannot be that of an
        argument, or if the range is none, or has negative values on a scale of log10.
    """

    name: str
    unit: str
    scale: str
    lowest: float
    highest: float
    meaning: str
    role: str | None = None
    dependence: str = "nonlinear"
    exponent: str | None = None

    def __post_init__(self):
        if self.role is None and self.unit in _UNITS:
            has_time = _UNITS[self.unit][1] != 0
            object.__setattr__(self, "role", "rate" if has_time else "amount")
        for name, allowed in (
            ("unit", tuple(_UNITS)),
            ("scale", SCALES),
            ("role", ROLES),
            ("dependence", DEPENDENCES),
        ):
            check_choice(name, getattr(self, name), allowed)
        if self.dependence == "factor" and self.is_logarithmic:
            raise ValueError("a factor must have the scale 'linear', got 'log10'.")
        if not self.name.isidentifier() or iskeyword(self.name):
            raise ValueError(
                "name must be one that an argument can have, letters, digits and underscores, "
                f"got {self.name!r}."
            )
        if not self.lowest < self.highest or (self.is_logarithmic and self.lowest < 0):
            raise ValueError(
                f"lowest must be below highest{', and not negative' * self.is_logarithmic}, for "
                f"{self.name!r} got {self.lowest} and {self.highest}."
            )

    @property
    def is_logarithmic(self):
        """Whether it is estimated, and spread by priors, on a logarithmic scale."""
        return self.scale == "log10"

    @property
    def is_rate(self):
        """Whether it says how fast something happens, or follows from what does."""
        return self.role == "rate" or (self.role == "derived" and _UNITS[self.unit][1] != 0)

    @property
    def is_shaping(self):
        """Whether it shapes a curve in a way that has to be computed anew for every value."""
        return self.dependence in ("power", "nonlinear")

    @property
    def column(self):
        """Name of the column of a table that holds it in natural units, e.g. ``D_um2_s``."""
        return self.name + _UNITS[self.unit][2]

    @property
    def target_name(self):
        """Name of the column of y that holds the parameter."""
        return f"log10_{self.name}" if self.is_logarithmic else self.name

    def decades(self, target: Any, reach: Any) -> Any:
        """Compute half of the decades between the ends of an interval, infinite if it reaches 0.

        Parameters
        ----------
        target, reach : float or ndarray
            Middle of the interval and how far it goes to either side, on the target's scale.

        Returns
        -------
        float or ndarray

        Examples
        --------
        >>> from skfrap.parameters import Parameter
        >>> time = Parameter("rise_time", "s", "linear", 0.0, 100.0, "of the signal")
        >>> round(float(10 ** (2 * time.decades(5.0, 4.0))), 6)  # 1 to 9 s
        9.0
        """
        if self.is_logarithmic:
            return np.asarray(reach)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.divide(reach, target)
            return np.where(np.abs(share) < 1, np.arctanh(share), np.inf) / np.log(10)

    def to_target(self, value: Any) -> Any:
        """Turn natural units into the target's scale.

        Parameters
        ----------
        value : float or ndarray
            One or several.

        Returns
        -------
        float or ndarray
            On the target's scale.
        """
        return np.log10(value) if self.is_logarithmic else value

    def from_target(self, value: Any) -> Any:
        """Turn the target's scale into natural units.

        Parameters
        ----------
        value : float or ndarray
            One or several.

        Returns
        -------
        float or ndarray
            In natural units.
        """
        return np.power(10.0, value) if self.is_logarithmic else value

    def rescale(
        self, value: Any, length: float = 1.0, time: float = 1.0, exponent: Any = None
    ) -> Any:
        """Turn a value into that of an experiment with other lengths and times.

        Parameters
        ----------
        value : float or ndarray
            In natural units.
        length, time : float, default=1.0
            The other experiment's lengths over this one's, and its times.
        exponent : float or ndarray, default=None
            Value of the parameter that `exponent` names, where it names one.

        Returns
        -------
        float or ndarray

        Raises
        ------
        ValueError
            If it takes an exponent, and none is given.

        Examples
        --------
        >>> from skfrap.parameters import parameter
        >>> float(parameter("D").rescale(10.0, length=2.0, time=0.5))  # µm²/s
        80.0
        """
        of_length, of_time, _ = _UNITS[self.unit]
        power: Any = of_time
        if self.exponent is not None and time != 1:
            if exponent is None:
                raise ValueError(
                    f"{self.name} is what has happened after 1 s; with other times it is another, "
                    f"by a power that is {self.exponent}, which must be among the targets."
                )
            power = -np.asarray(exponent, dtype=float)
        return np.multiply(value, length**of_length * time**power)


PARAMETERS: dict[str, Parameter] = {}


def define(entry: Parameter) -> Parameter:
    """Enter a parameter among those that models, simulators and fits know by name.

    Parameters
    ----------
    entry : Parameter
        What to know it by.

    Returns
    -------
    Parameter
        The same.

    Raises
    ------
    ValueError
        If another parameter has the name.

    Examples
    --------
    >>> from skfrap.parameters import Parameter, define
    >>> define(Parameter("drift", "µm", "linear", 0.0, 5.0, "shift of the sample")).column
    'drift_um'
    """
    if PARAMETERS.setdefault(entry.name, entry) != entry:
        raise ValueError(
            f"there is a parameter {entry.name!r} already: {PARAMETERS[entry.name]}. Use it, or "
            "another name."
        )
    return entry


for _entry in (
    Parameter("D", "µm²/s", "log10", 0.0, np.inf, "diffusion coefficient"),
    Parameter(
        "c0",
        "",
        "linear",
        0.0,
        np.inf,
        "initial concentration: prebleach intensity",
        dependence="factor",
    ),
    Parameter(
        "alpha",
        "",
        "linear",
        0.0,
        1.0,
        "what one bleach frame leaves in the region",
        role="instrument",
        dependence="polynomial",
    ),
    Parameter(
        "mobile_fraction",
        "",
        "linear",
        0.0,
        1.0,
        "fraction of particles that diffuse",
        dependence="mixture",
    ),
    Parameter(
        "imaging_bleach",
        "",
        "linear",
        0.0,
        1.0,
        "what imaging a frame leaves in the field",
        role="instrument",
        dependence="power",
    ),
    Parameter(
        "bleach_blur", "µm", "linear", 0.0, np.inf, "spread of the bleaching beam", "instrument"
    ),
    Parameter("imaging_blur", "µm", "linear", 0.0, np.inf, "spread of the detection", "instrument"),
    Parameter("a", "", "log10", 0.0, np.inf, "constant part of a pixel's noise variance", "noise"),
    Parameter("b", "", "log10", 0.0, np.inf, "noise variance of a pixel per intensity", "noise"),
):
    define(_entry)


def parameter(name: str) -> Parameter:
    """Look a parameter up by name.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    Parameter

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those there are.
    """
    if name not in PARAMETERS:
        raise ValueError(
            f"unknown parameter {name!r}; there are {', '.join(PARAMETERS)}. One of your own model "
            "is entered by skfrap.parameters.define, in the module that defines the model."
        )
    return PARAMETERS[name]


def is_parameter(name: str) -> bool:
    """Tell whether there is a parameter of a name.

    Parameters
    ----------
    name : str
        A name.

    Returns
    -------
    bool
    """
    return name in PARAMETERS


def parameter_of_target(target_name: str, argument: str = "target_name") -> Parameter:
    """Look a parameter up by the name of its column of y.

    Parameters
    ----------
    target_name : str
        Such as ``"log10_D"``.
    argument : str, default="target_name"
        What the message calls it.

    Returns
    -------
    Parameter

    Raises
    ------
    ValueError
        If no parameter has such a target; the message lists those there are.

    Examples
    --------
    >>> from skfrap.parameters import parameter_of_target
    >>> parameter_of_target("log10_D").name
    'D'
    """
    for entry in PARAMETERS.values():
        if entry.target_name == target_name:
            return entry
    known = ", ".join(entry.target_name for entry in PARAMETERS.values())
    raise ValueError(f"{argument} must be among {known}; got {target_name!r}.")


def is_uncertain(value: Any) -> bool:
    """Tell whether a prior's entry is a distribution, and not a number that is known.

    Parameters
    ----------
    value : float or distribution
        What a prior holds.

    Returns
    -------
    bool
    """
    return hasattr(value, "ppf")
