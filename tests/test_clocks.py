"""Clocks of recordings: which interval decides, what a gap means, and clocks that disagree."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.analysis import ExperimentOptions, analyse_series, describe_experiment, read_recordings
from skfrap.analysis._clock import end_of_bleaching
from skfrap.cli import cli
from skfrap.io import ImageSeries, read_series, write_series

tifffile = pytest.importorskip("tifffile")

TRUTH = {"D": 2.0, "c0": 0.6, "alpha": 0.4, "a": 1e-4}
GIVEN = {"n_prebleach": 5, "bleach_region": "circle:5", "background": "none"}


def protocol_of(postbleach_times=None, **changes):
    return FRAPProtocol(
        **{
            "shape": (64, 64), "pixel_size": 0.5, "bleach_region": Circle(5.0), "n_prebleach": 5,
            "n_bleach": 1, "frame_interval": 0.5, "postbleach_times": postbleach_times,
            "padding": 64, "n_postbleach": 40 if postbleach_times is None else None,
        }
        | changes
    )  # fmt: skip


def images_of(protocol):
    simulator = FRAPSimulator(protocol, TRUTH, bit_depth=16, random_state=0)
    return simulator.sample_images(1).data[0]


def series_of(protocol, times=None, **changes):
    if "frames" not in changes:
        changes["frames"] = images_of(protocol)
    times = protocol.times - protocol.times[0] if times is None else times
    return ImageSeries(**{"name": "x", "pixel_size_um": 0.5, "times_s": times} | changes)


@pytest.fixture(scope="module")
def regular():
    return protocol_of()


@pytest.fixture(scope="module")
def regular_frames(regular):
    return images_of(regular)


def test_a_clock_that_is_given_is_that_of_what_is_described(regular, regular_frames):
    series = series_of(regular, frames=regular_frames)
    given = 2.0 * np.arange(len(regular_frames))
    described, sources = describe_experiment(series, ExperimentOptions(**GIVEN, times=given))
    assert described.frame_interval == 2.0
    assert sources["frame times"] != "file"
    at_edge = ExperimentOptions(**GIVEN | {"bleach_region": "circle:5@14,16"}, recenter=True)
    moved, _ = describe_experiment(series, at_edge)
    assert_allclose(moved.bleach_region.center, (16, 16), atol=0.2)


@pytest.mark.parametrize("times", [["0", "1", "2"], np.array([None, 1, 2])])
def test_times_that_are_no_numbers_are_refused_in_words(regular_frames, times):
    series = ImageSeries(frames=regular_frames[:3], name="x", pixel_size_um=0.5, times_s=times)
    with pytest.raises(ValueError, match="times_s of a series must be numbers of seconds"):
        describe_experiment(series, ExperimentOptions(**GIVEN))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame_interval": "0.5"}, "frame_interval must be a positive number of seconds"),
        ({"pixel_size": (0.5, 0.5)}, "pixel_size must be a positive number of µm"),
        ({"bleach_duration": -1.0}, "bleach_duration must be a positive number of seconds"),
        ({"n_prebleach": 5.0}, "n_prebleach must be a whole number of at least 1"),
        ({"n_prebleach": True}, "n_prebleach must be a whole number of at least 1"),
        ({"n_bleach": 0}, "n_bleach must be a whole number of at least 1"),
        ({"skip": -1}, "skip must be a whole number of at least 0"),
        ({"until": "5"}, "until must be a number of seconds"),
        ({"until": np.nan}, "until must be a number of seconds"),
    ],
)
def test_numbers_of_another_kind_are_refused_before_a_file_is_read(options, message):
    with pytest.raises(ValueError, match=message):
        ExperimentOptions(**options)


@pytest.mark.parametrize(("size", "unlikely"), [(0.5, False), (500.0, True), (5e-7, True)])
def test_a_pixel_that_is_no_microscopes_is_spoken_of(regular, regular_frames, size, unlikely):
    series = series_of(regular, frames=regular_frames, pixel_size_um=size)
    told = GIVEN | {"bleach_region": "circle:10px"}
    recordings = read_recordings([series], ExperimentOptions(**told))
    assert [one.code for one in recordings[0].findings] == ["pixel_size_unlikely"] * unlikely


# The end of bleaching


FAST_THEN_SLOW = np.r_[0.5 * np.arange(1, 11), 5 + 2.0 * np.arange(1, 21)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("postbleach_times", "frame_interval"),
    [
        (FAST_THEN_SLOW, 0.5),
        (FAST_THEN_SLOW, 4.0),  # slow before bleaching too
        (np.r_[0.5, 1.0, 3.0 + 2.0 * np.arange(20)], 0.5),  # two intervals only
    ],
)
def test_intervals_next_to_bleaching_decide(postbleach_times, frame_interval):
    truth = protocol_of(postbleach_times, frame_interval=frame_interval)
    analysis = analyse_series(series_of(truth), ExperimentOptions(**GIVEN))
    assert_allclose(analysis.protocol.times, truth.times, atol=1e-9)
    assert "0.5 s before the first frame after it" in analysis.sources["end of bleaching"]
    assert not analysis.estimates.flags[0]
    assert analysis.estimates.D_um2_s[0] == pytest.approx(2.0, rel=0.05)


def test_gap_that_bleach_frames_do_not_explain_is_used_and_flagged():
    truth = protocol_of(3.0 + 0.5 * np.arange(40))
    series = series_of(truth)
    analysis = analyse_series(series, ExperimentOptions(**GIVEN))
    assert analysis.estimates.D_um2_s[0] == pytest.approx(2.0, rel=0.05)
    assert "gap of 3.5 s in the clock" in analysis.sources["end of bleaching"]
    (finding,) = analysis.findings
    assert finding.code == "bleach_gap_unexplained"
    assert "if it ended 0.5 s before the next frame D = 1.2" in finding.words
    assert not analysis.estimates.usable[0]
    assert analysis.to_record()["findings"] == "bleach_gap_unexplained"
    told = analyse_series(series, ExperimentOptions(**GIVEN, first_postbleach=3.0))
    assert not told.findings
    told = analyse_series(series, ExperimentOptions(**GIVEN, first_postbleach=1.0))
    assert "bleach_gap_unexplained" in [one.code for one in told.findings]
    assert "given; the clock shows 3.5 s" in told.sources["end of bleaching"]


@pytest.mark.parametrize(
    ("gap", "n_bleach", "told", "first", "bleach_interval", "doubtful"),
    [
        (0.5, 1, {}, 0.5, None, False),  # the clock leaves bleaching out
        (0.5, 4, {}, 0.5, None, False),
        (1.0, 1, {}, 0.5, None, False),
        (2.5, 4, {}, 0.5, None, False),
        (1.1, 4, {}, 0.1 * 6 / 6 * 5, 0.15, False),  # bleach frames follow each other faster
        (1.5, 1, {}, 1.0, None, True),
        (1.5, 1, {"first": 1.0}, 1.0, None, False),
        (1.5, 1, {"first": 2.0}, 2.0, None, True),  # before the last frame before bleaching
        (0.2, 1, {}, 0.1, 0.1, False),  # the next frame follows at once
        (2.0, 2, {"bleach_interval": 0.5}, 0.5, 0.5, False),
        (9.0, 2, {"bleach_interval": 0.5}, 8.0, 0.5, True),
    ],
)
def test_what_lies_in_the_gap(gap, n_bleach, told, first, bleach_interval, doubtful):
    times = np.r_[0.5 * np.arange(5), 2.0 + gap + 0.5 * np.arange(10)]
    end = end_of_bleaching(times, 5, n_bleach, **told)
    assert_allclose(end.first, first)
    assert end.bleach_interval == (
        None if bleach_interval is None else pytest.approx(bleach_interval)
    )
    assert (end.finding is not None) == doubtful


def test_jitter_of_a_clock_is_no_gap():
    rng = np.random.default_rng(0)
    for _ in range(200):
        times = np.cumsum(np.r_[0, 0.5 + rng.normal(0, 0.01, 44)])
        times[5:] += rng.choice([0.0, 0.5])  # recorded with or without the time of bleaching
        end = end_of_bleaching(times, 5, 1)
        assert end.finding is None
        assert end.first == pytest.approx(0.5, rel=0.06)


def test_frames_recorded_while_bleaching_are_told_by_0_s_and_skip(regular, regular_frames):
    frames = np.insert(regular_frames, 5, 65535, axis=0)  # what the laser itself shows
    times = np.r_[regular.times[:5], 0.0, regular.times[5:]]
    series = series_of(regular, times - times[0], frames=frames)
    options = ExperimentOptions(**GIVEN, first_postbleach=0.0, skip=1)
    analysis = analyse_series(series, options)
    assert_allclose(analysis.protocol.times, regular.times, atol=1e-9)
    assert analysis.estimates.D_um2_s[0] == pytest.approx(2.0, rel=0.05)
    assert not analysis.findings
    with pytest.raises(ValueError, match=r"first_postbleach is 0 s.*leave them out by skip=1"):
        describe_experiment(series, ExperimentOptions(**GIVEN, first_postbleach=0.0))
    three = np.r_[regular.times[:5] - 1.0, -1.0, -0.5, 0.0, regular.times[5:]]
    frames = np.insert(regular_frames, [5] * 3, 65535, axis=0)
    series = series_of(regular, three - three[0], frames=frames)
    options = ExperimentOptions(**GIVEN, first_postbleach=-1.0, skip=3, n_bleach=3)
    described, _ = describe_experiment(series, options)
    assert_allclose(described.bleach_times, [-1.0, -0.5, 0.0])
    assert_allclose(described.times[5:], regular.times[5:], atol=1e-9)


# Clocks that disagree


def _unit(name, unit):
    return "" if unit is None else f' {name}Unit="{unit}"'


@pytest.mark.parametrize("clock", [{"times": True}, {"increment": 500}])
@pytest.mark.parametrize(("unit", "told"), [("ms", False), (None, True), ("s", False)])
def test_a_clock_that_may_be_of_another_unit_is_spoken_of(
    tmp_path, regular_frames, clock, unit, told
):
    clock = clock | ({"times": 500.0 * np.arange(45)} if "times" in clock else {})
    series = read_series(ome_file(tmp_path / "a.ome.tif", regular_frames, **clock, unit=unit))
    assert [one.code for one in series.findings] == ["time_unit_unlikely"] * told
    assert_allclose(np.diff(series.times_s), 0.5 if unit == "ms" else 500.0)


def ome_file(path, frames, times=None, increment=None, unit="s"):
    planes = ""
    if times is not None:
        planes = "".join(
            f'<Plane TheC="0" TheT="{k}" TheZ="0" DeltaT="{t:.4f}"{_unit("DeltaT", unit)}/>'
            for k, t in enumerate(times)
        )
    extra = "" if increment is None else f' TimeIncrement="{increment}"'
    extra += _unit("TimeIncrement", unit) if extra else ""
    n, ny, nx = frames.shape
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        'OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        f'Type="uint16" SizeX="{nx}" SizeY="{ny}" SizeC="1" SizeZ="1" SizeT="{n}" '
        f'PhysicalSizeX="0.5" PhysicalSizeY="0.5"{extra}><Channel ID="Channel:0:0" '
        f'SamplesPerPixel="1"/><TiffData/>{planes}</Pixels></Image></OME>'
    )
    tifffile.imwrite(
        path, frames, description=xml.encode(), metadata=None, photometric="minisblack"
    )
    return path


@pytest.mark.parametrize(
    ("times", "increment", "disagree"),
    [
        (0.5 * np.arange(45), 2.17, True),
        (0.5 * np.arange(45), 0.52, False),  # asked for, and what became of it
        (np.r_[0.5 * np.arange(15), 7.5 + 2.0 * np.arange(30)], 0.5, False),
        (np.r_[0.5 * np.arange(15), 7.5 + 2.0 * np.arange(30)], 5.0, True),
        (np.zeros(45), 2.17, False),  # zeros stand where nothing is known
        (np.r_[0.5 * np.arange(30), 14.5 + 0.5 * np.arange(15)], 2.17, True),  # one stamp twice
        (np.r_[0.5 * np.arange(30), 14.5 + 0.5 * np.arange(15)], 0.5, False),
    ],
)
def test_clocks_are_compared(tmp_path, regular_frames, times, increment, disagree):
    series = read_series(ome_file(tmp_path / "a.ome.tif", regular_frames, times, increment))
    assert [one.code for one in series.findings] == ["clocks_disagree"] * disagree
    assert ("clocks" in series.sources) == disagree
    analysis = analyse_series(series, ExperimentOptions(**GIVEN))
    assert analysis.estimates.has_finding("clocks_disagree")[0] == disagree
    decided = analyse_series(series, ExperimentOptions(**GIVEN, frame_interval=0.5))
    assert not {one.code for one in decided.findings} - {"given_value_differs"}
    assert decided.estimates.D_um2_s[0] == pytest.approx(2.0, rel=0.05)


def test_interval_of_imagej_is_compared_with_dates(tmp_path, regular_frames):
    for interval, disagree in ((2.0, False), (4.0, True)):
        path = tmp_path / f"{interval}.tif"
        text = f"ImageJ=1.54f\nimages=45\nframes=45\nunit=um\nfinterval={interval}\n"
        start = datetime.datetime(2024, 5, 6, 10)
        with tifffile.TiffWriter(path) as tif:
            for k, frame in enumerate(regular_frames):
                moment = start + datetime.timedelta(seconds=2 * k)
                tif.write(
                    frame, metadata=None, contiguous=False, datetime=moment, resolution=(2, 2),
                    description=text,
                )  # fmt: skip
        codes = [one.code for one in read_series(path).findings]
        assert codes == ["clocks_disagree"] * disagree


def test_useless_stamps_are_named_where_nothing_else_is(tmp_path, regular_frames):
    times = 0.5 * np.arange(45)
    times[30] = times[29]
    path = ome_file(tmp_path / "a.ome.tif", regular_frames, times)
    with pytest.raises(ValueError, match=r"frame_interval, s; .*DeltaT.* do not increase"):
        analyse_series(path, ExperimentOptions(**GIVEN))


# What was noticed reaches the result


def test_notes_of_the_reader_reach_every_result(tmp_path, regular_frames):
    path = ome_file(tmp_path / "a.ome.tif", regular_frames, 0.5 * np.arange(45), 2.17)
    command = ["estimate", str(path), "--n-prebleach", "5", "--bleach-region", "circle:5"]
    words = "by OME-XML TimeIncrement 2.17 s"
    text = CliRunner().invoke(cli, [*command, "--out", str(tmp_path / "a.csv")])
    assert text.exit_code == 0, text.output
    assert text.output.count(words) == 2  # among the flags, and among the sources
    row = pd.read_csv(tmp_path / "a.csv").iloc[0]
    assert words in row["flags"]
    assert words in row["sources"]
    assert "clocks_disagree" in row["findings"].split()
    (record,) = json.loads(CliRunner().invoke(cli, [*command, "--json"]).output)
    assert record["findings"][0]["code"] == "clocks_disagree"
    compared = CliRunner().invoke(
        cli, ["compare-models", *command[1:], "--models", "soumpasis,gaussian_beam"]
    )
    assert words in compared.output


def test_slices_taken_as_time_are_told(tmp_path, regular_frames):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, regular_frames, imagej=True, metadata={"axes": "ZYX", "unit": "um"}, resolution=(2, 2)
    )
    analysis = analyse_series(path, ExperimentOptions(**GIVEN, frame_interval=0.5))
    assert "Z (slices), taken as time" in analysis.to_record()["sources"]


def test_what_is_given_and_what_the_file_says_are_told_apart(regular):
    series = series_of(regular)
    options = ExperimentOptions(**GIVEN, pixel_size=0.25, frame_interval=1.0)
    _, sources = describe_experiment(series, options)
    assert sources["pixel size"] == "given; the file says 0.5 µm"
    # Among them the interval that bleaching is in.
    assert sources["frame times"] == "given; the file says 0.5 s (0.5 to 1 s)"


def test_series_of_ones_own_are_checked(regular, regular_frames):
    for changes, words in (
        ({"times_s": np.arange(44.0)}, "a time for each of 45 frames, got 44"),
        ({"times_s": np.zeros(45)}, "increase from frame to frame"),
        ({"times_s": np.full(45, np.nan)}, "finite"),
        ({"frames": regular_frames[0]}, "n_frames, ny, nx"),
    ):
        series = series_of(regular, **{"frames": regular_frames} | changes)
        with pytest.raises(ValueError, match=words):
            analyse_series(series, ExperimentOptions(**GIVEN))


# The stored protocol


def saved(path, frames, protocol, **changes):
    """Write a series with its protocol, as `skfrap simulate` does."""
    options = {"pixel_size_um": 0.5, "frame_interval_s": 0.5} | changes
    write_series(path, frames, info={"protocol": protocol.to_dict()}, **options)
    return read_series(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "options", "why"),
    [
        (lambda f: f[:, 4:], {}, "it is of 64 x 64 pixels, and the frames have 60 x 64"),
        (lambda f: f[3:], {}, "it is of 45 frames, and the file has 42"),
        (lambda f: f, {"frame_interval_s": 1.0}, "its frames are 0.5 s apart, and the file's 1 s"),
        (lambda f: f, {"pixel_size_um": 0.6}, "its pixels are 0.5 µm, and the file's 0.6 µm"),
    ],
)
def test_stored_protocol_of_other_frames_is_set_aside(
    tmp_path, regular, regular_frames, change, options, why
):
    series = saved(tmp_path / "a.tif", change(regular_frames), regular, **options)
    with pytest.raises(ValueError, match=rf"n_prebleach.*bleach_region.*set aside: {why}"):
        describe_experiment(series, ExperimentOptions())
    analysis = analyse_series(series, ExperimentOptions(**GIVEN | {"n_prebleach": 2}))
    assert analysis.findings[0].code == "stored_protocol_set_aside"
    assert why in analysis.sources["stored protocol"]


def test_stored_protocol_of_these_frames_is_used(tmp_path, regular_frames):
    slow = protocol_of(FAST_THEN_SLOW, n_bleach=3, bleach_interval=0.1)
    frames = images_of(slow)
    series = saved(tmp_path / "a.tif", frames, slow, frame_interval_s=None, times_s=slow.times)
    found, sources = describe_experiment(series, ExperimentOptions())
    assert_allclose(found.times, slow.times)
    assert_allclose(found.bleach_times, slow.bleach_times)
    assert "protocol in the file" in sources["end of bleaching"]


def test_stored_texts_that_are_no_protocol_are_set_aside(regular):
    for stored in ("text", 3, [1], {"shape": "x"}, {"speed": 1}, {"bleach_region": {"type": "?"}}):
        series = series_of(regular, info={"protocol": stored})
        found, sources = describe_experiment(series, ExperimentOptions(**GIVEN))
        assert "cannot be read" in sources["stored protocol"]
        assert_allclose(found.times, regular.times, atol=1e-9)


@pytest.mark.parametrize(
    ("head", "form", "codes"),
    [
        ("time_ms", lambda t: f"{1000 * t:g}", []),
        ("frame,time [min]", lambda t: f"1,{t / 60:.12g}", []),
        ("", lambda t: f"0:{t:06.3f}", []),
        ("", lambda t: f"{t:g}", ["time_unit_assumed"]),
        ("time", lambda t: f"{1000 * t:g}", ["time_unit_unlikely"]),
    ],
)
def test_a_list_of_times_has_a_unit_or_is_spoken_of(tmp_path, regular_frames, head, form, codes):
    times = 0.5 * np.arange(len(regular_frames))
    path = tmp_path / "series.tif"
    write_series(path, regular_frames, pixel_size_um=0.5, frame_interval_s=0.1)
    listed = tmp_path / "times.csv"
    listed.write_text("\n".join([*filter(None, [head]), *map(form, times)]))
    series = read_series(path, times=listed)
    assert [one.code for one in series.findings] == codes
    if "time_unit_unlikely" not in codes:
        np.testing.assert_allclose(series.times_s, times, atol=1e-9)


def test_a_clock_that_is_given_holds_for_a_series_in_memory_too(regular):
    times = regular.times - regular.times[0]
    wrong = series_of(regular, 10 * times)
    options = ExperimentOptions(start="told", **GIVEN)
    expected = analyse_series(series_of(regular, times), options)
    found = analyse_series(wrong, ExperimentOptions(start="told", times=times, **GIVEN))
    assert found.sources["frame times"] == "times, given"
    assert found.estimates.D_um2_s[0] == expected.estimates.D_um2_s[0]
    assert analyse_series(wrong, options).estimates.D_um2_s[0] < 0.2 * found.estimates.D_um2_s[0]


def test_what_is_given_beside_another_value_of_the_file_is_spoken_of(tmp_path, regular_frames):
    path = tmp_path / "series.tif"
    write_series(path, regular_frames, pixel_size_um=0.5, frame_interval_s=0.5)
    for given, labels in (
        ({"frame_interval": 0.51, "pixel_size": 0.49}, set()),
        ({"frame_interval": 500.0}, {"given_value_differs:frame_interval"}),
        ({"pixel_size": 0.25}, {"given_value_differs:pixel_size"}),
    ):
        findings = analyse_series(path, ExperimentOptions(**GIVEN, **given)).findings
        assert {one.label for one in findings if one.code == "given_value_differs"} == labels


@pytest.mark.parametrize(("more", "noted"), [({}, True), ({"tunit": "s"}, False)])
def test_a_long_interval_without_a_unit_is_spoken_of(tmp_path, regular_frames, more, noted):
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    metadata = {"axes": "TYX", "unit": "um", "finterval": 500} | more
    tifffile.imwrite(path, regular_frames, imagej=True, metadata=metadata, resolution=(2, 2))
    assert [one.code for one in read_series(path).findings] == ["time_unit_assumed"] * noted
