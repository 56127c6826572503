"""Which parameters a model has, which of them are free, and in which box."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skfrap._checks import check_range
from skfrap.numerics._magnitude import LARGEST
from skfrap.parameters._parameter import PARAMETERS, parameter


@dataclass(frozen=True)
class ParameterSpace:
    """Own the parameters of a model: names, order, scales, bounds, and what is known of them.

    Fits, networks, planners and pictures work on columns of free parameters, theta, on the scales
    of the targets; models take all parameters by name in natural units. This class alone turns one
    into the other.

    Parameters
    ----------
    bounds : dict of str to (float, float)
        The lowest and the highest value, in natural units, of all parameters of the model in its
        order. Both are the value of a parameter that is known.
    free : tuple of str
        What is to be estimated, in the order of the columns of theta.
    alike : tuple of str, default=()
        Names of two parameters and, if it is free, of the share of the second, if curves are the
        same with these two exchanged and the share taken from 1. Of both namings the one in which
        the first parameter is the larger is answered.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import DiffusionModel
    >>> from skfrap.parameters import ParameterSpace
    >>> space = ParameterSpace.of(DiffusionModel(FRAPProtocol()), bounds={"D": (1.0, 100.0)})
    >>> space.target_names
    ['log10_D', 'c0', 'alpha']
    >>> values = space.values([[1.0, 0.9, 0.5]])
    >>> values["D"].tolist(), values["mobile_fraction"].tolist()
    ([10.0], [1.0])
    """

    bounds: Mapping
    free: tuple[str, ...]
    alike: tuple[str, ...] = ()

    def __post_init__(self):
        plain = {name: (float(low), float(high)) for name, (low, high) in self.bounds.items()}
        object.__setattr__(self, "bounds", plain)
        object.__setattr__(self, "free", tuple(self.free))
        object.__setattr__(self, "alike", tuple(self.alike))

    @classmethod
    def of(
        cls,
        model: Any,
        parameters: Sequence[str] | None = None,
        fixed: Mapping[str, Any] | None = None,
        bounds: Mapping[str, Any] | None = None,
    ) -> "ParameterSpace":
        """Check what is asked of a model's parameters, and complete it by the model's defaults.

        Parameters
        ----------
        model : CurveModel
            Whose parameters they are.
        parameters : sequence of str, default=None
            What is to be estimated. None is what the model has no default for and is not fixed.
        fixed : dict, default=None
            ``{name: value}`` in natural units of what is known.
        bounds : dict, default=None
            ``{name: (lowest, highest)}`` in natural units, of what is to be estimated. What is not
            given has the model's bounds, or the parameter's.

        Returns
        -------
        ParameterSpace

        Raises
        ------
        ValueError
            If a name is not known or given twice, a value makes no sense, or something that has no
            default is missing.
        """
        fixed = dict(fixed or {})
        free = _check_free(model.defaults(), parameters, fixed)
        if hasattr(model, "check_free"):
            model.check_free(free)
        alike = _indistinguishable(getattr(model, "alike", ()), free, fixed)
        return cls(_complete_bounds(model, free, fixed, bounds), free, alike)

    def to_state(self) -> dict[str, Any]:
        """Return what a file keeps: ``"bounds"`` and ``"free"``, and ``"alike"`` if it has any.

        Returns
        -------
        dict
            By names that stay.
        """
        state = {"bounds": dict(self.bounds), "free": self.free}
        return state | ({"alike": self.alike} if self.alike else {})

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "ParameterSpace":
        """Make the space that :meth:`to_state` described.

        Parameters
        ----------
        state : dict
            As :meth:`to_state` gave it.

        Returns
        -------
        ParameterSpace
        """
        return cls(**state)

    def __contains__(self, name):
        return name in self.bounds

    @property
    def names(self):
        """All parameters, in the model's order."""
        return (*self.bounds,)

    @property
    def parameters(self):
        """The free parameters, in the order of the columns."""
        return [PARAMETERS[name] for name in self.free]

    @property
    def target_names(self):
        """Names of the columns of theta, such as ``["log10_D", "c0", "alpha"]``."""
        return [entry.target_name for entry in self.parameters]

    @property
    def fixed(self):
        """What is known, by name, in natural units."""
        return {name: self.bounds[name][0] for name in self.bounds if name not in self.free}

    @property
    def factor(self):
        """Name of the parameter that curves are proportional to, None in a model without one."""
        return self.first("factor")

    @property
    def shaping(self):
        """Names, in the model's order, of what shapes a curve in no simple way."""
        return tuple(name for name in self.bounds if PARAMETERS[name].is_shaping)

    @property
    def free_shaping(self):
        """Names of what shapes a curve in no simple way and is free, in the model's order."""
        return tuple(name for name in self.shaping if name in self.free)

    @property
    def rates(self):
        """Which columns tell how fast something happens: (n_free,) of bool."""
        return np.array([entry.is_rate for entry in self.parameters], dtype=bool)

    @property
    def lower(self):
        """Lower bounds of the columns, (n_free,)."""
        return self.ends(self.free)[0]

    @property
    def upper(self):
        """Upper bounds of the columns, (n_free,)."""
        return self.ends(self.free)[1]

    def first(self, dependence: str) -> Any:
        """Return the first parameter that curves depend on in a way, None if there is none.

        Parameters
        ----------
        dependence : str
            As of :class:`Parameter`.

        Returns
        -------
        str or None
            Its name.
        """
        return next((n for n in self.bounds if PARAMETERS[n].dependence == dependence), None)

    def column(self, name: str) -> int:
        """Return the column of theta that holds a free parameter.

        Parameters
        ----------
        name : str
            A free parameter.

        Returns
        -------
        int
            Its column of theta.
        """
        return self.free.index(name)

    def ends(self, names):
        """Return the lower and the upper bounds of some parameters, on the targets' scales.

        Parameters
        ----------
        names : sequence of str
            Parameters.

        Returns
        -------
        ndarray of shape (n, 2)
            On the targets' scales.
        """
        table = np.empty((2, len(names)))
        with np.errstate(divide="ignore"):  # a rate may be fixed at 0
            for k, name in enumerate(names):
                table[:, k] = PARAMETERS[name].to_target(np.array(self.bounds[name], dtype=float))
        return table[0], table[1]

    def values(self, theta: ArrayLike) -> dict[str, Any]:
        """Return all parameters by name in natural units, each of shape (n,).

        Parameters
        ----------
        theta : array-like of shape (n, n_free)
            On the targets' scales.

        Returns
        -------
        dict of str to ndarray of shape (n,)
        """
        theta = np.asarray(theta, dtype=float)
        columns = dict(zip(self.free, theta.T, strict=True))
        return {
            name: PARAMETERS[name].from_target(columns[name])
            if name in columns
            else np.full(len(theta), ends[0])
            for name, ends in self.bounds.items()
        }

    def theta(self, values: dict[str, Any]) -> np.ndarray:
        """Return columns, (n, n_free), of parameters that are given by name in natural units.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            Parameters in natural units.

        Returns
        -------
        ndarray of shape (n, n_free)
            On the targets' scales.
        """
        columns = [PARAMETERS[n].to_target(np.asarray(values[n], dtype=float)) for n in self.free]
        return np.stack(columns, axis=1)

    def in_order(self, theta: np.ndarray) -> np.ndarray:
        """Return columns of the same curves in which the first of what is alike is the larger.

        Parameters
        ----------
        theta : ndarray of shape (n, n_free)
            On the targets' scales.

        Returns
        -------
        ndarray of shape (n, n_free)
            Where the bounds allow only one of both namings it is left as it is.
        """
        if not self.alike:
            return theta
        first, second, *share = (self.column(name) for name in self.alike)
        exchanged = theta.copy()
        exchanged[:, [first, second]] = theta[:, [second, first]]
        exchanged[:, share] = 1 - theta[:, share]
        columns = [first, second, *share]
        inside = ((exchanged >= self.lower) & (exchanged <= self.upper))[:, columns]
        wrong = (theta[:, second] > theta[:, first]) & inside.all(axis=1)
        return np.where(wrong[:, np.newaxis], exchanged, theta)

    def extra_over(self, other: "ParameterSpace") -> Any:
        """Tell what is free here and known in a space that is nested in this one.

        Parameters
        ----------
        other : ParameterSpace
            A smaller one.

        Returns
        -------
        tuple of str or None
            None where `other` is not nested in this one, or is the same.
        """
        for name, (lowest, highest) in other.bounds.items():
            here = self.bounds.get(name)
            if here is None or not here[0] <= lowest <= highest <= here[1]:
                return None
        extra = tuple(n for n in self.bounds if n in self.free and n not in other.free)
        return extra or None


def check_value(what: str, value: Any, entry: Any):
    """Check that a value of a parameter makes sense.

    Parameters
    ----------
    what : str
        What it is called in a message.
    value : object
        What was given.
    entry : Parameter
        What it is a value of.
    """
    check_range(what, value, entry.lowest, min(entry.highest, LARGEST), with_highest=True)


def _check_free(defaults, parameters, fixed):
    """Check what is to be estimated and what is given; return the names of the former."""
    known = (*defaults,)
    if parameters is None:
        parameters = [name for name in known if defaults[name] is None and name not in fixed]
    names = tuple(parameters)
    if not names or len({*names}) < len(names) or not {*names} <= {*known}:
        raise ValueError(f"parameters must be some of {known}, each once, got {parameters!r}.")
    missing = [name for name in known if defaults[name] is None and name not in {*names, *fixed}]
    if missing:
        raise ValueError(f"{missing} must be among the parameters or be given in fixed.")
    for name, value in fixed.items():
        if name not in known or name in names:
            raise ValueError(
                f"fixed must hold some of {known} that are not among the parameters, got {name!r}."
            )
        check_value(f"fixed[{name!r}]", value, parameter(name))
    return names


def _indistinguishable(alike, free, fixed):
    """Return what of parameters that are alike is free, if nothing that is known tells them apart.

    A share that is known does, unless it is a half.
    """
    if not alike or not {*alike[:2]} <= {*free}:
        return ()
    if {*alike} <= {*free}:
        return alike
    return alike[:2] if fixed.get(alike[2]) == 0.5 else ()


def _complete_bounds(model, free, fixed, given):
    """Check bounds; complete them by defaults, and by what is known as bounds of no width."""
    if not isinstance(given, Mapping | None):
        raise ValueError(
            f"bounds must be a dictionary of (lowest, highest) by parameter name, got {given!r}."
        )
    bounds = {}
    for name, default in model.defaults().items():
        if name in free:
            entry = parameter(name)
            bounds[name] = model.bounds.get(name, (entry.lowest, entry.highest))
        else:
            bounds[name] = (float(fixed.get(name, default)),) * 2
    for name, ends in (given or {}).items():
        entry = parameter(name)
        if name not in free:
            raise ValueError(f"bounds can be given for the parameters {free}, got {name!r}.")
        try:
            lowest, highest = map(float, ends)
        except (TypeError, ValueError):
            raise ValueError(f"bounds[{name!r}] must be two numbers, got {ends!r}.") from None
        if not entry.lowest <= lowest < highest <= entry.highest:
            raise ValueError(
                f"bounds[{name!r}] must be increasing and lie between {entry.lowest} "
                f"and {entry.highest}, got {ends!r}."
            )
        bounds[name] = lowest, highest
    for name in free:
        entry, (lowest, highest) = PARAMETERS[name], bounds[name]
        positive = entry.is_logarithmic
        unbounded = (positive and lowest <= 0) or highest == np.inf
        if entry.dependence != "factor" and unbounded:
            raise ValueError(
                f"bounds[{name!r}] must be {'positive and ' if positive else ''}finite, "
                f"got {bounds[name]!r}."
            )
    return bounds
