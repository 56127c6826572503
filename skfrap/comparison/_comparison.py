"""Which model a recovery curve asks for: information criteria, F tests and evidence."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2
from sklearn.base import clone
from sklearn.utils import get_tags, validation
from sklearn.utils.validation import check_is_fitted

from skfrap._arrays import explain, is_masked, nan_where_masked, without_masked
from skfrap._checks import check_choice
from skfrap.comparison._candidates import as_estimators, extra_parameters, known_noise
from skfrap.comparison._criteria import (
    boundary_p_value,
    information_criteria,
    log_likelihood,
    nested_f_test,
)
from skfrap.comparison._gaps import compare_by_pattern
from skfrap.estimators import FRAPEstimates
from skfrap.experiment._noise import squares_without_noise
from skfrap.judging import GoodnessOfFit, judge_fit
from skfrap.results._finding import as_labels
from skfrap.results._tables import as_table, plain

CANDIDATES = ("diffusion", "diffusion+mobile_fraction", "diffusion+imaging_bleach")
_CRITERIA = {"aic": "AIC", "aicc": "AICc", "bic": "BIC", "evidence": "evidence"}
_NOT_EXCLUDED = 0.05  # weight from which a model that is not the best is worth a word
_BY_CHANCE = 0.01  # p-value from which a better fit is nothing but chance


@dataclass(frozen=True, eq=False)
class ModelFit:
    """Hold what one model makes of a batch of curves.

    Attributes
    ----------
    name : str
    n_parameters : int
        What was fitted, the noise included.
    log_likelihood : ndarray of shape (n,)
        The largest; NaN for an estimator that tells its evidence instead.
    log_evidence : ndarray of shape (n,)
        NaN for an estimator that does not know it.
    estimates : FRAPEstimates or None
    goodness : GoodnessOfFit or None
        Whether the model describes the curves at all.
    """

    name: str
    n_parameters: int
    log_likelihood: np.ndarray
    log_evidence: np.ndarray
    estimates: FRAPEstimates | None = None
    goodness: GoodnessOfFit | None = None

    @property
    def findings(self):
        """What is to be known of the fit to each curve: a tuple of findings for each."""
        known = [one.findings for one in (self.estimates, self.goodness) if one is not None]
        if not known:
            return ((),) * len(self.log_likelihood)
        return tuple(sum(some, ()) for some in zip(*known, strict=True))


@dataclass(frozen=True, eq=False)
class NestedTest:
    """Hold a test of a model against one that is nested in it.

    Attributes
    ----------
    smaller, larger : str
        Names of the models.
    extra : tuple of str
        Parameters that the larger one has besides.
    statistic : ndarray of shape (n,)
        F, or twice the logarithm of the likelihood ratio where the noise varies with intensity.
    p_value : ndarray of shape (n,)
        How often the larger model fits so much better though the smaller one is right.
    """

    smaller: str
    larger: str
    extra: tuple[str, ...]
    statistic: np.ndarray
    p_value: np.ndarray


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Hold the comparison of several models on the same curves.

    Attributes
    ----------
    fits : tuple of ModelFit
    tests : tuple of NestedTest
        Of all pairs of models of which one is nested in the other.
    criteria : dict of str to ndarray of shape (n, n_models)
        ``"aic"``, ``"aicc"``, ``"bic"`` and ``"evidence"`` (-2 log evidence): the lower the better;
        NaN where a model does not know it.
    """

    fits: tuple[ModelFit, ...]
    tests: tuple[NestedTest, ...]
    criteria: dict

    def __len__(self):
        return len(self.fits[0].log_likelihood)

    @property
    def models(self):
        """Names of the models."""
        return tuple(fit.name for fit in self.fits)

    @property
    def best(self):
        """Name of the best model of each curve, by criterion, where any model knows it."""
        names = np.array(self.models)
        return {
            name: names[np.nanargmin(values, axis=1)]
            for name, values in self.criteria.items()
            if not np.isnan(values).all()
        }

    def weights(self, criterion: str = "bic") -> np.ndarray:
        """Compute the weight of each model among those compared.

        Parameters
        ----------
        criterion : {"aic", "aicc", "bic", "evidence"}, default="bic"
            Weights by BIC, and more so by evidence, are probabilities of models that are equally
            likely beforehand; Akaike weights are the analogue for prediction.

        Returns
        -------
        ndarray of shape (n, n_models)
            Rows sum to one; NaN where a model does not know the criterion.
        """
        values = self._values(criterion)
        weights = np.exp(-0.5 * (values - np.nanmin(values, axis=1, keepdims=True)))
        return weights / np.nansum(weights, axis=1, keepdims=True)

    def summary(self, criterion: str = "bic") -> list[str]:
        """Say of each curve which model it asks for, and what follows.

        Parameters
        ----------
        criterion : {"aic", "aicc", "bic", "evidence"}, default="bic"

        Returns
        -------
        list of str
            A paragraph per curve, its lines separated by line feeds.
        """
        weights = self.weights(criterion)
        return [self._paragraph(k, weights[k], criterion) for k in range(len(self))]

    def to_records(self) -> list[Any]:
        """Return a row for each curve and model: plain values by column name, None if unknown.

        Returns
        -------
        list of dict
            One for each model and curve.
        """
        columns = {name: self.weights(name) for name in self.best}
        rows = []
        for k in range(len(self)):
            for m, fit in enumerate(self.fits):
                row = {"curve": k, "model": fit.name, "n_parameters": fit.n_parameters}
                row["log_likelihood"] = fit.log_likelihood[k]
                for name, weights in columns.items():
                    row[name], row[f"{name}_weight"] = self.criteria[name][k, m], weights[k, m]
                test = self._test_against_smallest(fit.name)
                row["compared_with"] = test.smaller if test else None
                row["p_value"] = test.p_value[k] if test else None
                if fit.goodness is not None:
                    row["visibly_wrong"] = fit.goodness.visibly_wrong[k]
                if fit.estimates is not None:
                    row |= {name: values[k] for name, values in fit.estimates.to_dict().items()}
                row["findings"] = as_labels(fit.findings[k])
                rows.append({name: plain(value) for name, value in row.items()})
        return rows

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row for each curve and model.

        Returns
        -------
        pandas.DataFrame
        """
        return as_table(self.to_records())

    def _values(self, criterion):
        check_choice("criterion", criterion, self.criteria)
        values = self.criteria[criterion]
        if np.isnan(values).all():
            raise ValueError(
                f"none of the models {', '.join(self.models)} knows its {_CRITERIA[criterion]}; "
                f"choose another criterion, of {', '.join(self.best)}."
            )
        return values

    def _test_against_smallest(self, larger):
        n_parameters = {fit.name: fit.n_parameters for fit in self.fits}
        tests = [test for test in self.tests if test.larger == larger]
        return min(tests, key=lambda test: n_parameters[test.smaller], default=None)

    def _tests_of(self, larger):
        """Return the tests against those models that lack least of a model."""
        tests = [test for test in self.tests if test.larger == larger]
        fewest = min((len(test.extra) for test in tests), default=0)
        return [test for test in tests if len(test.extra) == fewest]

    def _paragraph(self, k, weights, criterion):
        best = int(np.nanargmax(weights))
        word = _CRITERIA[criterion]
        lines = [f"{self.models[best]} is best (weight {weights[best]:.2f} by {word})"]
        lines[0] += _estimates_in_words(self.fits[best], k)
        for test in self._tests_of(self.models[best]):
            verb = "is" if len(test.extra) == 1 else "are"
            needed = f"{verb} needed: {test.smaller} fits worse than chance allows"
            if not test.p_value[k] < _BY_CHANCE:
                needed = f"{verb} hardly needed: {test.smaller} fits nearly as well"
            lines.append(f"{' and '.join(test.extra)} {needed} (p = {test.p_value[k]:.1g})")
        larger = {test.larger: test for test in self.tests if test.smaller == self.models[best]}
        for m, fit in enumerate(self.fits):
            words = _estimates_in_words(fit, k)
            if fit.name in larger:
                test = larger[fit.name]
                left_out = f"{' and '.join(test.extra)} may as well be left out"
                if test.p_value[k] < _BY_CHANCE:
                    left_out = f"{' and '.join(test.extra)} may be needed"
                them = "it" if len(test.extra) == 1 else "them"
                with_it = f"; with {them}{words}" if words else ""
                lines.append(f"{left_out} (p = {test.p_value[k]:.1g}){with_it}")
            elif m != best and weights[m] > _NOT_EXCLUDED:
                lines.append(f"{fit.name} is not excluded (weight {weights[m]:.2f}){words}")
        if self.fits[best].goodness is not None:
            for finding in self.fits[best].goodness.findings[k]:
                lines.append(f"but {finding.words}; {finding.remedy}")
        return "\n".join(lines)


def compare_models(
    X,
    models=CANDIDATES,
    protocol=None,
    *,
    level=0.95,
    false_alarm_rate=0.01,
    callback=None,
    **options,
):
    """Compare models on the same recovery curves.

    Every curve is fitted by every model, and judged by itself. BIC asks most of an additional
    parameter and is what :meth:`ModelComparison.summary` goes by; AIC and AICc [1]_ let in one that
    is not needed about once in six (once in twelve where it can only lie to one side, as a mobile
    fraction). All take noise as normal and independent, and its variance, of each row where a
    protocol has several, as unknown but for ``noise="proportional"`` with `fixed` a and b.

    Parameters
    ----------
    X : array-like of shape (n, n_frames)
        Recovery curves. What is masked is missing, and with ``missing="omit"`` so is NaN: a curve
        is compared by the frames that it has.
    models : sequence or dict, default=CANDIDATES
        What to compare. Names of models, ``"diffusion"``, ``"binding"`` (which is slow), with what
        is to be estimated besides, ``"diffusion+mobile_fraction+imaging_bleach"``; or estimators;
        or a dictionary by name of options for LeastSquaresFRAP or of estimators. Of estimators with
        `log_evidence` the evidence is compared: of :class:`skfrap.BayesianFRAP`, and of any other
        with ``fit(X)``, `target_names_` and ``log_evidence(X)``, of shape (n,) and in nats. One
        that needs y is taken as it was fitted.
    protocol : FRAPProtocol, default=None
        For models given by name or by options, as in LeastSquaresFRAP.
    level : float, default=0.95
        Of the intervals of the estimates.
    false_alarm_rate : float, default=0.01
        Share of right models that are called visibly wrong.
    callback : callable, default=None
        Called with the :class:`ModelComparison` of the models fitted so far, after each but the
        last, so that what is slow loses nothing where it is broken off. Of curves with gaps it is
        not called.
    **options
        To every LeastSquaresFRAP that is made here, e.g. ``fixed={"imaging_bleach": 0.999}``.

    Returns
    -------
    ModelComparison

    Raises
    ------
    ValueError
        If there is no such model, or models cannot be compared.

    References
    ----------
    .. [1] Burnham and Anderson, Model Selection and Multimodel Inference, 2nd ed. (2002).

    Examples
    --------
    >>> from skfrap import FRAPProtocol, FRAPSimulator
    >>> from skfrap.comparison import compare_models
    >>> prior = {"D": 10.0, "mobile_fraction": 0.8}
    >>> X = FRAPSimulator(prior=prior, random_state=0).sample(1).data
    >>> models = ["diffusion", "diffusion+mobile_fraction"]
    >>> comparison = compare_models(X, models, FRAPProtocol())
    >>> comparison.best["bic"].tolist()
    ['diffusion+mobile_fraction']
    >>> comparison.tests[0].extra, bool(comparison.tests[0].p_value[0] < 1e-3)
    (('mobile_fraction',), True)
    """
    estimators = as_estimators(models, protocol, options)
    X = _checked(X, estimators)
    fitted = {name: _fitted(name, estimator, X) for name, estimator in estimators.items()}
    if np.isnan(X).any():
        return compare_by_pattern(
            fitted, X, lambda fitted, X: _compared(fitted, X, level, false_alarm_rate)
        )
    return _compared(fitted, X, level, false_alarm_rate, callback)


def _checked(X, estimators):
    """Check curves: what is masked is missing, and NaN where all models take it for that."""
    masked = is_masked(X)
    omitted = all(getattr(one, "missing", "raise") == "omit" for one in estimators.values())
    if masked and not omitted:
        explain(without_masked(X), "X")
    elif not omitted:
        explain(X, "X", "leave these curves out, or single frames by missing='omit'.")
    finite = "allow-nan" if masked or omitted else True
    return validation.check_array(
        nan_where_masked(X), dtype=np.float64, ensure_all_finite=finite, input_name="X"
    )


def _compared(fitted, X, level, false_alarm_rate, callback=None):
    """Compare fitted models on curves without gaps."""
    fits = ()
    for name, estimator in fitted.items():
        if fits and callback is not None:
            callback(_comparison_of(fits, fitted, X))
        fits += (_fit_model(name, estimator, X, level, false_alarm_rate),)
    return _comparison_of(fits, fitted, X)


def _comparison_of(fits, fitted, X):
    likelihoods = np.stack([fit.log_likelihood for fit in fits], axis=1)
    n_parameters = np.array([fit.n_parameters for fit in fits])
    criteria = information_criteria(likelihoods, n_parameters, X.shape[1])
    criteria["evidence"] = -2 * np.stack([fit.log_evidence for fit in fits], axis=1)
    return ModelComparison(fits, _nested_tests(fits, fitted, X.shape[1]), criteria)


def _fitted(name, estimator, X):
    """Fit a clone; what learns from labelled curves, as networks do, is taken as it is."""
    if get_tags(estimator).target_tags.required:
        unfitted = (
            f"the model {name!r} learns from labelled curves, as its target_tags.required says: "
            "fit it before it is compared."
        )
        check_is_fitted(estimator, msg=unfitted.replace("%", "%%"))
        return estimator
    return clone(estimator).fit(np.ma.masked_invalid(X) if np.isnan(X).any() else X)


def _n_estimated(name, estimator):
    if hasattr(estimator, "space_"):
        return len(estimator.space_.free)
    if hasattr(estimator, "target_names_"):
        return len(estimator.target_names_)
    raise ValueError(
        f"the model {name!r} has no target_names_ once it is fitted; set it in fit to a list of "
        "what it estimates."
    )


def _evidence(name, estimator, X):
    evidence = np.asarray(estimator.log_evidence(X))
    if evidence.shape != (len(X),):
        raise ValueError(
            f"log_evidence(X) of the model {name!r} must have the shape ({len(X)},), one value a "
            f"curve, got {evidence.shape}."
        )
    return evidence


def _fit_model(name, estimator, X, level, false_alarm_rate):
    unknown = np.full(len(X), np.nan)
    if hasattr(estimator, "log_evidence"):
        n_parameters = _n_estimated(name, estimator) + 1
        return ModelFit(name, n_parameters, unknown, _evidence(name, estimator, X))
    estimates = estimator.estimate(X, level=level)
    fit, known = estimates.fit, known_noise(estimator)
    judged = {f"noise_{name}": value for name, value in known.items()} if len(known) == 2 else {}
    n_noise = 2 - len(known) if _is_proportional(estimator) else fit.protocol.n_rows
    return ModelFit(
        name,
        fit.theta.shape[1] + n_noise,
        _likelihood(estimator, fit),
        unknown,
        estimates,
        judge_fit(fit, false_alarm_rate=false_alarm_rate, **judged),
    )


def _is_proportional(estimator):
    return getattr(estimator, "noise", "constant") == "proportional"


def _likelihood(estimator, fit):
    n_frames = fit.data.shape[1]
    if not _is_proportional(estimator):
        # Of curves without noise rounding tells nothing.
        least = squares_without_noise(fit.data) + 1e-300
        n_rows = fit.protocol.n_rows
        if n_rows > 1 and fit.n_values is None:  # each row has a noise of its own
            squares = np.sum(fit.residuals.reshape(len(fit), n_rows, -1) ** 2, axis=2)
            of_rows = np.maximum(squares, least[:, np.newaxis] / n_rows)
            return log_likelihood(of_rows, n_frames // n_rows).sum(axis=1)
        return log_likelihood(np.maximum(fit.residual_sum_of_squares, least), n_frames)
    if known_noise(estimator):
        return fit.noise.log_likelihood(fit.residuals, fit.light)
    # Estimates of the noise make up for what the fit has taken; the likelihood is largest without.
    weights = fit.noise.weights(fit.light)
    squares = np.sum(fit.residuals**2 * weights, axis=1)
    return log_likelihood(squares, n_frames) + 0.5 * np.sum(np.log(weights), axis=1)


def _nested_tests(fits, estimators, n_frames):
    """Test every model against all that are nested in it."""
    tests = []
    for larger in fits:
        for smaller in fits:
            nested = extra_parameters(estimators[smaller.name], estimators[larger.name])
            if nested is None:
                continue
            extra, on_boundary = nested
            likelihood_ratio = 2 * (larger.log_likelihood - smaller.log_likelihood)
            if not _is_proportional(estimators[larger.name]):
                ratio = np.exp(likelihood_ratio / n_frames)  # of the residual sums of squares
                freedom = n_frames - larger.n_parameters + 1
                statistic, p_value = nested_f_test(
                    ratio, 1.0, len(extra), freedom, on_boundary=on_boundary
                )
            else:
                statistic = np.maximum(likelihood_ratio, 0.0)
                p_value = chi2.sf(statistic, len(extra))
                if on_boundary:
                    p_value = boundary_p_value(statistic, p_value)
            tests.append(NestedTest(smaller.name, larger.name, extra, statistic, p_value))
    return tuple(tests)


def _estimates_in_words(fit, k):
    return f": {fit.estimates.summary()[k]}" if fit.estimates is not None else ""
