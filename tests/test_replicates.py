"""Replicates are averaged and compared by the textbook, and intervals hold."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.replicates import compare_groups, compare_methods, summarise_replicates
from skfrap.replicates._statistics import holm, paired, random_effects, welch

PAPER = FRAPProtocol()

VALUES = np.array([24.0, 31.0, 22.0, 26.5, 28.0])


@pytest.fixture(scope="module")
def estimates():
    prior = {"D": stats.lognorm(s=0.3, scale=30.0), "c0": 0.8, "alpha": 0.6, "a": 1e-3}
    X = FRAPSimulator(prior=prior, random_state=0).sample(12).data
    return LeastSquaresFRAP(PAPER).fit(X).estimate(X)


@pytest.mark.parametrize("scale", ["log10", "linear"])
def test_without_errors_the_interval_is_student_s(scale):
    sample = summarise_replicates(VALUES, scale=scale)
    values = np.log10(VALUES) if scale == "log10" else VALUES
    ends = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    expected = np.array([values.mean(), *ends])
    if scale == "log10":
        expected = 10**expected
    found = [sample.mean[0], sample.lower[0], sample.upper[0]]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(sample.between_std, values.std(ddof=1))
    # The interval of a standard deviation is that of chi-squared.
    limits = values.std(ddof=1) * np.sqrt(4 / stats.chi2.ppf([0.975, 0.025], 4))
    np.testing.assert_allclose([sample.between_lower[0], sample.between_upper[0]], limits)


def test_equal_errors_leave_the_mean_and_lower_what_is_between():
    error = 1.5
    sample = random_effects(VALUES, np.full(5, error))
    ends = stats.t.interval(0.95, 4, VALUES.mean(), stats.sem(VALUES))
    np.testing.assert_allclose([sample.mean, sample.lower, sample.upper], [VALUES.mean(), *ends])
    assert sample.between_std == pytest.approx(np.sqrt(VALUES.var(ddof=1) - error**2))
    assert sample.within_std == pytest.approx(error)
    chi_squared = np.sum((VALUES - VALUES.mean()) ** 2) / error**2
    assert sample.p_value == pytest.approx(stats.chi2.sf(chi_squared, 4))
    assert random_effects(VALUES, np.full(5, 100.0)).between_std == 0


def test_what_is_between_solves_the_equation_of_paule_and_mandel():
    errors = np.array([0.5, 1.0, 3.0, 0.2, 2.0])
    sample = random_effects(VALUES, errors)
    weights = 1 / (errors**2 + sample.between_std**2)
    mean = np.sum(weights * VALUES) / weights.sum()
    assert np.sum(weights * (VALUES - mean) ** 2) == pytest.approx(4)
    assert sample.mean == pytest.approx(mean)
    # Then the error of the mean is the usual one.
    reach = stats.t.ppf(0.975, 4) / np.sqrt(weights.sum())
    assert sample.upper - sample.mean == pytest.approx(reach)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 8])
@pytest.mark.parametrize("between", [0.0, 1.0, 4.0])
def test_intervals_hold_for_replicates(n, between):
    rng = np.random.default_rng(0)
    mean, spread = [], []
    for _ in range(600):
        errors = np.exp(rng.normal(0, 0.3, n))
        values = 7 + between * rng.standard_normal(n) + errors * rng.standard_normal(n)
        sample = random_effects(values, errors)
        mean.append(sample.lower < 7 < sample.upper)
        spread.append(sample.between_lower <= between <= sample.between_upper)
    assert 0.92 < np.mean(mean) < 0.98
    assert 0.92 < np.mean(spread) < 0.995


def test_natural_units_and_logarithmic_scale_agree():
    errors = np.array([1.0, 2.0, 0.5, 1.0, 1.0])
    sample = summarise_replicates(VALUES, errors)
    direct = random_effects(np.log10(VALUES), errors / VALUES / np.log(10))
    np.testing.assert_allclose(np.log10([sample.mean[0], sample.lower[0]]), direct[:2])
    # The unit of D is but a shift of its logarithm.
    other = summarise_replicates(1e-4 * VALUES, 1e-4 * errors)
    np.testing.assert_allclose(other.upper, 1e-4 * sample.upper)
    np.testing.assert_allclose(other.between_std, sample.between_std)


def test_relative_spread_is_that_of_a_log_normal_distribution():
    values = np.random.default_rng(0).lognormal(3.0, 0.4, 20_000)
    sample = summarise_replicates(values)
    expected = values.std() / values.mean()
    assert sample.relative(sample.between_std)[0] == pytest.approx(expected, rel=0.03)
    linear = summarise_replicates(values, scale="linear")
    assert linear.relative(linear.between_std)[0] == pytest.approx(expected, rel=1e-3)


def test_estimates_tables_and_files_say_the_same(estimates, tmp_path):
    groups = np.repeat(["a", "b"], 6)
    table = estimates.to_frame().assign(sample=groups)
    table.to_csv(tmp_path / "table.csv", index=False)
    expected = summarise_replicates(estimates, groups=groups).to_frame()
    assert (expected.within_std > 0).all()
    for source in (table, pd.read_csv(tmp_path / "table.csv"), dict(table)):
        found = summarise_replicates(source, groups="sample").to_frame()
        pd.testing.assert_frame_equal(found, expected)
    assert {"D_um2_s", "D_um2_s_lower"} <= {*expected}
    alpha = summarise_replicates(estimates, name="alpha")
    assert alpha.scale == "linear"
    assert alpha.mean[0] == pytest.approx(0.6, abs=0.01)


def test_errors_are_those_of_the_fits(estimates):
    sample = summarise_replicates(estimates)
    width = np.log10(estimates.D_um2_s_upper / estimates.D_um2_s_lower) / (2 * 1.96)
    np.testing.assert_allclose(sample.errors[0], width, rtol=1e-3)


def test_failed_and_unsure_replicates_are_left_out():
    table = pd.DataFrame(
        {
            "D_um2_s": [10.0, 11.0, np.nan, 500.0, 12.0],
            "D_um2_s_lower": [9.0, 10.0, np.nan, 1.0, 11.0],
            "D_um2_s_upper": [11.0, 12.0, np.nan, 1000.0, 13.0],
            "poorly_determined": ["False", "False", np.nan, "True", "False"],
        }
    )
    sample = summarise_replicates(table)
    assert (sample.n[0], sample.n_left_out[0]) == (3, 2)
    assert 10 < sample.mean[0] < 12
    assert "2 left out" in sample.summary()[0]


def test_single_replicate_has_no_interval():
    sample = summarise_replicates([5.0, 6.0, 7.0, np.nan], groups=["a", "b", "b", "c"])
    assert sample.groups == ("a", "b", "c")
    assert np.isnan(sample.lower).tolist() == [True, False, True]
    lines = sample.summary()
    assert "how replicates differ is not known" in lines[0]
    assert "no replicate tells D" in lines[2]


def test_equal_values_have_no_spread():
    sample = random_effects(np.full(4, 2.0), np.zeros(4))
    assert (sample.mean, sample.lower, sample.upper, sample.between_std) == (2.0, 2.0, 2.0, 0.0)


def test_replicates_more_alike_than_their_errors_are_pointed_out():
    rng = np.random.default_rng(0)
    values = rng.normal(20, 1, 8)
    assert "so alike" not in summarise_replicates(values, np.full(8, 1.0)).summary()[0]
    assert "so alike" in summarise_replicates(values, np.full(8, 10.0)).summary()[0]


def test_welch_and_f_test_are_scipy_s():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 6), rng.normal(1, 3, 9)
    found = welch(first, second)
    expected = stats.ttest_ind(first, second, equal_var=False)
    ends = expected.confidence_interval()
    np.testing.assert_allclose(
        [found.t, found.p_value, found.freedom, found.lower, found.upper],
        [expected.statistic, expected.pvalue, expected.df, ends.low, ends.high],
    )
    ratio = first.var(ddof=1) / second.var(ddof=1)
    assert found.variance_ratio == pytest.approx(ratio)
    assert found.variance_p_value == pytest.approx(2 * stats.f.cdf(ratio, 5, 8))
    assert welch(second, first).variance_p_value == pytest.approx(found.variance_p_value)


def test_paired_tests_are_scipy_s():
    rng = np.random.default_rng(0)
    first = rng.normal(0, 1, 12)
    second = 0.2 + 1.5 * first + rng.normal(0, 0.3, 12)
    found, expected = paired(first, second), stats.ttest_rel(first, second)
    ends = expected.confidence_interval()
    np.testing.assert_allclose(
        [found.t, found.p_value, found.freedom, found.lower, found.upper],
        [expected.statistic, expected.pvalue, expected.df, ends.low, ends.high],
    )
    expected = stats.pearsonr(first + second, first - second).pvalue
    assert found.variance_p_value == pytest.approx(expected)


def test_tests_of_variances_err_as_often_as_they_say():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 3, (1500, 8))
    first, second = common + rng.standard_normal((2, 1500, 8))
    p_values = [
        (paired(a, b).variance_p_value, welch(a, c).variance_p_value)
        for a, b, c in zip(first, second, np.roll(second, 1, axis=0), strict=True)
    ]
    np.testing.assert_allclose(np.mean(np.array(p_values) < 0.05, axis=0), 0.05, atol=0.017)


def test_groups_are_compared_by_ratio_and_adjusted_for_their_number():
    rng = np.random.default_rng(0)
    values = 10 ** np.concatenate([rng.normal(mean, 0.05, 6) for mean in (1.0, 1.0, 1.3)])
    groups = np.repeat(["water", "buffer", "gel"], 6)
    found = compare_groups(values, groups)
    assert found.labels["first"].tolist() == ["water", "water", "buffer"]
    assert found.labels["second"].tolist() == ["buffer", "gel", "gel"]
    water, _, gel = np.log10(values).reshape(3, 6)
    test = stats.ttest_ind(water, gel, equal_var=False)
    assert found.effect[1] == pytest.approx(10 ** (water.mean() - gel.mean()))
    assert found.upper[1] == pytest.approx(10 ** test.confidence_interval().high)
    np.testing.assert_allclose(found.p_adjusted, holm(found.p_value))
    assert [bool(p < 0.05) for p in found.p_adjusted] == [False, True, True]
    lines = found.summary()
    assert "not seen to differ" in lines[0]
    assert "adjusted for 3 comparisons" in lines[1]
    assert {"ratio", "ratio_lower", "p_adjusted"} <= {*found.to_frame()}
    assert "difference" in compare_groups(values, groups, scale="linear").to_dict()


def test_methods_are_compared_curve_by_curve():
    rng = np.random.default_rng(0)
    truth = rng.normal(1.5, 0.3, 10)
    groups = np.repeat(["a", "b"], 5)
    methods = {"fit": 10**truth, "network": 10 ** (truth + rng.normal(0.02, 0.003, 10))}
    found = compare_methods(methods, groups)
    assert found.labels["group"].tolist() == ["a", "b"]
    assert (found.p_adjusted < 0.01).all()
    assert ((found.lower < 10**-0.02) & (found.upper > 10**-0.02)).all()
    assert (compare_methods(methods, groups, pair=False).p_value > 0.5).all()
    # A curve that one method cannot tell is left out of the comparison, not of the table.
    methods["fit"] = np.where(np.arange(10) == 2, np.nan, methods["fit"])
    assert compare_methods(methods, groups).n_first.tolist() == [4, 5]


def test_too_few_replicates_are_said_to_be():
    found = compare_groups([1.0, 2.0, 3.0], ["a", "a", "b"])
    assert np.isnan(found.p_value[0])
    assert "too few replicates" in found.summary()[0]


def test_holm_leaves_out_what_is_no_test():
    np.testing.assert_allclose(holm([0.02, np.nan, 0.01]), [0.02, np.nan, 0.02])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: summarise_replicates([1.0, -1.0]), "values must be positive"),
        (lambda: summarise_replicates([]), "at least one curve"),
        (lambda: summarise_replicates([[1.0]]), "values of shape"),
        (lambda: summarise_replicates([1.0, 2.0], [1.0]), "errors must be as many as the 2"),
        (lambda: summarise_replicates([1.0, 2.0], groups=["a"]), "one for each of the 2 curves"),
        (lambda: summarise_replicates([1.0], groups="sample"), "estimates are not a table"),
        (lambda: summarise_replicates({"x": [1.0]}), "must have the column 'D_um2_s'"),
        (lambda: summarise_replicates({"D_um2_s": [1.0]}, groups="day"), "a column of the table"),
        (lambda: summarise_replicates([1.0], scale="ln"), "scale must be"),
        (lambda: summarise_replicates([1.0], level=95), "level must lie"),
        (lambda: compare_groups([1.0, 2.0], ["a", "a"]), "at least two groups"),
        (lambda: compare_methods({"fit": [1.0]}), "at least two methods"),
        (lambda: compare_methods({"a": [1.0], "b": [1.0, 2.0]}), "of the same curves"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
