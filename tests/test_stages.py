"""A region that moves: what is told of it at once, and bases of images that move along."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.analysis import ExperimentOptions, LiveAnalysis, analyse_series
from skfrap.analysis._stages import StagedAnalysis
from skfrap.experiment import Compartment
from skfrap.io import ImageSeries
from skfrap.models import DiffusionModel, ImageSurrogate, image_surrogate_for, surrogate_for
from skfrap.models.forward import _surrogates

PROTOCOL = FRAPProtocol(
    shape=(64, 64), pixel_size=0.5, bleach_region=Circle(3.0, (16.0, 16.0)), n_postbleach=20,
    n_bleach=2, padding=32,
)  # fmt: skip
TRUTH = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
OPTIONS = ExperimentOptions(start="auto", data="both")


@pytest.fixture(scope="module")
def series():
    frames = FRAPSimulator(PROTOCOL, TRUTH, random_state=0).sample_images(1).data[0]
    info = {"protocol": PROTOCOL.to_dict()}
    return ImageSeries(frames, "cell", 0.5, PROTOCOL.times - PROTOCOL.times[0], info=info)


def same(one, other):
    assert [row.to_dict() for row in one.alternatives] == [
        row.to_dict() for row in other.alternatives
    ]
    assert one.estimates.findings == other.estimates.findings
    assert one.sources == other.sources
    for name, values in one.estimates.to_dict().items():
        np.testing.assert_array_equal(values, other.estimates.to_dict()[name], err_msg=name)


def test_in_the_end_there_is_what_one_analysis_finds(series):
    staged = StagedAnalysis(series)
    assert staged.soon(OPTIONS) is None  # nothing is known yet
    same(staged.whole(OPTIONS), analyse_series(series, OPTIONS))
    moved = replace(OPTIONS, bleach_region="circle:6px@34px,31px")
    soon = staged.soon(moved)
    whole = analyse_series(series, moved)
    same(staged.whole(moved), whole)
    # Of frames that need no alignment it is the same but for the pixels.
    assert "being compared" in soon.sources["all pixels"]
    kept = [row for row in whole.alternatives if row.data != "images"]
    assert [row.name for row in soon.alternatives] == [row.name for row in kept]
    for row, expected in zip(soon.alternatives, kept, strict=True):
        assert_allclose(row.values["D"], expected.values["D"], rtol=1e-12)
    of_images = {"images_disagree"}
    codes = [one.code for one in whole.estimates.findings[0] if one.code not in of_images]
    assert [one.code for one in soon.estimates.findings[0]] == codes
    assert soon.sources["bleach region"] == whole.sources["bleach region"]


@pytest.mark.parametrize(
    "region", ["circle:6px@33.25px,31.5px", "circle:6.4px@32px,32px", "circle:5.9px@32.4px,32px"]
)
def test_a_part_of_a_pixel_is_told_of_as_exactly(series, region, curves_built):
    staged, moved = StagedAnalysis(series), replace(OPTIONS, bleach_region=region)
    staged.whole(OPTIONS)
    before = len(curves_built)
    soon = staged.soon(moved)
    (narrow,) = curves_built[before:]
    whole = staged.whole(moved)
    assert curves_built[-1].protocol != narrow.protocol or curves_built[-1].ranges != narrow.ranges
    low, high = narrow.ranges["D"]
    assert high < 100 * low  # not all that D may be
    kept = [row for row in whole.alternatives if row.data != "images"]
    assert [row.name for row in soon.alternatives] == [row.name for row in kept]
    error = np.subtract(*(kept[0].upper["D"], kept[0].lower["D"])) / 4
    for row, expected in zip(soon.alternatives, kept, strict=True):
        for ends in ("values", "lower", "upper"):
            D, there = (getattr(one, ends)["D"] for one in (row, expected))
            assert abs(D - there) < 1e-4 * error


def test_what_is_looked_for_near_is_found_where_it_is_not_near(series):
    live = LiveAnalysis(series)
    live.fit()
    far = live._near.estimates  # a D that is told ten times too large
    values = [{"D": 10 * one["D"]} for one in (far.values, far.lower, far.upper)]
    wrong = replace(far, values=values[0], lower=values[1], upper=values[2])
    live._near = live._near._replace(estimates=wrong)
    there = live.fit("circle:6.3px@32.4px,32px")
    alone = LiveAnalysis(series).fit("circle:6.3px@32.4px,32px")
    assert_allclose(there.values["D"], alone.values["D"], rtol=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        {"pixel_size": 0.4},
        {"bleach_region": None},
        {"bleach_region": "auto"},
        {"data": "images"},
        {"recenter": True},
        {"n_prebleach": 9},
    ],
)
def test_where_more_than_the_region_changes_nothing_is_told_before(series, change):
    staged = StagedAnalysis(series)
    staged.whole(OPTIONS)
    moved = replace(OPTIONS, bleach_region="circle:6px@34px,31px")
    assert staged.soon(moved) is not None
    assert staged.soon(replace(moved, **change)) is None


def test_a_region_that_cannot_be_is_refused_at_once(series):
    staged = StagedAnalysis(series)
    staged.whole(OPTIONS)
    with pytest.raises(ValueError, match="field"):
        staged.soon(replace(OPTIONS, bleach_region="circle:100px@34px,31px"))


def moved_by(columns, rows=0, **changes):
    x, y = 16.0 + 0.5 * columns, 16.0 + 0.5 * rows
    return PROTOCOL.replace(bleach_region=Circle(3.0, (x, y)), **changes)


@pytest.fixture
def built(monkeypatch):
    """Count the bases that are built."""
    found = []
    whole = _surrogates.ImageSurrogate

    class Counted(whole):
        def __init__(self, *given, **options):
            found.append(given[0])
            super().__init__(*given, **options)

    for cached in (_surrogates._placed_image_surrogate, _surrogates._build_image_surrogate):
        cached.cache_clear()
    monkeypatch.setattr(_surrogates, "ImageSurrogate", Counted)
    yield found
    for cached in (_surrogates._placed_image_surrogate, _surrogates._build_image_surrogate):
        cached.cache_clear()


@pytest.fixture
def curves_built(monkeypatch):
    """Collect the interpolations of curves that are built."""
    found = []
    whole = _surrogates.CurveSurrogate

    def build(*given, **options):
        found.append(whole(*given, **options))
        return found[-1]

    for cached in (_surrogates._placed_surrogate, _surrogates._build_surrogate):
        cached.cache_clear()
    monkeypatch.setattr(_surrogates, "CurveSurrogate", build)
    yield found
    for cached in (_surrogates._placed_surrogate, _surrogates._build_surrogate):
        cached.cache_clear()


def test_curves_move_along_by_whole_pixels_and_are_those_of_the_place(curves_built):
    places = [moved_by(3, -2), moved_by(0), moved_by(-9, 1), moved_by(-26, 25)]  # to the rims
    found = [surrogate_for(protocol, "diffusion", {"D": (1.0, 20.0)}) for protocol in places]
    assert len(curves_built) == 1
    given = {"D": [1.5, 7.0, 19.0], "c0": 0.8, "alpha": 0.6, "mobile_fraction": 0.9}
    for protocol, one in zip(places, found, strict=True):
        assert one.protocol == protocol
        assert_allclose(one.curves(**given), DiffusionModel(protocol).curves(**given), atol=1e-8)
    # What is found does not hang on what was asked for before.
    for cached in (_surrogates._placed_surrogate, _surrogates._build_surrogate):
        cached.cache_clear()
    again = surrogate_for(places[2], "diffusion", {"D": (1.0, 20.0)})
    np.testing.assert_array_equal(again.curves(**given), found[2].curves(**given))


@pytest.mark.parametrize(
    "options",
    [
        {"fixed": {"imaging_bleach": 0.99}},
        {"fixed": {"bleach_blur": 0.5}},
        {"model": DiffusionModel},
    ],
)
def test_curves_of_which_the_place_may_matter_do_not_move_along(curves_built, options):
    given = {"model": "diffusion", "ranges": {"D": (1.0, 5.0)}} | options
    for protocol in (moved_by(0), moved_by(2)):
        surrogate_for(protocol, **given)
    assert [one.protocol for one in curves_built] == [moved_by(0), moved_by(2)]


def test_bases_move_along_by_whole_pixels_and_are_those_of_the_place(built):
    ranges = {"D": (1.0, 20.0)}
    places = [moved_by(0), moved_by(3, -2), moved_by(-4, 1)]
    found = [image_surrogate_for(protocol, ranges) for protocol in places]
    assert len(built) == 1
    for protocol, one in zip(places, found, strict=True):
        direct = ImageSurrogate(protocol, ranges)
        assert one.protocol == protocol
        assert one.window == direct.window
        assert one.n_scores == direct.n_scores
        values = np.array([[np.log10(4.0), 0.6, 1.0, 0.0, 0.0, 1.0][: len(one.names)]] * 2)
        for k, name in enumerate(one.names):
            values[:, k] = {"D": np.log10(4.0), "alpha": 0.6, "mobile_fraction": 0.9}.get(
                name, one.fixed.get(name, 1.0)
            )
        # Scores are of bases that may differ; what they tell of pairs of series does not.
        values[1, one.names.index("alpha")] = 0.3
        for some in (one, direct):
            assert some.loss < 1e-3
        pairs = [np.diff(some.scores(values), axis=0) for some in (one, direct)]
        assert_allclose(np.linalg.norm(pairs[0]), np.linalg.norm(pairs[1]), rtol=1e-6)


@pytest.mark.parametrize(
    "protocol",
    [
        moved_by(0.5),  # a part of a pixel
        moved_by(26),  # its window ends where the field does
        moved_by(1, n_bleach=1),
        PROTOCOL.replace(bleach_region=Circle(3.1, (16.0, 16.0))),
    ],
)
def test_other_experiments_have_bases_of_their_own(built, protocol):
    ranges = {"D": (1.0, 20.0)}
    first = image_surrogate_for(PROTOCOL, ranges)
    other = image_surrogate_for(protocol, ranges)
    assert len(built) == 2
    assert other != first


def test_in_a_compartment_the_place_matters(built):
    inside = Compartment(Circle(12.0, (16.0, 16.0)))
    for columns in (0, 1):
        image_surrogate_for(moved_by(columns, compartment=inside), {"D": (1.0, 5.0)})
    assert [one.bleach_region for one in built] == [moved_by(k).bleach_region for k in (0, 1)]
