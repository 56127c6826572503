"""Regions of many pixels: fits look for the right basin on a coarser grid, and end on the fine."""

import numpy as np
import pytest

from skfrap import Circle, Ellipse, FRAPProtocol, LeastSquaresFRAP, Mask
from skfrap.inference.fitting._starts import StartGrid, _nodes_of_power
from skfrap.models import DirectCurves, model_for
from skfrap.models.field._coarser import coarser, coarser_of_many
from skfrap.models.forward._coarse import coarse_guide
from skfrap.numerics._chebyshev import first_kind_nodes

LARGE = FRAPProtocol(
    shape=(200, 230), pixel_size=0.25, bleach_region=Circle(8.0, (28.0, 26.0)), n_prebleach=4,
    n_bleach=1, n_postbleach=20, frame_interval=1.0, padding=40,
)  # fmt: skip
FREE = "D", "c0", "alpha", "bleach_blur"


def test_a_coarser_experiment_is_the_same_but_for_its_pixels():
    other = coarser(LARGE, 3)
    assert (other.shape, other.padding) == ((66, 76), 13)
    assert other.pixel_size == pytest.approx(0.75)
    assert other.equivalent_radius == pytest.approx(8.0, rel=1e-3)
    drawn = coarser(LARGE.replace(bleach_region=Mask(LARGE.bleach_mask)), 3)
    assert drawn.bleach_mask == pytest.approx(other.bleach_mask, abs=1e-6)


def test_its_curves_are_near_those_of_the_images():
    guide = coarse_guide("diffusion", model_for(LARGE))
    values = {"D": 1.0, "c0": 0.7, "alpha": 0.4, "bleach_blur": 0.5}
    assert guide.curves(**values) == pytest.approx(model_for(LARGE).curves(**values), abs=3e-3)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"bleach_region": Circle(4.0)}, "diffusion"),  # few pixels
        ({"compartment": Ellipse((24.0, 22.0))}, "diffusion"),
        ({}, model_for(LARGE)),  # a model of one's own
        ({"bleach_region": Circle(8.0, (49.4, 41.9))}, "diffusion"),  # at the rim, which is cut
    ],
)
def test_there_is_none_where_it_is_of_no_use(change, key):
    assert coarse_guide(key, model_for(LARGE.replace(**change))) is None


def test_fits_end_on_the_grid_of_the_images():
    truth = {"D": 1.0, "c0": 0.7, "alpha": 0.4, "bleach_blur": 0.5}
    curves = model_for(LARGE).curves(**truth)
    estimator = LeastSquaresFRAP(LARGE, parameters=FREE).fit(curves)
    guide = estimator._fitter.guide.evaluator
    assert isinstance(guide, DirectCurves)
    assert guide.protocol.pixel_size > 2 * LARGE.pixel_size
    found = dict(zip(estimator.target_names_, estimator.predict(curves)[0], strict=True))
    assert 10 ** found["log10_D"] == pytest.approx(1.0, rel=1e-6)
    assert found["bleach_blur"] == pytest.approx(0.5, rel=1e-4)


def test_noise_leads_to_the_optimum_that_the_grid_finds():
    rng = np.random.default_rng(0)
    values = {"D": 1.0, "c0": 0.7, "alpha": 0.4, "bleach_blur": 0.5}
    curves = model_for(LARGE).curves(**values) + 2e-3 * rng.normal(size=(1, LARGE.n_frames))
    guided = LeastSquaresFRAP(LARGE, parameters=FREE).fit(curves)
    alone = LeastSquaresFRAP(LARGE, parameters=FREE).fit(curves)
    alone._fitter.guide = None
    costs = [one.fit_results(curves).residual_sum_of_squares[0] for one in (guided, alone)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-6)


# Bleaching by imaging


MANY = FRAPProtocol(
    shape=(480, 560), pixel_size=0.25, bleach_region=Circle(5.0, (40.0, 30.0)), n_prebleach=3,
    n_bleach=1, n_postbleach=12, frame_interval=2.0, padding=16,
)  # fmt: skip


def test_what_comes_over_the_edges_of_large_images_is_as_on_their_own_grid():
    engine = model_for(MANY)._engine("imaging", 0.0, 0.0)
    assert engine.coarse is not None
    depth = np.array([0.3, 0.6])
    coarse = engine.moving(depth, 5.0, 0.99, "grid")
    engine.coarse = None
    assert coarse == pytest.approx(engine.moving(depth, 5.0, 0.99, "grid"), abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (200, 240)},  # few pixels
        {"shape": (481, 561)},  # not to be cut evenly
        {"bleach_region": Circle(1.5, (40.0, 30.0))},
    ],
)
def test_small_images_and_regions_stay_on_their_own_grid(change):
    assert coarser_of_many(MANY.replace(**change)) is None
    assert coarser_of_many(MANY).pixel_size == 1.0


FADES = FRAPProtocol(
    shape=(72, 96), pixel_size=0.5, bleach_region=Circle(4.5, (20.0, 17.0)), n_prebleach=4,
    n_bleach=2, n_postbleach=40, frame_interval=0.6, padding=24,
)  # fmt: skip
FADING = "D", "c0", "alpha", "imaging_bleach"


def test_what_fades_is_looked_for_on_larger_pixels_than_what_blurs():
    model = model_for(FADES)
    guide = coarse_guide("diffusion", model, ("D", "imaging_bleach"))
    assert guide.protocol.pixel_size == 1.0
    for free in (("D",), ("D", "bleach_blur", "imaging_bleach"), ()):
        assert coarse_guide("diffusion", model, free) is None


@pytest.mark.parametrize(
    "D", [0.2, *(pytest.param(D, marks=pytest.mark.slow) for D in (4.0, 60.0))]
)
def test_a_curve_that_fades_ends_where_the_whole_grid_leads(D):
    rng = np.random.default_rng(0)
    values = {"D": D, "c0": 0.7, "alpha": 0.4, "imaging_bleach": 0.99}
    curve = model_for(FADES).curves(**values) + 2e-3 * rng.normal(size=(1, FADES.n_frames))
    guided = LeastSquaresFRAP(FADES, parameters=FADING).fit(curve)
    assert guided._fitter.guide is not None
    alone = LeastSquaresFRAP(FADES, parameters=FADING).fit(curve)
    alone._fitter.guide = None
    found, expected = guided.predict(curve), alone.predict(curve)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_templates_between_few_points_of_what_fades_are_near_those_at_all():
    options = {"parameters": FADING, "interpolate": False, "bounds": {"D": (2.0, 20.0)}}
    curve = model_for(FADES).curves(4.0, 0.7, 0.4)
    fitter = LeastSquaresFRAP(FADES, **options).fit(curve)._fitter
    evaluator, computed = fitter.evaluator, []

    class Counting(DirectCurves):
        def scores(self, values):
            computed.append(len(values))
            return super().scores(values)

    fitter.forward.evaluator = Counting(evaluator.model)
    grid, templates, _ = StartGrid(fitter.forward)._templates
    assert computed == [len(grid) // 16 * 6]
    assert templates == pytest.approx(evaluator.scores(grid), abs=1e-3)


@pytest.mark.parametrize(
    ("lowest", "n_events", "n_nodes"), [(0.98, 114, 6), (0.99, 20, 3), (0.3, 114, 16)]
)
def test_powers_that_reach_farther_take_more_points(lowest, n_events, n_nodes):
    assert _nodes_of_power(lowest, 1.0, n_events) == n_nodes
    if n_nodes < 16:
        fine, nodes = np.linspace(lowest, 1.0, 200), 0.5 * (1 - lowest) * first_kind_nodes(n_nodes)
        nodes = nodes + 0.5 * (1 + lowest)
        fitted = np.polynomial.Polynomial.fit(nodes, nodes**n_events, n_nodes - 1)(fine)
        assert fitted == pytest.approx(fine**n_events, abs=1e-3)


def test_without_a_range_there_are_no_points_between():
    assert _nodes_of_power(0.0, 1.0, 10) == np.inf
