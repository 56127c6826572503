"""A measured start of recovery curves: profiles of the first and of the last frames."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from skfrap import Circle, FRAPProtocol, FRAPSimulator, MeasuredStartFRAP, Rectangle
from skfrap.experiment import MeasuredStart
from skfrap.inference.starts._profiles import ring_means
from skfrap.models.starts import ProfileRows, RingBasis
from skfrap.persistence import load, save
from skfrap.preprocessing import RecoveryCurveExtractor, RingExtractor

# Bleached: a rectangle, blurred. Told, and measured in: a small circle in its middle.
BLEACHED = FRAPProtocol(
    shape=(64, 64),
    pixel_size=0.5,
    bleach_region=Rectangle(9.0, 5.0),
    n_postbleach=40,
    frame_interval=0.2,
)
TOLD = BLEACHED.replace(bleach_region=Circle(1.5))
PRIOR = {"D": 6.0, "c0": 0.8, "alpha": 0.5, "a": 1e-3}
IMMOBILE = PRIOR | {"mobile_fraction": 0.7, "bleach_blur": 1.0}


def recording(seed=0, protocol=BLEACHED, **prior):
    """Simulate a curve, and profiles of its first and its last ten frames."""
    stacks = FRAPSimulator(protocol, PRIOR | prior, random_state=seed).sample_images(1).data
    rings = RingExtractor(TOLD, center=(16.0, 16.0)).fit(stacks)
    means = rings.transform(stacks)[0].reshape(40, 8, -1)
    seen = np.isfinite(means).any(axis=(0, 1))
    counts = rings.layout_.counts
    averages = np.nansum(counts * means, axis=1)[:, seen] / counts.sum(axis=0)[seen]
    curve = RecoveryCurveExtractor(TOLD).fit_transform(stacks)
    return curve, rings.layout_.radii[seen] * 0.5, averages[0], averages[-10:].mean(axis=0)


@pytest.fixture(scope="module")
def immobile():
    return recording(**IMMOBILE)


def test_two_profiles_tell_D_without_the_bleach_region():
    for seed, prior in enumerate([PRIOR, IMMOBILE]):
        curve, radius, first, last = recording(seed, **prior)
        start = MeasuredStart.from_profile(radius, first, last)
        estimator = MeasuredStartFRAP(TOLD, start=start).fit(curve)
        log_D, error = estimator.predict(curve, return_std=True)
        assert error[0, 0] < 0.06
        assert abs(log_D[0, 0] - np.log10(6.0)) < 3 * error[0, 0]
        estimates = estimator.estimate(curve)
        assert estimates.usable[0]
        assert "immobile_shape_assumed" not in {one.code for one in estimates.findings[0]}


def test_the_first_profile_alone_tells_D_where_all_moves():
    curve, radius, first, _ = recording()
    start = MeasuredStart.from_profile(radius, first)
    estimator = MeasuredStartFRAP(TOLD, start=start, readings=("mobile",)).fit(curve)
    log_D, error = estimator.predict(curve, return_std=True)
    assert abs(log_D[0, 0] - np.log10(6.0)) < 3 * error[0, 0] < 0.2


def test_what_is_assumed_of_the_immobile_part_is_always_said(immobile):
    curve, radius, first, _ = immobile
    start = MeasuredStart.from_profile(radius, first)
    estimator = MeasuredStartFRAP(TOLD, start=start).fit(curve)
    one = estimator.measure(curve)[0]
    by_reading = {fit.reading: 10**fit.log_D for fit in one.fits}
    assert set(by_reading) == {"mobile", "same_shape", "one_depth"}  # never free
    low, high = one.assumed_span
    assert low <= min(by_reading["same_shape"], by_reading["one_depth"])
    assert high >= max(by_reading["same_shape"], by_reading["one_depth"])
    estimates = estimator.estimate(curve)
    said = {finding.code: str(finding) for finding in estimates.findings[0]}
    assert f"{low:.3g} to {high:.3g}" in said["immobile_shape_assumed"]
    assert not estimates.usable[0]


@pytest.mark.slow
def test_a_region_that_cannot_have_lost_so_much_is_contradicted(immobile):
    for protocol, contradicted in ((TOLD, True), (BLEACHED, False)):
        curve, radius, first, last = immobile
        start = MeasuredStart.from_profile(radius, first, last)
        estimates = MeasuredStartFRAP(protocol, start=start).fit(curve).estimate(curve)
        codes = {finding.code for finding in estimates.findings[0]}
        assert ("told_region_contradicted" in codes) == contradicted


@pytest.mark.slow
def test_profiles_that_are_too_deep_are_told_by_the_curve(immobile):
    curve, radius, first, last = immobile
    deep, far = 1 - 1.2 * (1 - first), 1 - 1.2 * (1 - last)

    def measure(scale, last):
        start = MeasuredStart.from_profile(radius, deep, last, start_scale=scale)
        estimator = MeasuredStartFRAP(TOLD, start=start).fit(curve)
        return estimator.measure(curve)[0], estimator.estimate(curve)

    one, estimates = measure((0.7, 1.5), far)
    assert one.scale_span is None
    assert one.start_scale == pytest.approx(1.2, abs=0.1)
    assert estimates.start_scale[0] == one.start_scale
    assert abs(one.best.log_D - np.log10(6.0)) < 0.06
    assert one.lower < np.log10(6.0) < one.upper
    believed, _ = measure(1.0, far)
    assert abs(believed.best.log_D - np.log10(6.0)) > 0.08


@pytest.mark.slow
def test_a_scale_that_the_curve_does_not_tell_is_flagged(immobile):
    # Bounds so narrow that no curve tells between them: all that they allow is in the interval.
    curve, radius, first, last = immobile
    start = MeasuredStart.from_profile(radius, first, last, start_scale=(0.998, 1.002))
    fixed = MeasuredStart.from_profile(radius, first, last)
    one = MeasuredStartFRAP(TOLD, start=start).fit(curve)
    low, high = one.measure(curve)[0].scale_span
    assert low < high
    assert one.measure(curve)[0].start_scale == 1.0
    said = {finding.code: str(finding) for finding in one.estimate(curve).findings[0]}
    assert f"{low:.3g} to {high:.3g}" in said["start_scale_undetermined"]
    narrow = MeasuredStartFRAP(TOLD, start=fixed).fit(curve).predict_interval(curve)[0, 0]
    wide = one.predict_interval(curve)[0, 0]
    assert wide[0] <= narrow[0]
    assert wide[1] >= narrow[1]


def test_rows_are_the_model_at_any_D():
    basis = RingBasis.spanning(1.0, 6.0)
    radii, times, distances = (
        np.arange(0.0, 6.5, 0.5),
        np.array([0.2, 1.0, 3.0]),
        np.array([0, 1.0]),
    )
    weights, variances = np.array([0.25, 0.75]), (np.full(13, 0.1), np.full(3, 0.2), np.ones(13))
    rows = ProfileRows(
        basis, radii, (distances, weights), times, 5.0, variances, 0.3, (0.01, 100.0), (0.1, 0.1)
    )
    start = np.random.default_rng(0).standard_normal(len(basis))
    for D, late in ((0.02, False), (3.0, True), (60.0, False)):
        first, curve, last = rows.take_apart(rows.moving(np.log10(D), late) @ start)
        delay = 0.1 if late else 0.0
        for values, time in ((first, 0.0), (last, 5.0)):
            exact = basis.profiles(radii, [2 * D * (time + delay)])[0] @ start
            np.testing.assert_allclose(values, exact, atol=1e-6)
        exact = basis.profiles(distances, 2 * D * (times + delay)) @ start @ weights
        np.testing.assert_allclose(curve, exact, atol=1e-6)
    # What is whitened has independent noise of variance 1, the shared level's noise with it.
    covariance = np.diag(np.concatenate(variances)) + 0.3
    half = rows.whiten(covariance)
    np.testing.assert_allclose(rows.whiten(half.T), np.eye(29), atol=1e-10)


def test_noise_of_a_profile_is_measured():
    rng = np.random.default_rng(1)
    n, noise = 40, 0.02
    y, x = np.indices((2 * n + 1, 2 * n + 1)) - n
    distance = 0.5 * np.hypot(x, y).ravel()
    distances, index, pixels = np.unique(distance, return_inverse=True, return_counts=True)
    values = 1 - 0.5 * np.exp(-(distance**2) / 30) + noise * rng.standard_normal(distance.size)
    by_distance = np.bincount(index, values) / pixels
    for profile in (ring_means(distance, values, 0.5), ring_means(distances, by_distance, 0.5)):
        radii, _, means, variances = profile
        z = (means - 1 + 0.5 * np.exp(-(radii**2) / 30)) / np.sqrt(variances)
        assert 0.6 < np.std(z[2:n]) < 1.5
    # One value of each ring: from how rough the profile is.
    radii, _, means, _ = ring_means(distance, values, 0.5)
    variances = ring_means(radii, means, 0.5)[3]
    whole = ring_means(distance, values, 0.5)[3]
    assert 0.5 < np.median(variances[2:n] / whole[2:n]) < 2


@pytest.mark.slow
def test_it_is_an_estimator_that_files_keep(tmp_path, immobile):
    curve, radius, first, last = immobile
    start = MeasuredStart.from_profile(radius, first, last)
    assert hash(start) == hash(MeasuredStart.from_profile(radius[::-1], first[::-1], last[::-1]))
    estimator = MeasuredStartFRAP(TOLD, start=start).fit(curve)
    expected = estimator.predict(curve)
    save(estimator, tmp_path / "estimator.npz")
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    for again in (
        load(tmp_path / "estimator.npz"),
        joblib.load(tmp_path / "estimator.joblib"),
        clone(estimator).fit(curve),
    ):
        np.testing.assert_allclose(again.predict(curve), expected, atol=1e-6)
    # Gain of the detector plays no part.
    np.testing.assert_allclose(estimator.predict(300 * curve), expected, atol=1e-6)


def test_curves_without_a_profile_are_refused(immobile):
    with pytest.raises(ValueError, match="from_profile"):
        MeasuredStartFRAP(TOLD).fit(immobile[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"radius_um": [0.0, 1.0, 2.0]}, "radius_um must hold 6"),
        ({"radius_um": [-1.0, 1, 2, 3, 4, 5]}, "none below 0"),
        ({"radius_um": [0.0, 1, 1, 3, 4, 5]}, "increase"),
        ({"intensity": [0.5, 1.0]}, "intensity must have one value"),
        ({"last_intensity": [0.5, 1, 1, np.nan, 1, 1]}, "last_intensity"),
        ({"n_last": 0}, "n_last"),
        ({"start_scale": 0.0}, "start_scale"),
        ({"start_scale": (1.2, 0.8)}, "start_scale"),
    ],
)
def test_profiles_that_cannot_be_are_refused(change, words):
    good = {"radius_um": np.arange(6.0), "intensity": np.linspace(0.5, 1, 6)}
    with pytest.raises(ValueError, match=words):
        MeasuredStart.from_profile(**(good | change))


def test_starts_that_do_not_fit_the_curve_are_refused(immobile):
    curve, radius, first, last = immobile
    alone = MeasuredStart.from_profile(radius, first)
    for start, X, readings, words in (
        ("profile", curve, ("mobile",), "MeasuredStart"),
        (alone, curve[:, 1:], ("mobile",), "frames"),
        (alone, curve, ("free",), "last frames"),
        (MeasuredStart.from_profile(radius, first, last, n_last=38), curve, ("free",), "n_last"),
    ):
        with pytest.raises(ValueError, match=words):
            MeasuredStartFRAP(TOLD, start=start, readings=readings).fit(X)


@pytest.mark.slow
def test_venus_agrees_with_the_authors(shared):
    from benchmarks.start._recorded import read_venus, venus_protocol

    found, theirs = [], []
    for times, curve, radius, profile, D in read_venus(
        shared / "real" / "frap_toolbox_venus"
    ).values():
        protocol = venus_protocol(times)
        X = curve[np.newaxis, : protocol.n_frames]
        start = MeasuredStart.from_profile(radius, profile)
        estimates = MeasuredStartFRAP(protocol, start=start).fit(X).estimate(X)
        codes = {finding.code for finding in estimates.findings[0]}
        assert {"immobile_shape_assumed", "told_region_contradicted"} <= codes
        assert estimates.D_um2_s[0] == pytest.approx(D, rel=0.25)
        found.append(estimates.D_um2_s[0])
        theirs.append(D)
    assert np.mean(found) == pytest.approx(np.mean(theirs), rel=0.1)
