"""What a network is to learn: which parameters of which model, in which experiment and box."""

import warnings
from dataclasses import dataclass, field, fields, replace

import numpy as np

from skfrap.experiment import FRAPProtocol
from skfrap.experiment._noise import NO_NOISE
from skfrap.inference._targets import choose_targets
from skfrap.inference.fitting._fitter import CurveFitter
from skfrap.inference.fitting._images import ImageFitter
from skfrap.inference.networks._features import LinearizedFeatures, LinearizedImageFeatures
from skfrap.models import (
    DirectCurves,
    ExactModel,
    ImageSurrogate,
    InterpolationError,
    surrogate_for,
)
from skfrap.models import model_for as make_model
from skfrap.parameters import (
    ParameterSpace,
    finite_ends,
    is_uncertain,
    parameter,
    parameter_of_target,
    table_1_prior,
)
from skfrap.parameters._targets import check_target_names, given_target_names

_TABLE_1 = {name: table_1_prior()[name].support() for name in ("D", "c0", "alpha")}
_ERRORS = 1e-5, 4e-3  # of the interpolation, tried in turn: noise is above 1e-4
_RARE = 1e-12  # drawn once in a life
_FOR_NOISE, _OF_NOISES = 8192, 0.995  # curves that tell the noise, and which of them
_STOPPING = {"max_nfev": 100, "tol": 1e-10}


@dataclass
class Task:
    """What is to be learnt.

    Attributes
    ----------
    target_names : list of str
        What to answer in, of all that is free, in this order.
    protocol : FRAPProtocol or None
    model : str, type or CurveModel, or None
        None where the targets are not parameters of a model.
    names : tuple of str
        The parameters that are free.
    fixed, bounds : dict
        Parameters that are known, and the ranges of all others, in natural units.
    surrogate : ImageSurrogate or None
        What scores of image series are of, None where curves are learnt from.
    highest_noise : float or None
        Variance of a pixel's noise up to which curves are learnt from; None is not known.
    """

    target_names: list
    protocol: FRAPProtocol | None = None
    model: object = None
    names: tuple = ()
    fixed: dict = field(default_factory=dict)
    bounds: dict = field(default_factory=dict)
    surrogate: ImageSurrogate | None = None
    highest_noise: float | None = None

    def to_state(self):
        """Return what a file keeps: the attributes, but for the surrogate, which features keep."""
        state = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        del state["surrogate"]
        if self.highest_noise is None:  # as in files of before it was known
            del state["highest_noise"]
        return state

    @classmethod
    def from_state(cls, state):
        """Make the task that :meth:`to_state` described."""
        return cls(**state)

    def fitter(self):
        """Make what fits the model within the box.

        Returns
        -------
        CurveFitter

        Raises
        ------
        InterpolationError
            If the model can neither be interpolated nor is cheap.
        """
        model, space = self.curve_model(), self.space()
        if self.surrogate is not None:
            return ImageFitter(self.surrogate, space, **_STOPPING)
        exact = isinstance(model, ExactModel)
        evaluator = self._interpolated(space) if exact else DirectCurves(model)
        return CurveFitter(evaluator, space, **_STOPPING)

    def curve_model(self):
        """Make the model; None where there is none."""
        return None if self.model is None else make_model(self.protocol, self.model)

    def space(self):
        """Make the space of what is to be learnt, within its box; None without a model."""
        model = self.curve_model()
        if model is None:
            return None
        return ParameterSpace.of(model, self.names, self.fixed, self.bounds)

    @property
    def columns(self):
        """Places of the targets among all that is free; None without a model."""
        if self.model is None:
            return None
        free = [parameter(name).target_name for name in self.names]
        return [free.index(name) for name in self.target_names]

    def with_noise(self, variance):
        """Return the task with noise of another variance learnt as well; None adds nothing."""
        known = [one for one in (self.highest_noise, variance) if one is not None]
        return replace(self, highest_noise=max(known)) if known else self

    def is_same(self, task):
        """Tell whether what other curves teach is this task."""
        if self.model is None:  # nothing is known of it but its targets
            return self.target_names == task.target_names
        names = "target_names", "model", "names", "fixed", "protocol", "surrogate"
        return (
            all(getattr(self, name) == getattr(task, name) for name in names)
            and self.bounds.keys() == task.bounds.keys()
            and all(np.allclose(self.bounds[name], task.bounds[name]) for name in self.bounds)
        )

    def _interpolated(self, space):
        ranges = {name: space.bounds[name] for name in space.free_shaping}
        fixed = {name: value for name, value in space.fixed.items() if name in space.shaping}
        *errors, last = _ERRORS
        for error in errors:
            try:
                return surrogate_for(self.protocol, self.model, ranges, fixed, largest_error=error)
            except InterpolationError:
                continue
        return surrogate_for(self.protocol, self.model, ranges, fixed, largest_error=last)


def task_of_data(asked, data, named):
    """Find what labelled curves are to teach.

    Parameters
    ----------
    asked : TaskOptions
    data : tuple of X, y, weight
    named : list of str or None
        Names of y's columns, where it has some.

    Returns
    -------
    Task

    Raises
    ------
    ValueError
        If y names what is not estimated, or is not what it names.
    """
    X, y, _ = data
    names = given_target_names(asked.target_names)
    nameless = [f"y{k}" for k in range(y.shape[1])]
    if asked.protocol is None:
        for name in ("model", "parameters", "fixed", "bounds"):
            if getattr(asked, name) is not None:
                raise ValueError(f"{name} needs a protocol, or curves of a simulator; give both.")
        chosen = named or names or nameless
        if names not in (None, chosen) or len(chosen) != y.shape[1]:
            raise ValueError(f"y must have the columns target_names = {names}, got {nameless}.")
        return Task(chosen)
    task = _task_of_protocol(asked)
    task = task.with_noise(noise_of_data(task, X))
    choice = choose_targets(X, y, named, names, task.space(), _told_by_rough_fits(task))
    gives_up = choice.unlike and named is None and asked.features in ("auto", "raw")
    # What is merely out of bounds is refused by features that have them, and no matter to others.
    if choice.unlike:
        learnt = "" if not gives_up else " It is learnt as it stands, from curves as they are."
        warnings.warn(choice.doubt + learnt, UserWarning, stacklevel=5)
    return Task(nameless, asked.protocol) if gives_up else replace(task, target_names=choice.names)


def _task_of_protocol(asked):
    """Find all that could be learnt of a model."""
    key = "diffusion" if asked.model is None else asked.model
    model, fixed = make_model(asked.protocol, key), dict(asked.fixed or {})
    names = ParameterSpace.of(model, asked.parameters, fixed).free
    known = model.bounds | _TABLE_1
    bounds = {name: known[name] for name in names if name in known} | dict(asked.bounds or {})
    targets = ParameterSpace.of(model, names, fixed, bounds).target_names
    return Task(targets, asked.protocol, key, names, fixed, bounds, asked.surrogate)


def _rough_features(task):
    """Make features that fit curves roughly; None where that takes too long, or has no model."""
    kind = LinearizedFeatures if task.surrogate is None else LinearizedImageFeatures
    try:
        return None if task.model is None else kind(task.fitter())
    except InterpolationError:
        return None


def noise_of_data(task, X):
    """Return up to which variance of a pixel's noise curves go; None where they do not tell it.

    Parameters
    ----------
    task : Task
    X : ndarray of shape (n, n_columns)

    Returns
    -------
    float or None
    """
    features = _rough_features(task)
    if features is None:
        return None
    some = X[:_FOR_NOISE]
    gain = task.protocol.noise_gain if task.surrogate is None else 1.0
    highest = float(np.quantile(features.noise(some), _OF_NOISES))
    level = np.abs(some).max()
    return highest / gain if highest > (NO_NOISE * level) ** 2 else None


def _told_by_rough_fits(task):
    """Make what tells parameters and standard errors of curves; None where that takes too long."""
    features = _rough_features(task)
    if features is None:
        return None

    def tell(X):
        theta, covariance = features.rough_fit(X)
        return theta, np.sqrt(np.einsum("nvv->nv", covariance))

    return tell


def task_of_simulator(asked, simulator):
    """Find what a simulator's curves are to teach.

    Parameters
    ----------
    asked : TaskOptions
    simulator : FRAPSimulator

    Returns
    -------
    Task
    """
    targets = list(simulator.target_names)
    names = tuple(parameter_of_target(target).name for target in targets)
    model = make_model(simulator.protocol, simulator.model)
    fixed = {name: float(simulator.prior[name]) for name in model.defaults() if name not in names}
    _check_agreement(asked, simulator.model, names, fixed)
    bounds = {name: _range(parameter(name), simulator.prior[name]) for name in names}
    bounds |= dict(asked.bounds or {})
    ParameterSpace.of(model, names, fixed, bounds)  # checks them
    chosen = given_target_names(asked.target_names)
    if chosen is not None:
        check_target_names(chosen, targets, "target_names")
        targets = chosen
    noise = _highest_noise(simulator)
    key = simulator.model
    return Task(targets, simulator.protocol, key, names, fixed, bounds, asked.surrogate, noise)


def _highest_noise(simulator):
    """Return the largest variance of a pixel's noise that is drawn; None where there is none."""
    if simulator.noise == "none":
        return None

    def most(name):
        given = simulator.prior[name]
        return finite_ends(name, given)[1] if is_uncertain(given) else float(given)

    light = most("b") * most("c0") if simulator.noise == "proportional" else 0.0
    return most("a") + light


def _check_agreement(asked, model, names, fixed):
    drawn = {"model": model, "parameters": sorted(names)}
    wanted = {"model": asked.model}
    wanted["parameters"] = None if asked.parameters is None else sorted(asked.parameters)
    for name, value in (asked.fixed or {}).items():
        wanted[f"fixed[{name!r}]"], drawn[f"fixed[{name!r}]"] = value, fixed.get(name)
    for name, ours in wanted.items():
        if ours is not None and ours != drawn[name]:
            raise ValueError(
                f"simulator and estimator must agree: {name} of the estimator is {ours!r}, and "
                f"what the simulator draws has {drawn[name]!r}."
            )


def _range(description, distribution):
    """Return the range of a prior, finite, and for a number some range around it."""
    if not is_uncertain(distribution):
        value = float(distribution)
        ends = (0.5 * value, 2.0 * value) if value > 0 else (0.0, 1.0)
    else:
        ends = finite_ends(description.name, distribution, _RARE)
    return ends[0], min(ends[1], description.highest)
