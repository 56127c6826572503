"""What can be estimated: the parameters' names, units, scales and prior distributions.

Here are those that models share; what only one model knows is defined beside it.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["PARAMETERS", "Parameter", "define", "parameter", "table_1_prior"]

# A unit's powers of length and of time, and how it stands in the name of a column.
_UNITS = {
    "": (0, 0, ""),
    "µm²/s": (2, -1, "_um2_s"),
    "µm": (1, 0, "_um"),
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
    unit : {"", "µm²/s", "µm", "s", "1/s"}
        Empty where it has none.
    scale : {"linear", "log10"}
        Scale on which it is estimated and reported as a target.
    lowest, highest : float
        Values outside this range make no sense.
    meaning : str
        One line for people.
    """

    name: str
    unit: str
    scale: str
    lowest: float
    highest: float
    meaning: str

    def __post_init__(self):
        if self.unit not in _UNITS:
            raise ValueError(f"unit must be one of {tuple(_UNITS)}, got {self.unit!r}.")
        if self.scale not in ("linear", "log10"):
            raise ValueError(f"scale must be 'linear' or 'log10', got {self.scale!r}.")

    @property
    def column(self):
        """Name of the column of a table that holds it in natural units, e.g. ``D_um2_s``."""
        return self.name + _UNITS[self.unit][2]

    @property
    def target_name(self):
        """Name of the column of y that holds the parameter."""
        return f"log10_{self.name}" if self.scale == "log10" else self.name

    def to_target(self, value):
        """Turn natural units into the target's scale."""
        return np.log10(value) if self.scale == "log10" else value

    def from_target(self, value):
        """Turn the target's scale into natural units."""
        return np.power(10.0, value) if self.scale == "log10" else value

    def rescale(self, value, length=1.0, time=1.0):
        """Turn a value into that of an experiment with other lengths and times.

        Parameters
        ----------
        value : float or ndarray
            In natural units.
        length, time : float, default=1.0
            The other experiment's lengths over this one's, and its times.

        Returns
        -------
        float or ndarray

        Examples
        --------
        >>> from skfrap.parameters import parameter
        >>> float(parameter("D").rescale(10.0, length=2.0, time=0.5))  # µm²/s
        80.0
        """
        of_length, of_time, _ = _UNITS[self.unit]
        return np.multiply(value, length**of_length * time**of_time)


PARAMETERS: dict[str, Parameter] = {}


def define(entry):
    """Enter a parameter among those that models, simulators and fits know by name.

    Parameters
    ----------
    entry : Parameter

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
    Parameter("c0", "", "linear", 0.0, np.inf, "initial concentration: prebleach intensity"),
    Parameter("alpha", "", "linear", 0.0, 1.0, "what one bleach frame leaves in the region"),
    Parameter("mobile_fraction", "", "linear", 0.0, 1.0, "fraction of particles that diffuse"),
    Parameter("imaging_bleach", "", "linear", 0.0, 1.0, "what imaging a frame leaves in the field"),
    Parameter("bleach_blur", "µm", "linear", 0.0, np.inf, "spread of the bleaching beam"),
    Parameter("imaging_blur", "µm", "linear", 0.0, np.inf, "spread of the detection"),
    Parameter("a", "", "log10", 0.0, np.inf, "constant part of a pixel's noise variance"),
    Parameter("b", "", "log10", 0.0, np.inf, "noise variance of a pixel per intensity"),
):
    define(_entry)


def parameter(name):
    """Look a parameter up by name.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those there are.
    """
    if name not in PARAMETERS:
        raise ValueError(f"unknown parameter {name!r}; there are {', '.join(PARAMETERS)}.")
    return PARAMETERS[name]


def table_1_prior():
    """Return the parameter distributions of the DeepFRAP paper's Table 1.

    Returns
    -------
    dict of str to scipy.stats frozen distribution
        ``D`` log-uniform on 1 to 1000 µm²/s, ``c0`` uniform on 0.5 to 1, ``alpha`` uniform on
        0.45 to 0.95, noise ``a`` log-uniform on 1e-4 to 1e-2.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), Table 1.
    """
    from scipy.stats import loguniform, uniform

    return {
        "D": loguniform(1.0, 1000.0),
        "c0": uniform(0.5, 0.5),
        "alpha": uniform(0.45, 0.5),
        "a": loguniform(1e-4, 1e-2),
    }
