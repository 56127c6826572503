"""How far images are from a model: sums over cells of pixels, both errors, and where it is seen."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.judging import judge_images, residual_images
from skfrap.judging._cells_of_images import CellScores, ImageCells
from skfrap.judging._image_misfit import fit_near
from skfrap.preprocessing import ImageScoreExtractor

PROTOCOL = FRAPProtocol(
    shape=(48, 48), pixel_size=0.5, bleach_region=Circle(3.5), n_prebleach=4, n_bleach=1,
    n_postbleach=24, frame_interval=0.5, padding=32,
)  # fmt: skip
TRUTH = {"D": 1.0, "c0": 0.6, "alpha": 0.5, "a": 1e-3}
RANGES = {"D": (0.1, 10.0)}
EVEN = ImageScoreExtractor(PROTOCOL, ranges=RANGES, flat_field=None)


def stacks_of(n=1, seed=0, protocol=PROTOCOL, **changes):
    return FRAPSimulator(protocol, TRUTH | changes, random_state=seed).sample_images(n).data


def judged(stack, extractor=EVEN, **options):
    X = extractor.fit_transform(stack[np.newaxis])
    estimator = LeastSquaresFRAP(PROTOCOL, bounds=RANGES, **options).fit(X)
    fit = estimator.estimate(X).fit
    return fit, judge_images(fit, stack)


def test_sums_over_cells_are_those_of_the_pixels():
    cells = ImageCells.about(PROTOCOL.shape, (24.0, 24.0), 7.0)
    counts = np.bincount(cells.index.ravel(), minlength=cells.n_cells)
    assert counts.sum() == 48 * 48
    assert (np.diff(cells.radii) > 0).all()
    stack = stacks_of()[0]
    images = EVEN.fit(stack[np.newaxis]).surrogate_.images
    shape = images.shape[1:]
    cells = ImageCells.about(shape, (shape[1] / 2, shape[0] / 2), 7.0)
    rows, columns = EVEN.surrogate_.window
    window = stack[:, rows, columns]
    scores = CellScores.of(window, images, cells)
    whole, gram = scores.together(np.ones(cells.n_cells, dtype=bool))
    np.testing.assert_allclose(gram, np.eye(len(images)), atol=1e-5)
    products = np.tensordot(window, images, ([1, 2], [1, 2]))
    np.testing.assert_allclose(whole, products, atol=1e-4)
    squares = np.sum(window.astype(float) ** 2, axis=(1, 2))
    np.testing.assert_allclose(scores.squares.sum(axis=1), squares, rtol=1e-5)
    k = np.flatnonzero(scores.counts)[5]
    here = cells.index == k
    np.testing.assert_allclose(scores.scores[:, k], window[:, here] @ images[:, here].T, atol=1e-4)
    model = products + 0.01
    left = window - np.tensordot(model, images, 1)
    np.testing.assert_allclose(
        scores.residual_squares(model)[:, k], np.sum(left[:, here] ** 2, axis=1), rtol=1e-3
    )


def test_right_images_show_no_misfit_and_the_noise_of_pixels():
    found = [judged(stack)[1] for stack in stacks_of(6)]
    assert sum((one.misfit_error > 0).any() for one in found) <= 1
    one = found[0]
    assert one.names == ("D", "alpha")
    assert one.pixel_variance == pytest.approx(1e-3, rel=0.02)
    np.testing.assert_allclose(one.chi2_of_frames, 1.0, atol=0.15)
    np.testing.assert_allclose(one.chi2_of_rings, 1.0, atol=0.15)
    assert np.abs(one.pattern).max() < 4.5
    # What rings, sectors and times say of right images is the error by noise, give or take.
    for part in ("by_rings", "by_sectors", "by_time"):
        shares = [getattr(one, part)[0] / one.noise_error[0] for one in found]
        assert 0.6 < np.sqrt(np.mean(np.square(shares))) < 1.5
    np.testing.assert_allclose(one.total_error, np.hypot(one.noise_error, one.misfit_error))


def test_smaller_windows_give_the_same_where_images_are_right():
    fit, misfit = judged(stacks_of(a=1e-9)[0])
    assert set(misfit.windows) > {np.inf}
    for theta in misfit.windows.values():
        np.testing.assert_allclose(theta[0], fit.theta[0, 0], atol=2e-3)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [("region", "by_windows"), ("immobile", "by_windows"), ("beside", "by_sectors")],
)
def test_what_is_not_as_told_makes_the_error_as_large_as_the_bias(wrong, part):
    if wrong == "region":
        stack = stacks_of(protocol=PROTOCOL.replace(bleach_region=Circle(3.7)))[0]
    elif wrong == "immobile":
        stack = stacks_of(mobile_fraction=0.9)[0]
    else:
        stack = np.roll(stacks_of()[0], 1, axis=2)
    fit, misfit = judged(stack)
    noise, misfit_error = misfit.noise_error[0], misfit.misfit_error[0]
    assert misfit_error > 1.5 * noise
    assert getattr(misfit, part)[0] == pytest.approx(misfit_error, rel=0.05)
    assert abs(fit.theta[0, 0] - np.log10(TRUTH["D"])) < 3 * misfit.total_error[0]
    assert misfit.factor[0] > 1.5


def test_uneven_light_is_seen_and_division_mends_it():
    y, x = np.indices(PROTOCOL.shape) - 23.5
    light = 1 - 0.25 * (x**2 + y**2) / (2 * 24**2)
    stack = stacks_of(seed=1, a=3e-4)[0] * light
    uneven = judged(stack)[1]
    mended = judged(stack, ImageScoreExtractor(PROTOCOL, ranges=RANGES))[1]
    assert uneven.misfit_error[0] > 5 * max(mended.misfit_error[0], mended.noise_error[0])
    assert np.abs(uneven.pattern).max() > 3 * np.abs(mended.pattern).max()


def test_levels_as_they_are_judge_c0_too():
    stack = stacks_of()[0]
    steady = ImageScoreExtractor(PROTOCOL, frame_levels=False, ranges=RANGES, flat_field=None)
    _, misfit = judged(stack, steady)
    assert misfit.names == ("D", "c0", "alpha")
    assert (misfit.factor < 3).all()
    flicker = 1 + 0.02 * np.random.default_rng(0).standard_normal((len(stack), 1, 1))
    _, flickers = judged(stack * flicker, steady)
    assert flickers.by_time[1] > 3 * flickers.noise_error[1]


def test_residual_images_show_what_the_model_has_not():
    stack = stacks_of(a=1e-6)[0]
    spot = gaussian_filter(np.pad([[[30.0]]], ((0, 0), (30, 17), (30, 17))), (0, 2, 2))
    X = EVEN.fit_transform(stack[np.newaxis])
    surrogate = EVEN.surrogate_
    rows, columns = surrogate.window
    fit = LeastSquaresFRAP(PROTOCOL, bounds=RANGES).fit(X).estimate(X).fit
    model = surrogate.frame_scores(fit.curves)[0]
    left = residual_images((stack + spot)[:, rows, columns], surrogate.images, model, 2)
    assert left.shape == (2, *surrogate.images.shape[1:])
    place = np.unravel_index(left[1].argmax(), left[1].shape)
    assert np.abs(np.add(place, (rows.start, columns.start)) - 30).max() <= 1


def test_a_fit_within_all_pixels_is_that_of_the_estimator():
    fit, _ = judged(stacks_of()[0])
    surrogate = fit.forward.evaluator
    scores = surrogate.frame_scores(fit.data)[0]
    size = PROTOCOL.n_frames, surrogate.n_images

    def shape(theta):
        full = np.array([[theta[0], 1.0, theta[1]]])
        model, slopes = fit.forward.linearize(full, np.ones(1))
        return model[0].reshape(size), slopes[0, [0, 2]].reshape(2, *size)

    theta, _ = fit_near(scores, np.eye(size[1]), shape, fit.theta[0, [0, 2]] + 0.05)
    np.testing.assert_allclose(theta, fit.theta[0, [0, 2]], atol=1e-6)


def test_only_one_fit_of_images_can_be_judged():
    curve = FRAPSimulator(PROTOCOL, TRUTH, random_state=0).sample(1).data
    fit = LeastSquaresFRAP(PROTOCOL).fit(curve).estimate(curve).fit
    with pytest.raises(ValueError, match="scores of one series"):
        judge_images(fit, stacks_of()[0])
