"""An analysis that follows a region: the same curve and estimates as one of the whole series."""

import numpy as np
import pytest

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.analysis import ExperimentOptions, LiveAnalysis, analyse_series
from skfrap.io import ImageSeries

REGIONS = ("circle:8@32,32", "circle:8.5@33,32", "rectangle:14x15@32,33", "circle:5@45,20")


@pytest.fixture(scope="module")
def series():
    protocol = FRAPProtocol(
        shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0), n_postbleach=20
    )
    truth = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    frames = FRAPSimulator(protocol, truth, random_state=0).sample_images(1).data[0]
    return ImageSeries(frames, "cell", 1.0, protocol.times, info={"protocol": protocol.to_dict()})


def test_following_a_region_gives_what_an_analysis_of_it_gives(series):
    live = LiveAnalysis(series)
    for region in REGIONS:
        whole = analyse_series(series, ExperimentOptions(bleach_region=region))
        np.testing.assert_allclose(live.curve(region), whole.curve, rtol=1e-12)
        for name in ("D_um2_s", "D_um2_s_lower", "D_um2_s_upper"):
            followed, expected = (
                getattr(one, name)[0] for one in (live.fit(region), whole.estimates)
            )
            assert followed == pytest.approx(expected, rel=2e-6, nan_ok=True)


def test_without_a_region_it_is_the_one_that_is_seen():
    protocol = FRAPProtocol(
        shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0, (28.0, 34.0)), n_postbleach=20
    )
    truth = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    frames = FRAPSimulator(protocol, truth, random_state=0).sample_images(1).data[0]
    series = ImageSeries(frames, "cell", 1.0, protocol.times)
    live = LiveAnalysis(series, ExperimentOptions(start="auto"))
    region = live.protocol.bleach_region
    assert region.radius == pytest.approx(8, abs=1.5)
    np.testing.assert_allclose(region.center, (28.0, 34.0), atol=0.5)
    assert live.sources["bleach region"].startswith("as seen")


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("circle:8@2,2", "leaves the field"),
        ("circle:31.9@32,32", "at least half"),
        ("disk:8@2,2", "neither the file"),
    ],
)
def test_regions_that_cannot_be_are_refused(series, region, words):
    with pytest.raises(ValueError, match=words):
        LiveAnalysis(series).curve(region)


def test_residual_images_are_noise_where_the_model_is_right_and_show_where_it_is_wrong(series):
    live = LiveAnalysis(series, ExperimentOptions(background="none"))
    right = dict(live.residual_images())
    assert len(right) == 5
    assert all(image.shape == (64, 64) for image in right.values())
    assert np.abs(right["first frame"]).max() < 5 * 1e-2
    wrong = dict(live.residual_images("circle:5@32,32"))
    assert np.abs(wrong["first frame"]).max() > 4 * np.abs(right["first frame"]).max()


def test_models_without_images_have_no_residual_images(series):
    live = LiveAnalysis(series, ExperimentOptions(model="soumpasis"))
    with pytest.raises(ValueError, match="of curves alone"):
        live.residual_images()
