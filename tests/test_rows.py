"""Several rows of a compartment, fitted jointly, each with a noise of its own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfrap import (
    Circle,
    Ellipse,
    FRAPProtocol,
    FRAPSimulator,
    LeastSquaresFRAP,
    persistence,
)
from skfrap.comparison import compare_models
from skfrap.design import expected_errors
from skfrap.experiment import Noise
from skfrap.judging import judge_fit, judge_fits
from skfrap.models import DiffusionModel
from skfrap.preprocessing import FadingCorrector, RecoveryCurveExtractor

SPOT = FRAPProtocol(
    shape=(36, 52), pixel_size=0.4, bleach_region=Circle(2.6), compartment=Ellipse((10.0, 7.0)),
    n_bleach=1, n_postbleach=100, frame_interval=0.34,
)  # fmt: skip
BOTH = SPOT.replace(rows="compartment")
NAMES = ["D", "c0", "alpha", "mobile_fraction"]
TRUTH = np.array([0.0, 1.0, 0.3, 0.8])


def noisy(protocol, deviations, n=300):
    model = DiffusionModel(protocol)
    curves = model.curves(D=1.0, c0=1.0, alpha=0.3, mobile_fraction=0.8)
    noise = np.random.default_rng(0).standard_normal((n, protocol.n_values))
    return curves + np.repeat(deviations, protocol.n_frames) * noise


@pytest.fixture(scope="module")
def fits():
    X = noisy(BOTH, [0.01, 0.003])
    return LeastSquaresFRAP(BOTH, parameters=NAMES).fit(X), X


def test_the_budget_tells_amounts_and_errors_are_right(fits):
    estimator, X = fits
    theta, std = estimator.predict(X, return_std=True)
    assert_allclose(theta.mean(axis=0), TRUTH, atol=0.3 * std.mean(axis=0).max())
    pull = (theta - TRUTH) / std
    assert (np.abs(pull.mean(axis=0)) < 0.25).all()
    assert (np.abs(pull.std(axis=0) - 1) < 0.15).all()
    ends = estimator.predict_interval(X)
    covered = ((ends[..., 0] < TRUTH) & (ends[..., 1] > TRUTH)).mean(axis=0)
    assert (np.abs(covered - 0.95) < 0.04).all()
    # The spot alone says half as much of the mobile fraction.
    of_spot = X[:, : SPOT.n_frames]
    alone = LeastSquaresFRAP(SPOT, parameters=NAMES).fit(of_spot).predict(of_spot)
    assert theta[:, 3].std() < 0.6 * alone[:, 3].std()
    assert theta[:, 3].std() < 0.006


def test_each_row_has_a_noise_of_its_own(fits):
    estimator, X = fits
    fit = estimator.fit_results(X)
    deviations = fit.deviations.reshape(len(X), 2, -1)
    assert np.ptp(deviations, axis=2).max() == 0
    assert_allclose(deviations[..., 0].mean(axis=0), [0.01, 0.003], rtol=0.03)
    estimates = estimator.estimate(X[:20])
    assert_allclose(estimates.noise_a.mean(), 1e-4 / SPOT.noise_gain, rtol=0.2)
    assert sum(map(len, estimates.findings)) <= 1
    assert not fit.of_first_row().data.shape[1] - SPOT.n_frames


def test_rows_that_contradict_each_other_are_seen():
    """The compartment has lost more than the region explains."""
    X = noisy(BOTH, [0.01, 0.003], n=40)
    X[:, BOTH.n_frames + 10 :] -= 0.04
    estimates = LeastSquaresFRAP(BOTH, parameters=NAMES).fit(X).estimate(X)
    codes = [{finding.code for finding in one} for one in estimates.findings]
    assert np.mean(["residuals_correlated" in one for one in codes]) > 0.9


def test_noise_that_goes_with_light_is_shared_by_the_rows():
    simulator = FRAPSimulator(
        BOTH, {"D": 1.0, "c0": 1.0, "alpha": 0.3, "mobile_fraction": 0.8, "a": 3e-3, "b": 3e-3},
        noise="proportional", random_state=0,
    )  # fmt: skip
    X = simulator.sample(200).data
    estimator = LeastSquaresFRAP(BOTH, parameters=NAMES, noise="proportional").fit(X)
    theta, std = estimator.predict(X, return_std=True)
    pull = (theta - TRUTH) / std
    assert (np.abs(pull.mean(axis=0)) < 0.3).all()
    assert (np.abs(pull.std(axis=0) - 1) < 0.2).all()
    estimates = estimator.estimate(X)
    light = np.mean(estimates.noise_a + 0.5 * estimates.noise_b)
    assert light == pytest.approx(4.5e-3, rel=0.1)


def test_simulated_rows_have_the_noise_of_their_pixels():
    simulator = FRAPSimulator(BOTH, {"D": 1.0, "a": 1e-2}, random_state=0)
    sample = simulator.sample(400)
    clean = simulator.curves(sample.target)
    spread = (sample.data - clean).reshape(400, 2, -1).std(axis=(0, 2))
    assert_allclose(spread, np.sqrt(1e-2 * BOTH.row_noise_gains), rtol=0.02)
    frame = list(sample.feature_names)
    assert len(frame) == sample.data.shape[1] == BOTH.n_values


def test_rows_are_extracted_from_images():
    protocol = BOTH.replace(rows={"compartment": "compartment", "far": Circle(1.2, (4.0, 7.2))})
    images = DiffusionModel(protocol).images(D=1.0, c0=0.9, alpha=0.4)
    extractor = RecoveryCurveExtractor(protocol).fit(images)
    found = extractor.transform(images)
    assert list(extractor.get_feature_names_out()) == list(protocol.feature_names)
    means = np.einsum("tyx,ryx->rt", images[0], protocol.row_weights)
    assert_allclose(found[0], means.ravel(), rtol=0, atol=1e-12)
    images[0, 12, 18, 26] = np.nan
    with pytest.warns(UserWarning, match=r"not finite in frames? 12"):
        broken = RecoveryCurveExtractor(protocol, on_error="nan").fit_transform(images)
    assert set(np.flatnonzero(np.isnan(broken[0])) % protocol.n_frames) == {12}
    reference = FadingCorrector(protocol, distance=1.5).fit(images).reference_
    assert (protocol.compartment_mask[reference] == 1).all()


def test_fits_of_rows_come_back(fits, tmp_path):
    estimator, X = fits
    persistence.save(estimator, tmp_path / "rows.skfrap")
    copy = persistence.load(tmp_path / "rows.skfrap")
    assert np.array_equal(copy.predict(X[:5]), estimator.predict(X[:5]))
    assert copy.protocol_ == BOTH


def test_planned_errors_know_of_rows():
    values = {"D": 1.0, "c0": 1.0, "alpha": 0.3, "mobile_fraction": 0.8}
    spot, both = (expected_errors(one, values, parameters=NAMES, a=5e-2) for one in (SPOT, BOTH))
    assert both.errors["mobile_fraction"] < 0.6 * spot.errors["mobile_fraction"]


def test_noise_per_value():
    noise = Noise(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.0, np.array([1.0, 0.5]))
    assert noise.variance(np.zeros((2, 2))).tolist() == [[1.0, 1.0], [3.0, 2.0]]
    assert noise.of_pixel.tolist() == [1.0, 3.0]
    assert noise.take([1]).variance(np.zeros((1, 2))).tolist() == [[3.0, 2.0]]


def test_what_rows_do_not_go_with_is_refused(fits):
    _, X = fits
    for refused in (
        lambda: LeastSquaresFRAP(BOTH, loss="huber").fit(X),
        lambda: LeastSquaresFRAP(BOTH).fit(X[:, :110]),
        lambda: LeastSquaresFRAP(BOTH, model="exponential").fit(X),
    ):
        with pytest.raises(ValueError, match="row"):
            refused()
    holes = X[:3].copy()
    holes[0, 5] = np.nan
    with pytest.raises(ValueError, match="several rows must have all frames"):
        LeastSquaresFRAP(BOTH, missing="omit").fit(X).predict(holes)


def test_models_are_compared_by_all_rows(fits):
    """Each row has a noise of its own, and the budget tells whether all particles move."""
    noises, models = [0.01, 0.003], ("diffusion", "diffusion+mobile_fraction")
    comparison = compare_models(fits[1][:40], models, BOTH)
    assert (comparison.best["bic"] == models[1]).all()
    assert (comparison.tests[0].p_value < 1e-3).all()
    moving = DiffusionModel(BOTH).curves(D=1.0, c0=1.0, alpha=0.3)
    noise = np.random.default_rng(1).standard_normal((400, BOTH.n_values))
    comparison = compare_models(moving + np.repeat(noises, BOTH.n_frames) * noise, models, BOTH)
    assert 0.02 < np.mean(comparison.tests[0].p_value < 0.05) < 0.08
    assert np.mean(comparison.best["bic"] == models[1]) < 0.03


def test_columns_by_name_must_be_the_rows_in_order():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(noisy(BOTH, [0.01, 0.003], n=3), columns=BOTH.feature_names)
    estimator = LeastSquaresFRAP(BOTH, parameters=NAMES).fit(X)
    swapped = X[[*X.columns[110:], *X.columns[:110]]]
    for wrong in (swapped, X.rename(columns=lambda name: name.replace("compartment", "far"))):
        with pytest.raises(ValueError, match="are the rows"):
            LeastSquaresFRAP(BOTH, parameters=NAMES).fit(wrong)
    assert estimator.predict(X).shape == (3, 4)


def test_pictures_show_all_rows_and_residuals_those_of_the_first(fits):
    pytest.importorskip("matplotlib")
    from skfrap.plotting import RecoveryCurveDisplay, ResidualsDisplay

    estimator, X = fits
    assert len(RecoveryCurveDisplay.from_estimator(estimator, X).curve) == BOTH.n_values
    assert len(ResidualsDisplay.from_estimator(estimator, X).residuals) == BOTH.n_frames
    assert not judge_fit(estimator.fit_results(X[:5])).visibly_wrong.any()
    assert not judge_fits(estimator, X[:5]).visibly_wrong.any()
