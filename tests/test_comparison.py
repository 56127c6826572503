"""Models are compared by the textbook's numbers, and the right one is preferred."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.comparison import (
    CANDIDATES,
    compare_models,
    information_criteria,
    log_likelihood,
    nested_f_test,
)

PAPER = FRAPProtocol()

PROTOCOL = FRAPProtocol(
    shape=(64, 64),
    pixel_size=1.0,
    bleach_region=Circle(8.0),
    n_bleach=1,
    n_postbleach=50,
    frame_interval=0.5,
    padding=32,
)
TRUTH = {"D": 10.0, "c0": 0.8, "alpha": 0.3, "a": 1e-3}
MOBILE = {"mobile_fraction": 0.9}
BLEACHED = {"imaging_bleach": 0.998}


def simulate(n, model="diffusion", **parameters):
    return FRAPSimulator(PROTOCOL, TRUTH | parameters, model=model, random_state=1).sample(n).data


@pytest.fixture(scope="module")
def of_diffusion():
    return compare_models(simulate(1000), protocol=PROTOCOL)


@pytest.fixture(scope="module")
def of_mobile_fraction():
    return compare_models(simulate(4, **MOBILE), protocol=PROTOCOL)


def test_likelihood_is_the_largest_over_the_variance():
    residuals = np.random.default_rng(0).standard_normal(30)

    def minus_log_likelihood(log_variance):
        return -norm.logpdf(residuals, scale=np.exp(0.5 * log_variance)).sum()

    expected = -minimize_scalar(minus_log_likelihood, bounds=(-3, 3), method="bounded").fun
    assert log_likelihood(np.sum(residuals**2), 30) == pytest.approx(expected)


def test_criteria_are_those_of_the_definition():
    criteria = information_criteria([[-12.0, -10.0]], [2, 5], 20)
    np.testing.assert_allclose(criteria["aic"], [[28.0, 30.0]])
    np.testing.assert_allclose(criteria["aicc"], [[28 + 12 / 17, 30 + 60 / 14]])
    np.testing.assert_allclose(criteria["bic"], [[24 + 2 * np.log(20), 20 + 5 * np.log(20)]])


def test_too_few_frames_for_aicc_speak_against_a_model():
    assert information_criteria(0.0, 5, 6)["aicc"] == np.inf


def test_comparison_is_what_its_fits_give(of_mobile_fraction):
    X = simulate(4, **MOBILE)
    squares = []
    for names in (("D", "c0", "alpha"), ("D", "c0", "alpha", "mobile_fraction")):
        fitted = LeastSquaresFRAP(PROTOCOL, parameters=names).fit(X).fit_curves(X)
        squares.append(np.sum((X - fitted) ** 2, axis=1))
    n = X.shape[1]
    for m, k in ((0, 4), (1, 5)):
        expected = n * np.log(2 * np.pi * squares[m] / n) + n + 2 * k
        np.testing.assert_allclose(of_mobile_fraction.criteria["aic"][:, m], expected)
    test = of_mobile_fraction.tests[0]
    assert (test.smaller, test.larger) == CANDIDATES[:2]
    F = (squares[0] - squares[1]) / (squares[1] / (n - 4))
    np.testing.assert_allclose(test.statistic, F, rtol=1e-6)


@pytest.mark.slow
def test_weights_are_ratios_of_likelihoods(of_diffusion):
    weights = of_diffusion.weights("bic")
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    values = of_diffusion.criteria["bic"]
    np.testing.assert_allclose(
        np.log(weights[:, 0] / weights[:, 1]), 0.5 * (values[:, 1] - values[:, 0])
    )


def test_diffusion_is_enough_where_it_is_all(of_diffusion):
    shares = {name: np.mean(best == "diffusion") for name, best in of_diffusion.best.items()}
    assert shares["bic"] > 0.95
    assert 0.8 < shares["aic"] < shares["aicc"] < shares["bic"]


@pytest.mark.parametrize("level", [0.01, 0.05])
def test_nested_test_errs_as_often_as_it_says(of_diffusion, level):
    assert len(of_diffusion.tests) == 2
    for test in of_diffusion.tests:
        rejected = np.sum(test.p_value < level)
        assert binomtest(int(rejected), 1000, level).pvalue > 1e-3


def test_f_test_has_its_size_where_models_are_linear():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((20_000, 12))
    # Coordinates stand for parameters: the smaller model has 2 of them, the larger 5.
    smaller, larger = (np.sum(noise[:, k:] ** 2, axis=1) for k in (2, 5))
    _, p_value = nested_f_test(smaller, larger, 3, 7)
    assert np.mean(p_value < 0.05) == pytest.approx(0.05, abs=0.006)
    # One that can only be positive is fitted half of the time.
    smaller = np.where(noise[:, 4] > 0, np.sum(noise[:, 4:] ** 2, axis=1), larger)
    _, p_value = nested_f_test(smaller, larger, 1, 7, on_boundary=True)
    assert np.mean(p_value < 0.05) == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize("extra", [MOBILE, BLEACHED])
def test_what_happens_is_found(extra):
    comparison = compare_models(simulate(50, **extra), protocol=PROTOCOL)
    (name,) = extra
    right = f"diffusion+{name}"
    for best in comparison.best.values():
        assert np.mean(best == right) > 0.95
    index = comparison.models.index(right)
    assert np.mean(comparison.fits[index].goodness.visibly_wrong) < 0.1
    assert comparison.fits[0].goodness.visibly_wrong.all()
    assert f"{name} is needed: diffusion fits worse" in comparison.summary()[0]


def test_two_things_at_once_are_found():
    models = (*CANDIDATES, "diffusion+mobile_fraction+imaging_bleach")
    comparison = compare_models(simulate(10, **MOBILE, **BLEACHED), models, PROTOCOL)
    assert (comparison.best["bic"] == models[-1]).all()
    nested = {(test.smaller, test.larger): test.extra for test in comparison.tests}
    assert nested[models[0], models[-1]] == ("mobile_fraction", "imaging_bleach")
    assert nested[models[1], models[-1]] == ("imaging_bleach",)
    assert (models[1], models[2]) not in nested
    for name in ("mobile_fraction", "imaging_bleach"):
        other = models[2] if name == "mobile_fraction" else models[1]
        assert f"{name} is needed: {other} fits worse" in comparison.summary()[0]


@pytest.mark.slow
def test_binding_is_told_from_a_mobile_fraction():
    X = simulate(2, "binding", D=30.0, k_on=0.5, k_off=0.3, a=1e-4)
    models = ("diffusion", "diffusion+mobile_fraction", "binding")
    comparison = compare_models(X, models, PROTOCOL)
    assert comparison.best["bic"].tolist() == ["binding"] * 2
    test = next(test for test in comparison.tests if test.larger == "binding")
    assert test.extra == ("k_on", "k_off")
    assert (test.p_value < 1e-3).all()


def test_nothing_describes_a_curve_that_is_of_another_model():
    X = simulate(3, **BLEACHED)
    comparison = compare_models(X, CANDIDATES[:2], PROTOCOL)
    assert all("look for another model" in text for text in comparison.summary())


@pytest.mark.parametrize("known", [{"a": 1e-4, "b": 1e-2}, {}])
def test_noise_of_bright_pixels_is_borne_in_mind(known):
    simulator = FRAPSimulator(
        PROTOCOL, TRUTH | {"a": 1e-4, "b": 1e-2}, noise="proportional", random_state=0
    )
    X = simulator.sample(200).data
    comparison = compare_models(X, CANDIDATES[:2], PROTOCOL, noise="proportional", fixed=known)
    (test,) = comparison.tests
    assert 0.01 < np.mean(test.p_value < 0.05) < 0.11
    assert comparison.fits[0].n_parameters == 3 + 2 - len(known)


def test_likelihood_of_known_noise_is_the_density_of_the_curve():
    X = simulate(3)
    estimator = LeastSquaresFRAP(PROTOCOL, noise="proportional", fixed={"a": 1e-3, "b": 0.02})
    comparison = compare_models(X, [estimator])
    fitted = estimator.fit(X).fit_curves(X)
    # The noise of a mean goes by the mean of squared weights.
    light = estimator.fitted_curves(estimator.predict(X), weights="noise")
    assert np.abs(light - fitted).max() > 1e-3
    std = np.sqrt(PROTOCOL.noise_gain * (1e-3 + 0.02 * light))
    expected = norm.logpdf(X, fitted, std).sum(axis=1)
    np.testing.assert_allclose(comparison.fits[0].log_likelihood, expected, rtol=1e-8)


def test_models_can_be_given_as_options_and_as_estimators():
    X = simulate(4, **MOBILE)
    by_name = compare_models(X, ["diffusion", "diffusion+mobile_fraction"], PROTOCOL)
    names = ("D", "c0", "alpha", "mobile_fraction")
    by_estimator = compare_models(
        X, [LeastSquaresFRAP(PROTOCOL), LeastSquaresFRAP(PROTOCOL, parameters=names)]
    )
    by_options = compare_models(X, {"all": {}, "some": {"parameters": names}}, PROTOCOL)
    assert by_estimator.models == by_name.models
    assert by_options.models == ("all", "some")
    for other in (by_estimator, by_options):
        np.testing.assert_array_equal(other.criteria["bic"], by_name.criteria["bic"])
    known = compare_models(X, ["diffusion"], PROTOCOL, fixed={"mobile_fraction": 0.9})
    assert (known.criteria["aic"][:, 0] < by_name.criteria["aic"][:, 0] - 100).all()


class Prior(BaseEstimator):
    """Know the evidence of curves under normal noise about a constant."""

    def __init__(self, level=0.8):
        self.level = level

    def fit(self, X, y=None):
        self.target_names_ = ["c0"]
        return self

    def log_evidence(self, X):
        return norm.logpdf(X, self.level, 0.1).sum(axis=1)


def test_evidence_is_compared_where_it_is_known():
    X = simulate(3)
    comparison = compare_models(X, {"near": Prior(), "far": Prior(0.2), "fit": {}}, PROTOCOL)
    assert (comparison.best["evidence"] == "near").all()
    assert (comparison.best["bic"] == "fit").all()
    weights = comparison.weights("evidence")
    ratio = weights[:, 1] / weights[:, 0]
    np.testing.assert_allclose(ratio, np.exp(Prior(0.2).log_evidence(X) - Prior().log_evidence(X)))
    assert np.isnan(weights[:, 2]).all()
    assert "near is best" in comparison.summary("evidence")[0]
    only = compare_models(X, {"near": Prior()})
    with pytest.raises(ValueError, match="none of the models near knows its BIC"):
        only.summary()


class Labelled(RegressorMixin, Prior):
    """Need labelled curves."""

    def fit(self, X, y):
        return super().fit(X, y)


def test_what_an_estimator_of_others_lacks_is_said():
    X = simulate(3)
    with pytest.raises(NotFittedError, match=r"'100 %' learns .* fit it before"):
        compare_models(X, {"100 %": Labelled()})
    assert compare_models(X, {"own": Labelled().fit(X, X[:, 0])}).models == ("own",)

    class Total(Prior):
        def log_evidence(self, X):
            return super().log_evidence(X).sum()

    class Nameless(Prior):
        def fit(self, X, y=None):
            return self

    with pytest.raises(ValueError, match="'odd' has no target_names_ once it is fitted"):
        compare_models(X, {"odd": Nameless()})
    with pytest.raises(ValueError, match=r"of the model 'sum' must have the shape \(3,\)"):
        compare_models(X, {"sum": Total()})


@pytest.mark.slow
def test_curve_without_noise_goes_to_the_smallest_model():
    X = FRAPSimulator(PROTOCOL, TRUTH, noise="none").sample(2).data
    comparison = compare_models(X, protocol=PROTOCOL)
    assert all((best == "diffusion").all() for best in comparison.best.values())


def test_curve_without_bleaching_is_compared_and_D_is_not_told():
    X = simulate(4, alpha=1.0)
    comparison = compare_models(X, protocol=PROTOCOL)
    assert np.isfinite(comparison.criteria["bic"]).all()
    assert "D not estimated" in comparison.summary()[0]


def test_models_of_other_clocks_are_not_compared():
    X = simulate(1)
    other = LeastSquaresFRAP(PROTOCOL.replace(frame_interval=2 * PROTOCOL.frame_interval))
    with pytest.raises(ValueError, match="'a' and 'b' have protocols of other frame times"):
        compare_models(X, {"a": LeastSquaresFRAP(PROTOCOL), "b": other})


def test_table_has_a_row_for_each_curve_and_model(of_mobile_fraction):
    table = of_mobile_fraction.to_frame()
    assert len(table) == 4 * len(CANDIDATES)
    rows = table[table.model == "diffusion+mobile_fraction"]
    assert rows.curve.tolist() == [0, 1, 2, 3]
    assert ((rows.mobile_fraction_lower < 0.9) & (rows.mobile_fraction_upper > 0.9)).any()
    assert (rows.compared_with == "diffusion").all()
    assert (rows.p_value < 1e-6).all()
    assert (rows.bic_weight > 0.9).all()


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("diffusion", "models must be a list"),
        (["no_such_model"], r"of the models .*diffusion"),
        (["diffusion+D"], "after 'diffusion' models can name mobile_fraction"),
        (["diffusion", "diffusion"], "got 'diffusion' twice"),
        ([], "at least one model"),
        ([3], "must be names, dictionaries of options"),
        ([Ridge()], "estimators of skfrap, or others with log_evidence"),
        ([LeastSquaresFRAP(PAPER, loss="huber")], "loss='huber', which has no likelihood"),
    ],
)
def test_models_that_make_no_sense_are_refused(models, message):
    with pytest.raises(ValueError, match=message):
        compare_models(np.ones((2, 60)), models, PROTOCOL)


def test_criterion_that_does_not_exist_is_refused(of_mobile_fraction):
    with pytest.raises(ValueError, match="criterion must be one of"):
        of_mobile_fraction.weights("r2")


# Curves that lack frames


@pytest.mark.parametrize("as_masked", [True, False])
@pytest.mark.slow
def test_a_curve_that_lacks_frames_is_compared_by_those_it_has(as_masked):
    X = simulate(4, **MOBILE)
    gaps = X.copy()
    gaps[1, [20, 33]] = gaps[3, [20, 33]] = np.nan
    given, options = (np.ma.masked_invalid(gaps), {}) if as_masked else (gaps, {"missing": "omit"})
    compared = compare_models(given, protocol=PROTOCOL, **options)
    whole = compare_models(X[[0, 2]], protocol=PROTOCOL)
    for name, values in whole.criteria.items():
        np.testing.assert_allclose(compared.criteria[name][[0, 2]], values, rtol=1e-4)
    # By definition, from the squares that the same fit leaves in the frames that there are.
    fit = LeastSquaresFRAP(PROTOCOL, missing="omit").fit(gaps).fit_results(gaps[[1, 3]])
    squares = np.nansum(fit.residuals**2, axis=1)
    expected = information_criteria(
        log_likelihood(squares, PROTOCOL.n_frames - 2)[:, np.newaxis], [4], PROTOCOL.n_frames - 2
    )
    np.testing.assert_allclose(compared.criteria["aicc"][[1, 3], :1], expected["aicc"], rtol=1e-6)
    assert len(compared.summary()) == 4
    assert set(compared.best["bic"]) == {"diffusion+mobile_fraction"}
    assert len(compared.fits[0].estimates) == 4
    assert compared.to_frame().curve.tolist() == [k for k in range(4) for _ in CANDIDATES]


def test_gaps_that_nobody_has_told_are_refused():
    X = simulate(2)
    X[1, 7] = np.nan
    with pytest.raises(ValueError, match=r"row 1, column 7.*missing='omit'"):
        compare_models(X, protocol=PROTOCOL)
    X[1] = np.nan
    with pytest.raises(ValueError, match=r"row 1 .*nothing to compare"):
        compare_models(X, protocol=PROTOCOL, missing="omit")
    X[1, 3] = np.inf
    with pytest.raises(ValueError, match="inf"):
        compare_models(X, protocol=PROTOCOL, missing="omit")


def test_models_are_told_of_as_they_are_fitted():
    X = simulate(2)
    models, told = ["diffusion", "diffusion+mobile_fraction"], []
    whole = compare_models(X, models, PROTOCOL, callback=told.append)
    (part,) = told
    assert part.models == ("diffusion",)
    np.testing.assert_array_equal(part.criteria["bic"][:, 0], whole.criteria["bic"][:, 0])
    assert part.tests == ()
    assert compare_models(X, models[:1], PROTOCOL, callback=told.append).best["bic"].tolist() == [
        "diffusion"
    ] * len(X)
    assert len(told) == 1
