"""What networks start from, written out for speed: the same as by the book."""

import numpy as np
import pytest

from skfrap import FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.inference.networks._features import RawFeatures
from skfrap.numerics._covariance import inverse_of_definite, products_of_rows

PROTOCOL = FRAPProtocol()


@pytest.fixture(scope="module")
def grid_and_scores():
    """A grid, scores of noisy curves, and a range of c0 that many are at the ends of."""
    curves = FRAPSimulator(PROTOCOL, random_state=0).sample(3000).data
    curves[:5] = 0.0
    curves[5:10] *= -1
    fitter = LeastSquaresFRAP(PROTOCOL).fit(curves)._fitter
    return fitter.grid, fitter.forward.project(curves)


@pytest.mark.parametrize("ends", [(0.5, 1.0), (0.6, 0.65), (0.7, 0.7), (0.0, np.inf), (-1.0, 1.0)])
def test_nearest_point_is_that_of_least_cost(grid_and_scores, ends):
    grid, scores = grid_and_scores
    points, templates, squared = grid._templates
    factor = np.clip(scores @ templates.T / squared, *ends)
    cost = np.sum(scores**2, axis=1)[:, np.newaxis] - 2 * factor * (scores @ templates.T)
    cost += factor**2 * squared
    best = cost.argmin(axis=1)
    found = grid.nearest(scores, *(np.full(len(scores), end) for end in ends))
    column = grid.forward.factor_column
    np.testing.assert_allclose(found[:, column], np.clip(found[:, column], *ends))
    expected = grid.forward.from_table(points[best])
    expected[:, column] = factor[np.arange(len(best)), best]
    with_light = slice(5, None)  # of no light, with no least factor, all points are as good
    np.testing.assert_allclose(found[with_light], expected[with_light], rtol=1e-10)
    at_ends = (factor[np.arange(len(best)), best][:, np.newaxis] == ends).any(axis=1)
    if ends == (0.6, 0.65):
        assert at_ends.sum() > 1000
        assert (~at_ends).sum() > 100


def test_model_at_points_is_the_model(grid_and_scores):
    grid, scores = grid_and_scores
    ends = np.full(len(scores), 0.5), np.full(len(scores), 1.0)
    theta, model, jacobian = grid.linearize_nearest(scores, *ends)
    expected = grid.forward.linearize(theta)
    np.testing.assert_array_equal(theta, grid.nearest(scores, *ends))
    np.testing.assert_allclose(model, expected[0], atol=1e-12)
    np.testing.assert_allclose(jacobian, expected[1], atol=1e-12)
    few = grid.linearize_nearest(scores[:3], *(one[:3] for one in ends))
    np.testing.assert_allclose(few[2], jacobian[:3], atol=1e-12)


@pytest.mark.parametrize("v", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("n", [3, 200])
def test_small_matrices_are_inverted(v, n):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, v, 7)) * 10.0 ** rng.uniform(-5, 5, size=(n, v, 1))
    matrices = products_of_rows(rows)
    np.testing.assert_allclose(matrices, np.einsum("nvs,nws->nvw", rows, rows), rtol=1e-10)
    inverse = inverse_of_definite(matrices)
    size = np.sqrt(np.einsum("nvv->nv", matrices))
    scaled = inverse * size[:, :, np.newaxis] * size[:, np.newaxis]
    unit = matrices / size[:, :, np.newaxis] / size[:, np.newaxis]
    np.testing.assert_allclose(scaled @ unit, np.tile(np.eye(v), (n, 1, 1)), atol=1e-8)


def test_row_of_a_curve_unlike_the_training_is_told_among_many():
    X = np.random.default_rng(0).normal(1.0, 0.1, size=(5000, 4)).astype(np.float32)
    features = RawFeatures()
    features.fit(X.astype(float), X[:, :1].astype(float), np.ones(len(X)))
    features.check_curves(X)
    X[4321] = 90.0
    with pytest.raises(ValueError, match="row 4321 with a mean of 90 "):
        features.check_curves(X)
