"""Random input to everything that takes arrays: an answer with its findings, or an error in words.

Every case is drawn from the seed and its number alone, so that one that fails can be run by itself.
"""

import traceback
import warnings
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import skfrap
from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap.calibration import calibrate_noise
from skfrap.comparison import compare_models
from skfrap.design import expected_errors, plan
from skfrap.metrics import mean_absolute_percentage_error, weighted_mean_squared_error
from skfrap.models import DiffusionModel
from skfrap.plotting import (
    CoverageDisplay,
    EstimatedVersusTrueDisplay,
    RecoveryCurveDisplay,
    ReplicatesDisplay,
    ResidualsDisplay,
)
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
)
from skfrap.replicates import compare_groups, compare_methods, summarise_replicates
from skfrap.scaling import rescale_targets, scaled_protocol

PROTOCOL = FRAPProtocol(
    shape=(40, 40), pixel_size=1.0, bleach_region=Circle(6.0), n_prebleach=4, n_bleach=1,
    n_postbleach=16, frame_interval=0.5, padding=20,
)  # fmt: skip
ALLOWED = (ValueError, TypeError, FileNotFoundError)
_HERE = Path(skfrap.__file__).parent
_ODD = (0.0, -1.0, 1e-300, 1e-12, 1e9, 1e155, 1e300, np.inf, -np.inf, np.nan)


class _Case:
    """Draw the arguments of one call."""

    def __init__(self, seed, number):
        self.random = np.random.default_rng([seed, number])
        self.given = []

    def pick(self, *choices):
        """Return one of several."""
        return choices[self.random.integers(len(choices))]

    def array(self, values):
        """Return an array as callers may hold it, spoilt or not; it is watched for changes."""
        values = np.array(values, dtype=float)
        spoil = self.pick(*["nothing"] * 8, "value", "values", "row", "scale", "shift", "constant")
        if values.size:
            if spoil == "value":
                values.flat[self.random.integers(values.size)] = self.pick(*_ODD)
            elif spoil == "values":
                some = self.random.integers(values.size, size=1 + values.size // 10)
                values.flat[some] = self.pick(*_ODD)
            elif spoil == "row":
                values[self.random.integers(len(values))] = self.pick(*_ODD)
            elif spoil == "scale":
                values *= self.pick(1e-300, 1e-150, 1e-6, -1.0, 100.0, 65535.0, 1e155, 1e300)
            elif spoil == "shift":
                values -= self.pick(1.0, values.mean(), values.min(), 1e6)
            elif spoil == "constant":
                values[:] = self.pick(*_ODD)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dtype = self.pick(*["f8"] * 12, "f4", "f2", "i8", "u2", "c16", "O", "U9", "?")
            values = values.astype(dtype)
        shape = self.pick(*["as it is"] * 20, "empty", "one axis", "one axis more", "reversed")
        if shape == "empty":
            values = values[:0]
        elif shape == "one axis":
            values = values.ravel()
        elif shape == "one axis more":
            values = values[np.newaxis]
        elif shape == "reversed":
            values = values[..., ::-1]
        return self.watched(values)

    def watched(self, values):
        """See afterwards that values are what they were."""
        self.given.append((values, values.copy()))
        return values

    def changed(self):
        """Tell whether any array that was given has changed."""
        return any(not _same(now, before) for now, before in self.given)

    def curves(self, n=None):
        """Draw curves."""
        n = n or self.pick(1, 2, 3, 7)
        number = self.random.integers(2**31)
        a = self.pick(0.0, 1e-5, 1e-3, 1e-1)
        X = FRAPSimulator(PROTOCOL, {"a": a} if a else {"a": 1e-9}, random_state=number)
        return X.sample(n).data

    def number(self):
        """Draw a number, mostly one that makes sense."""
        return self.pick(1e-3, 0.5, 0.95, 1, 2, 10.0, *_ODD, None, "x")


def _same(one, other):
    if one.dtype.kind in "OU":
        return bool((one.astype(str) == other.astype(str)).all())
    return one.tobytes() == other.tobytes()


@cache
def _network():
    X, y = FRAPSimulator(PROTOCOL, random_state=0).sample(200, return_X_y=True)
    options = {"hidden_layer_sizes": (8,), "max_iter": 3, "early_stopping": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return NeuralFRAP(PROTOCOL, random_state=0, **options).fit(X, y)


@cache
def _estimators():
    X = FRAPSimulator(PROTOCOL, random_state=0).sample(4).data
    return {
        "LeastSquaresFRAP": LeastSquaresFRAP(PROTOCOL).fit(X),
        "LeastSquaresFRAP huber": LeastSquaresFRAP(PROTOCOL, loss="huber").fit(X),
        "LeastSquaresFRAP proportional": LeastSquaresFRAP(PROTOCOL, noise="proportional").fit(X),
        "LeastSquaresFRAP mobile": LeastSquaresFRAP(
            PROTOCOL, parameters=("D", "c0", "alpha", "mobile_fraction")
        ).fit(X),
        "LeastSquaresFRAP exponential": LeastSquaresFRAP(PROTOCOL, model="exponential").fit(X),
        "BayesianFRAP": BayesianFRAP(PROTOCOL, n_nodes=8).fit(X),
        "NeuralFRAP": _network(),
    }


def _estimator(case):
    name = case.pick(*_estimators())
    return name, _estimators()[name]


def _call_estimator(case):
    name, estimator = _estimator(case)
    what = case.pick("estimate", "estimate", "predict", "predict_interval", "fit_curves", "score")
    X = case.array(case.curves())
    if what == "estimate":
        estimates = estimator.estimate(X, level=case.pick(0.95, 0.95, 0.5, case.number()))
        _see_estimates(estimates)
        return f"{name}.estimate"
    if what == "score":
        estimator.score(X, case.array(np.ones((len(X), 3))))
    elif what == "predict":
        answers = estimator.predict(X, return_std=case.pick(False, True))
        _see_finite(answers[0] if isinstance(answers, tuple) else answers)
    elif what == "predict_interval":
        ends = estimator.predict_interval(X, case.pick(0.95, 0.5, case.number()))
        if (ends[..., 0] > ends[..., 1]).any():
            raise AssertionError("an interval ends below its beginning")
    else:
        _see_finite(estimator.fit_curves(X))
    return f"{name}.{what}"


def _see_finite(values):
    if not np.isfinite(values).all():
        raise AssertionError("a number that is none, without a finding")


def _see_estimates(estimates):
    for name, values in estimates.values.items():
        for ends in (values, estimates.lower[name], estimates.upper[name]):
            if (~np.isfinite(ends) & (estimates.flags == "")).any():
                raise AssertionError(f"{name} is no number, without a finding")
        lower, upper = estimates.lower[name], estimates.upper[name]
        if (lower > upper).any():
            raise AssertionError(f"the interval of {name} ends below its beginning")
    estimates.summary()
    estimates.to_dict()


def _call_fit(case):
    X = case.array(case.curves(4))
    options = case.pick(
        {}, {"noise": "proportional"}, {"loss": "huber"}, {"bounds": {"D": (1.0, case.number())}},
        {"fixed": {"c0": case.number()}}, {"tol": case.number()}, {"max_nfev": case.number()},
    )  # fmt: skip
    kind = case.pick(LeastSquaresFRAP, BayesianFRAP)
    if kind is BayesianFRAP:
        options = case.pick({}, {"prior": {"c0": case.number()}}, {"n_nodes": 8})
    weights = case.pick(None, case.array(np.ones(4)), np.zeros(4))
    estimator = kind(PROTOCOL, **options).fit(X, sample_weight=weights)
    _see_estimates(estimator.estimate(case.curves(2)))
    return f"{kind.__name__}.fit"


def _call_corrector(case):
    stacks = FRAPSimulator(PROTOCOL, random_state=case.random.integers(99)).sample_images(1).data
    stacks = case.array(stacks)
    corrector = case.pick(
        IntensityRescaler(case.pick(None, 8, 12, 16)),
        BackgroundSubtractor(case.pick(5.0, case.number()), protocol=PROTOCOL),
        FlatFieldCorrector(case.pick(5.0, case.number()), n_prebleach=case.pick(4, case.number())),
        FadingCorrector(PROTOCOL, distance=case.pick(1.2, case.number())),
    )
    corrected = corrector.fit_transform(stacks)
    RecoveryCurveExtractor(PROTOCOL).fit_transform(corrected)
    return type(corrector).__name__


def _call_model(case):
    values = {
        "D": case.array([1.0, 10.0]), "c0": case.array([0.5]), "alpha": case.array([0.5, 0.9]),
    }  # fmt: skip
    extra = case.pick({}, {"mobile_fraction": case.number()}, {"imaging_bleach": case.number()})
    _see_finite(DiffusionModel(PROTOCOL).curves(**values, **extra))
    return "DiffusionModel.curves"


def _call_replicates(case):
    values = case.array(np.exp(case.random.standard_normal(6)))
    groups = case.pick(None, list("aabbcc"), list("aaaaab"), list("ab"), case.array(np.ones(6)))
    what = case.pick("summary", "groups", "methods")
    scale = case.pick(None, "linear", "log10", "x")
    if what == "summary":
        summary = summarise_replicates(values, groups=groups, scale=scale)
        summary.summary()
        ReplicatesDisplay.from_summary(summary).plot()
    elif what == "groups":
        compare_groups(values, groups, scale=scale).summary()
    else:
        compare_methods({"a": values, "b": case.array(np.arange(1.0, 7.0))}, scale=scale).summary()
    return f"replicates: {what}"


def _call_design(case):
    guess = {
        "D": case.pick(5.0, [1.0, 10.0], case.number()),
        "c0": case.pick(0.7, 0.7, case.number()),
        "alpha": case.pick(0.6, 0.6, case.number()),
    }
    a = case.pick(1e-3, 1e-3, case.number())
    if case.pick(True, False):
        expected_errors(PROTOCOL, guess, a=a).summary()
    else:
        vary = {case.pick("frame_interval", "n_postbleach"): [case.pick(1, 5, case.number())]}
        plan(PROTOCOL, guess, vary, a=a).summary()
    return "design"


def _call_display(case):
    name, estimator = _estimator(case)
    X = case.array(case.curves(3))
    y = case.array(np.tile([1.0, 0.7, 0.6], (3, 1)))
    display = case.pick(
        lambda: RecoveryCurveDisplay.from_estimator(estimator, X, case.pick(0, 2, 9, -1)),
        lambda: ResidualsDisplay.from_estimator(estimator, X),
        lambda: EstimatedVersusTrueDisplay.from_estimator(estimator, X, y),
        lambda: CoverageDisplay.from_estimator(estimator, X, y),
    )
    display().plot()
    return f"display of {name}"


def _call_comparison(case):
    X = case.array(case.curves(2))
    models = case.pick(
        ["diffusion", "diffusion+mobile_fraction"], ["exponential"], ["x"], [], ["diffusion"] * 2
    )
    compare_models(X, models, PROTOCOL).summary()
    return "compare_models"


def _call_noise(case):
    series = 0.5 + 0.02 * case.random.standard_normal((6, 12, 12))
    calibration = calibrate_noise(case.array(series), dark_level=case.pick(0.0, case.number()))
    str(calibration.flags)
    return "calibrate_noise"


def _call_scaling(case):
    if case.pick(True, False):
        scaled_protocol(PROTOCOL, case.pick(1.0, case.number()), case.pick(1.0, case.number()))
    else:
        targets = case.array(np.tile([1.0, 0.7, 0.6], (3, 1)))
        rescale_targets(targets, ["log10_D", "c0", "alpha"], case.pick(2.0, case.number()))
    return "scaling"


def _call_metric(case):
    one, other = case.array(np.ones((4, 2))), case.array(np.full((4, 2), 2.0))
    if case.pick(True, False):
        mean_absolute_percentage_error(one, other)
    else:
        weighted_mean_squared_error(one, other, case.array(np.ones(4)))
    return "metrics"


_CALLS = (
    *[_call_estimator] * 6, _call_fit, _call_corrector, _call_corrector, _call_model,
    _call_replicates, _call_design, _call_display, _call_comparison, _call_noise, _call_scaling,
    _call_metric,
)  # fmt: skip


def try_case(seed, number):
    """Make one call, and return what is wrong with what came of it, or an empty text.

    Parameters
    ----------
    seed, number : int

    Returns
    -------
    what, outcome, fault : str
    """
    case = _Case(seed, number)
    call = case.pick(*_CALLS)
    what = call.__name__.removeprefix("_call_")
    fault, outcome = "", "answered"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            what = call(case)
        except ALLOWED as error:
            outcome = "refused"
            if not str(error).strip() or not _in_our_words(error):
                fault = f"refused in words that are not ours: {type(error).__name__}: {error}"
        except Exception as error:  # that is what is looked for
            outcome = "failed"
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            fault = f"{type(error).__name__} in {place}: {error}"
        finally:
            plt.close("all")
    leaked = [one for one in caught if not issubclass(one.category, UserWarning)]
    if not fault and leaked:
        fault = f"a warning leaked: {leaked[0].category.__name__}: {leaked[0].message}"
    if not fault and case.changed():
        fault = "an array that was given has been changed"
    return what, outcome, fault


def _in_our_words(error):
    """Tell whether skfrap has raised it, or scikit-learn's checks of input, which it calls."""
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return last.startswith(str(_HERE)) or "sklearn" in last


def run(n=3000, seed=0, numbers=None):
    """Try random calls and print what came of them.

    Parameters
    ----------
    n : int, default=3000
    seed : int, default=0
    numbers : sequence of int, default=None
        Only these of the cases.

    Returns
    -------
    dict
        ``"n"``, counts of ``"outcomes"``, and the ``"faults"`` by number of the case.
    """
    outcomes, faults = Counter(), {}
    for number in range(n) if numbers is None else numbers:
        what, outcome, fault = try_case(seed, number)
        outcomes[outcome] += 1
        if fault:
            faults[number] = f"{what}: {fault}"
    print(
        f"{sum(outcomes.values())} random calls: {dict(outcomes)}; {len(faults)} faults (0 wanted)"
    )
    for number, fault in faults.items():
        print(f"  case {number}: {fault}")
    return {"n": sum(outcomes.values()), "outcomes": dict(outcomes), "faults": faults}
