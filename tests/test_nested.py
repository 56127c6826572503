"""Nested replicates: closed forms of balanced designs, coverage, and a posterior."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm, ttest_1samp, ttest_ind, ttest_rel
from scipy.stats import t as student_t

from skfrap.replicates import summarise_nested
from skfrap.replicates._mixed import fit_mixed


def balanced(rng, n_days=4, n_dishes=3, n_cells=5, sds=(0.3, 0.2, 0.1), error=0.0):
    day = np.repeat(np.arange(n_days), n_dishes * n_cells)
    dish = np.repeat(np.arange(n_days * n_dishes), n_cells)
    values = rng.normal(0, sds[0], n_days)[day] + rng.normal(0, sds[1], dish.max() + 1)[dish]
    values += rng.normal(0, np.hypot(sds[2], error), len(day))
    return values, day, dish


def lopsided(rng, n_days, n_dishes, n_cells, sds, error):
    """Dishes and cells of all numbers, and errors that differ by an order of magnitude."""
    day, dish = [], []
    for k in range(n_days):
        for _ in range(rng.integers(1, 2 * n_dishes)):
            n = rng.integers(1, 2 * n_cells)
            day += [k] * n
            dish += [dish[-1] + 1 if dish else 0] * n
    day, dish = np.array(day), np.array(dish)
    errors = error * np.exp(rng.normal(0, 0.7, len(day)))
    values = rng.normal(0, sds[0], n_days)[day] + rng.normal(0, sds[1], dish[-1] + 1)[dish]
    values += rng.normal(0, np.hypot(sds[2], errors))
    return values, errors, day, dish


# Closed forms


@pytest.mark.parametrize("error", [0.0, 0.07])
def test_balanced_designs_have_the_variances_of_anova(error):
    values, day, dish = balanced(np.random.default_rng(0), sds=(0.8, 0.2, 0.1), error=error)
    cube = values.reshape(4, 3, 5)
    fit = fit_mixed(values, np.full(60, error), np.zeros(60, int), [day, dish])
    of_days = 15 * np.var(cube.mean(axis=(1, 2)), ddof=1)
    of_dishes = 5 * np.mean(np.var(cube.mean(axis=2), axis=1, ddof=1))
    of_cells = np.mean(np.var(cube, axis=2, ddof=1))
    expected = (of_days - of_dishes) / 15, (of_dishes - of_cells) / 5, of_cells - error**2
    np.testing.assert_allclose(fit.variances, expected, rtol=1e-5)


def test_the_interval_of_a_balanced_design_is_students_of_the_days():
    # With so little between days, variances that are cut off at zero must not matter.
    for seed, sds in enumerate([(0.3, 0.2, 0.1), (0.0, 0.2, 0.1), (0.0, 0.0, 0.1)]):
        values, day, dish = balanced(np.random.default_rng(seed), sds=sds)
        summary = summarise_nested(10**values, {"day": day, "dish": dish})
        of_days = values.reshape(4, 15).mean(axis=1)
        low, high = ttest_1samp(of_days, 0).confidence_interval()
        assert summary.freedom[0] == pytest.approx(3)
        np.testing.assert_allclose(np.log10(summary.mean), of_days.mean(), atol=1e-9)
        np.testing.assert_allclose(np.log10(summary.lower), low, atol=1e-7)
        np.testing.assert_allclose(np.log10(summary.upper), high, atol=1e-7)


def test_treatments_on_each_day_are_compared_within_days():
    rng = np.random.default_rng(1)
    values, day, dish = balanced(rng, n_days=5, n_dishes=4, sds=(0.5, 0.1, 0.1))
    drug = dish % 2
    summary = summarise_nested(10**values, {"day": day, "dish": dish}, groups=drug)
    means = values.reshape(5, 4, 5).mean(axis=2)
    control, treated = means[:, ::2].mean(axis=1), means[:, 1::2].mean(axis=1)
    expected = ttest_rel(control, treated)
    np.testing.assert_allclose(summary.contrasts.p_value, expected.pvalue, rtol=1e-5)
    np.testing.assert_allclose(summary.contrasts.t, expected.statistic, rtol=1e-5)
    assert summary.contrasts.freedom[0] == pytest.approx(4)


def test_samples_with_days_of_their_own_are_compared_between_days():
    values, day, dish = balanced(np.random.default_rng(2), n_days=6)
    strain = np.where(day < 3, "wild", "mutant")
    summary = summarise_nested(
        values + 9, {"day": day, "dish": dish}, groups=strain, scale="linear"
    )
    of_days = values.reshape(6, 15).mean(axis=1)
    expected = ttest_ind(of_days[:3], of_days[3:], equal_var=False)
    np.testing.assert_allclose(summary.contrasts.t, expected.statistic, rtol=1e-5)
    # Welch's degrees of freedom go by variances as they are seen, these by those of the model.
    assert summary.contrasts.freedom[0] == pytest.approx(4)


def test_curves_of_no_groups_at_all_are_plain_replicates():
    values = np.random.default_rng(3).normal(0, 0.1, 8)
    summary = summarise_nested(10**values, {"day": np.arange(8)})
    low, high = ttest_1samp(values, 0).confidence_interval()
    np.testing.assert_allclose(
        np.log10([summary.lower[0], summary.upper[0]]), [low, high], atol=1e-7
    )
    assert [one.label for one in summary.findings[0]] == ["level_not_told:day"]


def test_cells_of_a_dish_are_no_days():
    """Many cells make the interval no narrower than the days allow."""
    widths = []
    for n_cells in (4, 64):
        rng = np.random.default_rng(4)
        values, day, dish = balanced(rng, 4, 2, n_cells, (0.2, 0.1, 0.1))
        summary = summarise_nested(10**values, {"day": day, "dish": dish})
        widths.append(np.log10(summary.upper / summary.lower)[0])
    assert widths[1] > 0.3 * widths[0]
    naive = 2 * student_t.ppf(0.975, len(values) - 1) * np.std(values) / np.sqrt(len(values))
    assert widths[1] > 3 * naive


# Coverage


def coverage(design, n, seed=0):
    rng, inside = np.random.default_rng(seed), 0
    for _ in range(n):
        values, errors, *levels = design(rng)
        contrast = fit_mixed(values, errors, np.zeros(len(values), int), levels).contrast([1.0])
        inside += contrast.lower < 0 < contrast.upper
    return inside / n


def test_intervals_of_lopsided_designs_cover():
    n = 60
    found = coverage(lambda rng: lopsided(rng, 3, 2, 3, (0.2, 0.1, 0.1), 0.05), n)
    assert found > 0.95 - 3 * np.sqrt(0.05 * 0.95 / n)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_days", "sds"), [(3, (0.2, 0.1, 0.1)), (3, (0.1, 0.1, 0.1)), (6, (0.1, 0.1, 0.1))]
)
def test_coverage_is_what_is_said(n_days, sds):
    n = 500
    found = coverage(lambda rng: lopsided(rng, n_days, 2, 3, sds, 0.05), n)
    assert abs(found - 0.95) < 0.02 + 2 * np.sqrt(0.05 * 0.95 / n)


def deviance_by_dish_and_day(values, errors, day, dish, sds):
    """Integrate cells, dishes and days out one after the other, at many standard deviations.

    Returns the precision of the mean that all share, its estimate, and -2 log likelihood of the
    rest, each for every row of `sds`.
    """
    weights = 1 / (errors[:, None] ** 2 + sds[:, 2] ** 2)
    values, deviance = values[:, None], 0.0
    for level, sd in ((dish, sds[:, 1]), (day[np.unique(dish, return_index=True)[1]], sds[:, 0])):
        same = (np.unique(level)[:, None] == level).astype(float)
        total = same @ weights
        mean = same @ (weights * values) / total
        left = values - mean[level]
        deviance = deviance + np.sum(weights * left**2 - np.log(weights), 0) + np.log(total).sum(0)
        values, weights = mean, 1 / (1 / total + sd**2)
    total = weights.sum(0)
    mean = (weights * values).sum(0) / total
    return total, mean, deviance + np.sum(weights * (values - mean) ** 2 - np.log(weights), 0)


def posterior_of_the_mean(values, errors, day, dish, highest=(1.5, 0.8, 0.5), n=36):
    """Sum over a grid of standard deviations, flat priors, what is normal given these."""
    axes = [(np.arange(n) + 0.5) / n * high for high in highest]
    sds = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    total, mean, deviance = deviance_by_dish_and_day(values, errors, day, dish, sds)
    deviance += np.log(total)  # of a flat prior of the mean
    weights = np.exp(-0.5 * (deviance - deviance.min()))
    weights /= weights.sum()
    cube = weights.reshape(n, n, n)
    assert max(cube[-1].sum(), cube[:, -1].sum(), cube[:, :, -1].sum()) < 2e-4  # none is cut off
    kept = weights > 1e-9
    weights, mean, sd = weights[kept], mean[kept], total[kept] ** -0.5
    center = weights @ mean
    spread = np.sqrt(weights @ (sd**2 + (mean - center) ** 2))

    def below(x):
        return weights @ norm.cdf((x - mean) / sd)

    ends = [
        brentq(lambda x, p=p: below(x) - p, center - 20 * spread, center + 20 * spread)
        for p in (0.025, 0.975)
    ]
    return center, spread, ends


def test_a_likelihood_by_dish_and_day_is_that_of_the_whole_covariance():
    values, errors, day, dish = lopsided(np.random.default_rng(1), 4, 2, 3, (0.3, 0.2, 0.1), 0.05)
    found = []
    for sds in ((0.3, 0.2, 0.1), (0.1, 0.4, 0.2)):
        covariance = np.diag(errors**2 + sds[2] ** 2)
        covariance += sds[0] ** 2 * (day[:, None] == day) + sds[1] ** 2 * (dish[:, None] == dish)
        total, mean, deviance = deviance_by_dish_and_day(values, errors, day, dish, np.array([sds]))
        whole = multivariate_normal(np.full(len(values), 0.1), covariance).logpdf(values)
        found.append(-2 * whole - deviance[0] - total[0] * (mean[0] - 0.1) ** 2)
    np.testing.assert_allclose(found, len(values) * np.log(2 * np.pi), rtol=1e-10)


def test_a_posterior_says_the_same():
    """Priors of standard deviations are flat."""
    n_days, n_dishes, n_cells = 12, 2, 3
    ratios = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        values, day, dish = balanced(rng, n_days, n_dishes, n_cells, (0.3, 0.2, 0.1))
        errors = 0.1 * np.exp(rng.normal(0, 0.5, len(values)))
        values += rng.normal(0, errors)
        mean, spread, (lower, upper) = posterior_of_the_mean(values, errors, day, dish)
        contrast = fit_mixed(values, errors, np.zeros(len(day), int), [day, dish]).contrast([1.0])
        assert abs(contrast.value - mean) < 0.02 * spread
        ratios.append((contrast.upper - contrast.lower) / (upper - lower))
    assert 0.85 < np.mean(ratios) < 1.15


# Tables


def table_of(values, **columns):
    D = 10**values
    ends = {"D_um2_s_lower": D / 1.05, "D_um2_s_upper": D * 1.05}
    return {"D_um2_s": D} | ends | columns


def test_levels_are_columns_or_folders():
    values, day, dish = balanced(np.random.default_rng(5))
    columns = table_of(values, day=day, dish=dish)
    files = [
        f"data/day{a}/dish{b}/c{k}.tif" for k, (a, b) in enumerate(zip(day, dish, strict=True))
    ]
    folders = table_of(values, file=files)
    found = [summarise_nested(one, "day/dish") for one in (columns, folders)]
    np.testing.assert_allclose(found[0].lower, found[1].lower)
    assert found[0].counts["dish"].tolist() == [12]
    assert found[0].within_std > 0
    # A dish 1 of one day is not that of another.
    again = summarise_nested(columns | {"dish": dish % 3}, ("day", "dish"))
    np.testing.assert_allclose(found[0].lower, again.lower)


def test_what_is_left_out_is_counted():
    values, day, dish = balanced(np.random.default_rng(6), n_days=2)
    values[0] = np.nan
    with np.errstate(invalid="ignore"):
        summary = summarise_nested(10**values, {"day": day, "dish": dish})
    assert summary.n_left_out.tolist() == [1]
    labels = [one.label for one in summary.findings[0]]
    assert labels == ["replicates_left_out", "few_groups:day"]


def test_one_day_has_no_interval():
    summary = summarise_nested([9.0, 10.0, 11.0], {"day": [1, 1, 1]})
    assert np.isnan([summary.lower[0], summary.upper[0], summary.freedom[0]]).all()
    assert "single_replicate" in [one.code for one in summary.findings[0]]


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ("day/dish", "estimates are not a table"),
        ({}, "at least one level"),
        ({"day": [1, 2]}, "each of the 3 curves"),
        ({"day": [1, None, 2]}, r"levels\['day'\] has no name in row 1"),
    ],
)
def test_levels_that_make_no_sense_are_refused(levels, message):
    with pytest.raises(ValueError, match=message):
        summarise_nested([1.0, 2.0, 3.0], levels)


def test_levels_that_a_table_does_not_have_are_refused():
    table = table_of(np.zeros(2), day=[1, 2], file=["a/b.tif", "c/d.tif"])
    with pytest.raises(ValueError, match="got 'dish'"):
        summarise_nested(table, "day/dish")
    with pytest.raises(ValueError, match="is in 1 folders"):
        summarise_nested({k: v for k, v in table.items() if k != "day"}, "week/dish")
