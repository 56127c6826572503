"""Image files: what is written comes back, what others wrote is understood, the rest is refused."""

import datetime
import importlib
import subprocess
import sys
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import strategies as st

from skfrap.io import ImageSeries, load_stack, read_image, read_series, write_series
from skfrap.io.readers._stated import S_PER_UNIT, UM_PER_UNIT, parse_date, unit_factor
from skfrap.io.readers._tiff_tags import pixel_from_resolution

tifffile = pytest.importorskip("tifffile")

REAL = Path(__file__).parents[1].parent / "shared" / "real"


def real(name):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"real data ../shared/real/{name} are not here")
    return path


@pytest.fixture
def frames():
    # No zeros, so that zeros can come from nowhere but a reader that fills gaps.
    return np.random.default_rng(0).integers(1, 4000, (10, 32, 40)).astype(np.uint16)


def write_imagej(path, frames, resolution=(10, 10), **metadata):
    tifffile.imwrite(
        path, frames, imagej=True, resolution=resolution, metadata={"axes": "TYX", **metadata}
    )
    return path


def write_pages(path, frames, dates=None, **options):
    with tifffile.TiffWriter(path) as tif:
        for i, frame in enumerate(frames):
            # As a string of its own: tifffile's `datetime` takes whole seconds only.
            tags = [(306, "s", 0, dates[i], False)] if dates else []
            tif.write(
                frame, metadata=None, contiguous=False, extratags=tags, photometric="minisblack",
                **options,
            )  # fmt: skip
    return path


def write_ome(path, frames, **metadata):
    metadata = {"axes": "TYX", **metadata}
    tifffile.imwrite(path, frames, ome=True, photometric="minisblack", metadata=metadata)
    return path


def write_folder(folder, frames, names, dates=None, **options):
    folder.mkdir()
    for i, (frame, name) in enumerate(zip(frames, names, strict=True)):
        write_pages(folder / name, frame[np.newaxis], dates and dates[i : i + 1], **options)
    return folder


def dates_every(seconds, n=10, form="%Y:%m:%d %H:%M:%S", start="2010-04-29 23:59:50.250000"):
    start = datetime.datetime.fromisoformat(start)
    return [(start + datetime.timedelta(seconds=seconds * i)).strftime(form) for i in range(n)]


# ------------------------------------------------------------------------------------ round trip


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_regular_series_comes_back(tmp_path, frames, dtype):
    frames = frames.astype(dtype)
    info = {"dye": "FITC 40 kDa", "µ": [1, 2.5, None], "nested": {"a": True}}
    path = tmp_path / "cell 1.tif"
    write_series(path, frames, pixel_size_um=0.7598, frame_interval_s=0.265, info=info)
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    assert series.frames.dtype == frames.dtype
    assert series.name == "cell 1"
    assert series.pixel_size_um == 0.7598
    np.testing.assert_allclose(series.times_s, np.arange(10) * 0.265, rtol=1e-12)
    assert series.bit_depth == {"uint8": 8, "uint16": 16, "float32": None}[dtype]
    assert series.info == info
    assert series.paths == (str(path),)
    assert "times axis" not in series.sources


def test_irregular_times_come_back(tmp_path, frames):
    times = np.cumsum(np.random.default_rng(1).uniform(0.1, 100, 10)) + 1e5
    write_series(tmp_path / "a.tif", frames, pixel_size_um=1 / 3, times_s=times)
    series = read_series(tmp_path / "a.tif")
    np.testing.assert_array_equal(series.times_s, times - times[0])
    assert series.sources["times_s"] == "times stored by skfrap"
    assert series.pixel_size_um == 1 / 3
    assert series.info == {}


def test_regular_times_are_written_as_imagej_interval(tmp_path, frames):
    times = 5 + np.arange(10) * 0.1
    write_series(tmp_path / "a.tif", frames, pixel_size_um=1.0, times_s=times)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.imagej_metadata["finterval"] == pytest.approx(0.1)
        assert tif.imagej_metadata["frames"] == 10
    np.testing.assert_allclose(read_series(tmp_path / "a.tif").times_s, times - 5, rtol=1e-12)


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(
    frames=st.sampled_from([np.uint8, np.uint16, np.float32]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=3, max_dims=3, min_side=2))
    ),
    pixel_size_um=st.floats(1e-3, 1e3),
    data=st.data(),
)
def test_any_series_comes_back(tmp_path_factory, frames, pixel_size_um, data):
    steps = data.draw(hnp.arrays(float, len(frames), elements=st.floats(1e-3, 1e4)))
    path = tmp_path_factory.mktemp("any") / "a.tif"
    write_series(path, frames, pixel_size_um=pixel_size_um, times_s=np.cumsum(steps))
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    assert series.pixel_size_um == pixel_size_um
    np.testing.assert_allclose(series.times_s, np.cumsum(steps) - steps[0], rtol=1e-9)


def test_stored_metadata_yield_to_a_later_change(tmp_path, frames):
    path = tmp_path / "a.tif"
    write_series(path, frames, pixel_size_um=0.1, times_s=np.arange(10) ** 2)
    with tifffile.TiffFile(path) as tif:
        info = tif.imagej_metadata["Info"]

    def save_again(frames, **options):  # as ImageJ would after a change
        return write_imagej(path, frames, Info="Title: a.tif\n" + info, unit="um", **options)

    same = read_series(save_again(frames))
    np.testing.assert_array_equal(same.times_s, np.arange(10) ** 2)
    assert same.pixel_size_um == 0.1
    shorter = read_series(save_again(frames[:4]))
    assert shorter.times_s is None
    assert "for 10 frames, not 4" in shorter.sources["times_s"]
    timed = read_series(save_again(frames, finterval=3))
    np.testing.assert_array_equal(timed.times_s, 3 * np.arange(10))
    assert read_series(save_again(frames, resolution=(5, 5))).pixel_size_um == 0.2


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"frames": np.zeros((4, 5), np.uint8)}, "n_frames, ny, nx"),
        ({"frames": np.zeros((1, 4, 5), np.uint8)}, "two frames"),
        ({"frames": np.zeros((3, 4, 5))}, "float64.*astype"),
        ({"pixel_size_um": 0}, "pixel_size_um must be .*got 0"),
        ({"pixel_size_um": np.nan}, "pixel_size_um must be .*got nan"),
        ({"frame_interval_s": None}, "times_s and frame_interval_s"),
        ({"times_s": [0, 1, 2]}, "times_s and frame_interval_s"),
        ({"frame_interval_s": -1}, "frame_interval_s must be .*got -1"),
        ({"frame_interval_s": None, "times_s": [0, 1]}, r"shape \(3,\)"),
        ({"frame_interval_s": None, "times_s": [0, 1, 1]}, "strictly increasing"),
        ({"frame_interval_s": None, "times_s": [0, 1, np.inf]}, "finite"),
        ({"info": {"a": np.zeros(2)}}, "JSON"),
        ({"info": {"a": np.nan}}, "JSON"),
        ({"info": {1: "a"}}, "str keys"),
        ({"path": "a.png"}, r"\.tif"),
    ],
)
def test_write_refuses(tmp_path, change, match):
    good = {"frames": np.zeros((3, 4, 5), np.uint8), "pixel_size_um": 1.0, "frame_interval_s": 1.0}
    arguments = {"path": "a.tif", **good, **change}
    path = tmp_path / arguments.pop("path")
    with pytest.raises(ValueError, match=match):
        write_series(path, **arguments)
    assert not path.exists()


# ---------------------------------------------------------------------------------------- ImageJ


@pytest.mark.parametrize(
    ("unit", "per_unit", "um"),
    [
        ("micron", 9.46414, 1 / 9.46414),
        ("um", 4, 0.25),
        ("\\u00B5m", 4, 0.25),
        ("nm", 0.01, 0.1),
        ("mm", 4000, 0.25),
        ("cm", 40000, 0.25),
        ("inch", 101600, 0.25),
        ("cm", 28.3465, None),  # 72 per inch
        ("inch", 300, None),
        ("pixel", 4, None),
        ("furlong", 4, None),
    ],
)
def test_imagej_pixel_size(tmp_path, frames, unit, per_unit, um):
    path = write_imagej(tmp_path / "a.tif", frames, (per_unit, per_unit), unit=unit)
    series = read_series(path)
    assert series.pixel_size_um == (None if um is None else pytest.approx(um, rel=1e-6))
    assert series.sources["pixel_size_um"]


@pytest.mark.parametrize(
    ("metadata", "interval"),
    [
        ({"finterval": 0.5}, 0.5),
        ({"finterval": 500, "tunit": "ms"}, 0.5),
        ({"finterval": 2, "tunit": "min"}, 120),
        ({"finterval": 2, "tunit": "sec"}, 2),
        ({"finterval": 0}, None),
        ({"finterval": -1}, None),
        ({"finterval": "nan"}, None),
        ({"finterval": 2, "tunit": "fortnight"}, None),
        ({"fps": 7.0}, None),  # the speed of playback
    ],
)
def test_imagej_interval(tmp_path, frames, metadata, interval):
    series = read_series(write_imagej(tmp_path / "a.tif", frames, **metadata))
    if interval is None:
        assert series.times_s is None
    else:
        np.testing.assert_allclose(series.times_s, interval * np.arange(10), rtol=1e-12)
    assert series.sources["times_s"]


def test_imagej_texts_are_kept(tmp_path, frames):
    labels = [f"t{i}" for i in range(10)]
    path = write_imagej(tmp_path / "a.tif", frames, Info="Objective 63x", Labels=labels)
    assert read_series(path).info == {"Info": "Objective 63x", "Labels": labels}


def test_slices_are_taken_as_time_and_said_so(tmp_path, frames):
    series = read_series(write_imagej(tmp_path / "a.tif", frames, axes="ZYX"))
    np.testing.assert_array_equal(series.frames, frames)
    assert series.sources["times axis"].startswith("Z (slices)")


def test_channels(tmp_path, frames):
    both = np.stack([frames, frames + 1], axis=1)
    path = write_imagej(tmp_path / "a.tif", both, axes="TCYX")
    with pytest.raises(ValueError, match=r"a\.tif has 2 channels.*channel=0 … 1"):
        read_series(path)
    with pytest.raises(ValueError, match="got channel=2"):
        read_series(path, channel=2)
    np.testing.assert_array_equal(read_series(path, channel=1).frames, frames + 1)
    with pytest.raises(ValueError, match="got channel=1"):
        read_series(write_imagej(tmp_path / "one.tif", frames), channel=1)


def test_time_and_depth_are_refused(tmp_path, frames):
    path = write_imagej(tmp_path / "a.tif", frames.reshape(5, 2, 32, 40), axes="TZYX")
    with pytest.raises(ValueError, match=r"T=5, Z=2.*project or pick one depth"):
        read_series(path)


def test_unnamed_axes_are_refused(tmp_path, frames):
    tifffile.imwrite(tmp_path / "a.tif", frames.reshape(5, 2, 32, 40))
    with pytest.raises(ValueError, match="more than one axis besides Y and X"):
        read_series(tmp_path / "a.tif")


def test_colour_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 8, 9, 3), np.uint8), photometric="rgb")
    with pytest.raises(ValueError, match="colour image"):
        read_series(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("per_um", "um"), [((10, 10.014), 0.09993), ((10, 9.81), 0.100968), ((10, 9.7), None)]
)
def test_pixels_that_are_not_square(tmp_path, frames, per_um, um):
    # The real one was 0.14 % off, and was refused whatever pixel size was given.
    path = write_imagej(tmp_path / "a.tif", frames, per_um, unit="um")
    series = read_series(path)
    assert series.pixel_size_um == (None if um is None else pytest.approx(um, rel=1e-5))
    assert "µm high" in series.sources["pixel_size_um"]
    assert [one.code for one in series.findings] == ["pixels_not_square"]
    path = write_imagej(tmp_path / "b.tif", frames, per_um, unit="pixel")
    assert read_series(path).pixel_size_um is None


# ------------------------------------------------------------------------------------------- OME


def test_ome_with_times_in_ms(tmp_path, frames):
    times = np.cumsum(np.arange(10) + 5.0)
    path = write_ome(
        tmp_path / "a.ome.tif",
        frames,
        PhysicalSizeX=250,
        PhysicalSizeXUnit="nm",
        PhysicalSizeY=0.25,
        SignificantBits=12,
        TimeIncrement=99,
        Plane={"DeltaT": (1e3 * times).tolist(), "DeltaTUnit": ["ms"] * 10},
    )
    series = read_series(path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, times - times[0], rtol=1e-12)
    assert series.sources["times_s"] == "OME-XML DeltaT of the planes"
    assert series.pixel_size_um == pytest.approx(0.25)
    assert series.bit_depth == 12
    assert series.name == "a"


def test_ome_channel_has_its_own_times(tmp_path, frames):
    both = np.stack([frames, frames + 1], axis=1)
    delta_t = np.ravel([[i, i**2 + 0.5] for i in range(10)])
    path = write_ome(
        tmp_path / "a.ome.tif", both, axes="TCYX",
        Plane={"DeltaT": delta_t.tolist(), "DeltaTUnit": ["s"] * 20},
    )  # fmt: skip
    series = read_series(path, channel=1)
    np.testing.assert_array_equal(series.frames, frames + 1)
    np.testing.assert_array_equal(series.times_s, np.arange(10) ** 2)


def test_ome_increment(tmp_path, frames):
    size = {"TimeIncrement": 2, "TimeIncrementUnit": "min"}
    series = read_series(write_ome(tmp_path / "a.ome.tif", frames, **size))
    np.testing.assert_allclose(series.times_s, 120 * np.arange(10))
    zeros = {"DeltaT": [0.0] * 10, "DeltaTUnit": ["s"] * 10}
    series = read_series(write_ome(tmp_path / "b.ome.tif", frames, **size, Plane=zeros))
    np.testing.assert_allclose(series.times_s, 120 * np.arange(10))
    assert "DeltaT of the planes do not increase" in series.sources["times_s"]
    series = read_series(write_ome(tmp_path / "c.ome.tif", frames, Plane=zeros))
    assert series.times_s is None
    assert "do not increase" in series.sources["times_s"]
    assert series.sources["pixel_size_um"] == "the file does not say"


def test_ome_with_missing_planes(tmp_path, frames):
    path = write_ome(tmp_path / "a.ome.tif", frames)
    text = path.read_bytes()
    assert text.count(b'SizeT="10"') == 1
    path.write_bytes(text.replace(b'SizeT="10"', b'SizeT="12"'))
    with pytest.raises(ValueError, match=r"a\.ome\.tif lacks 2 of the 12 planes"):
        read_series(path)


def test_ome_over_several_files(tmp_path, frames):
    ids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{i}" for i in range(2)]
    data = "".join(
        f'<TiffData FirstT="{i}" IFD="0" PlaneCount="1"><UUID FileName="{i}.ome.tif">{uuid}</UUID>'
        "</TiffData>"
        for i, uuid in enumerate(ids)
    )
    for i, uuid in enumerate(ids):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" '
            'SizeX="40" SizeY="32" SizeC="1" SizeZ="1" SizeT="2">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        write_pages(tmp_path / f"{i}.ome.tif", frames[i : i + 1], description=xml)
    np.testing.assert_array_equal(read_series(tmp_path / "0.ome.tif").frames, frames[:2])
    (tmp_path / "1.ome.tif").unlink()
    with pytest.raises(ValueError, match=r"0\.ome\.tif lacks 1 of the 2 planes.*beside it"):
        read_series(tmp_path / "0.ome.tif")


# ---------------------------------------------------------------------------- pages and their dates


def test_dates_of_pages(tmp_path, frames):
    # Past midnight, and 12 AM.
    dates = dates_every(10.125, form="%m/%d/%Y %I:%M:%S.%f %p")
    series = read_series(write_pages(tmp_path / "a.tif", frames, dates))
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, 10.125 * np.arange(10))
    assert series.sources["times_s"] == "DateTime tags of the pages"
    assert "pages" in series.sources["times axis"]


def test_dates_of_pages_follow_the_channel(tmp_path, frames):
    dates = dates_every(0.5, form="%Y-%m-%dT%H:%M:%S.%f")
    options = {"description": "ImageJ=1.53t\nimages=10\nchannels=2\nframes=5\nhyperstack=true\n"}
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for frame, date in zip(frames, dates, strict=True):
            tags = [(306, "s", 0, date, False)]
            tif.write(frame, metadata=None, contiguous=False, extratags=tags, **options)
    series = read_series(path, channel=1)
    np.testing.assert_array_equal(series.frames, frames[1::2])
    np.testing.assert_allclose(series.times_s, np.arange(5.0))


@pytest.mark.parametrize(
    ("dates", "reason"),
    [
        (dates_every(0), "do not increase"),
        (dates_every(0.4), "do not increase"),  # two images in one second
        (dates_every(-10), "do not increase"),
        (["yesterday"] * 10, "not in a known form"),
        (["0000:00:00 00:00:00"] * 10, "not in a known form"),
        (["2010-04-29T10:00:00Z", *dates_every(9)[1:]], "time zone"),
    ],
)
def test_dates_that_are_no_clock(tmp_path, frames, dates, reason):
    series = read_series(write_pages(tmp_path / "a.tif", frames, dates))
    assert series.times_s is None
    assert reason in series.sources["times_s"]


def test_interval_is_better_than_whole_seconds(tmp_path, frames):
    folder = tmp_path / "a"
    description = "ImageJ=1.53t\nfinterval=2.044\nunit=um\n"
    names = [f"{i}.tif" for i in range(10)]
    write_folder(folder, frames, names, dates_every(2.044), description=description)
    np.testing.assert_allclose(read_series(folder).times_s, 2.044 * np.arange(10))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2010:04:29 13:01:42", "2010-04-29T13:01:42"),
        ("2010:04:29 13:01:42.718\0", "2010-04-29T13:01:42.718000"),
        ("2010-04-29T13:01:42.5", "2010-04-29T13:01:42.500000"),
        ("2010-04-29T13:01:42.123456789Z", "2010-04-29T13:01:42.123456+00:00"),
        ("2010-04-29T13:01:42+0200", "2010-04-29T13:01:42+02:00"),
        ("20210412 18:50:06.893", "2021-04-12T18:50:06.893000"),
        ("04/29/2010 01:01:42.718 PM", "2010-04-29T13:01:42.718000"),
        ("04/29/2010 01:01:42.718 am", "2010-04-29T01:01:42.718000"),
        ("04/29/2010 12:01:42 AM", "2010-04-29T00:01:42"),
        ("04/29/2010 12:01:42 PM", "2010-04-29T12:01:42"),
        ("04/29/2010 13:01:42 PM", None),
        ("04/29/2010 00:01:42 AM", None),
        ("04/05/2010 13:01:42", None),  # the day may come first
        ("    :  :     :  :  ", None),
        ("2010:13:29 13:01:42", None),
        ("2010:04:29 24:01:42", None),
        ("", None),
    ],
)
def test_parse_date(text, expected):
    moment = parse_date(text)
    assert (moment and moment.isoformat()) == expected


def test_units():
    for name in ("µm", "μm", "\\u00B5m", "um", "micron", "Microns"):
        assert unit_factor(name, UM_PER_UNIT) == 1
    assert unit_factor("μs", S_PER_UNIT) == 1e-6
    assert unit_factor("parsec", S_PER_UNIT) is None


@pytest.mark.parametrize(
    ("per_unit", "unit", "um"),
    [
        (40000, 3, 0.25),
        (101600, 2, 0.25),
        (72, 2, None),
        (96, None, None),
        (300, 2, None),
        (118.11, 3, None),  # 300 per inch
        (1, 1, None),
        (1, 2, None),
        (4e8, 3, None),
        (50, 3, None),
    ],
)
def test_plain_resolution(per_unit, unit, um):
    size, reason = pixel_from_resolution(1 / per_unit, 1 / per_unit, unit)
    assert size == (None if um is None else pytest.approx(um))
    assert reason or unit == 1


@pytest.mark.parametrize("unit", ["um", "\\u00B5m", "micron", "nm"])
def test_a_unit_without_a_resolution_is_no_pixel_size(tmp_path, frames, unit):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX", "unit": unit})
    series = read_series(path)
    assert series.pixel_size_um is None
    assert "without a resolution" in series.sources["pixel_size_um"]


def test_one_micrometre_is_believed_of_those_who_say_it(tmp_path, frames):
    write_series(tmp_path / "a.tif", frames, pixel_size_um=1.0, frame_interval_s=1.0)
    assert read_series(tmp_path / "a.tif").pixel_size_um == 1.0
    # ImageJ's own way of writing 1 pixel per unit.
    path = write_imagej(tmp_path / "b.tif", frames, (13, 13), unit="um")
    thirteen, one = ((k).to_bytes(4, sys.byteorder) for k in (13, 1))
    million = (1_000_000).to_bytes(4, sys.byteorder)
    data = path.read_bytes()
    assert thirteen + one in data
    path.write_bytes(data.replace(thirteen + one, million + million))
    assert read_series(path).pixel_size_um == 1.0


def test_resolution_of_zero(tmp_path, frames):
    path = write_imagej(tmp_path / "a.tif", frames, (10, 10), unit="um")
    data = path.read_bytes()
    ten = (10).to_bytes(4, sys.byteorder) + (1).to_bytes(4, sys.byteorder)
    path.write_bytes(data.replace(ten, bytes(8)))
    assert ten in data
    assert read_series(path).pixel_size_um is None


# ---------------------------------------------------------------------------- one image per file


def test_folder_glob_and_list(tmp_path, frames):
    names = [f"img{i}.tif" for i in range(1, 11)]  # img10 sorts before img2 as text
    folder = write_folder(
        tmp_path / "cell", frames, names, resolution=(40000, 40000), resolutionunit=3
    )
    (folder / "notes.txt").write_text("not an image")
    (folder / "._img1.tif").write_text("what a Mac leaves behind")
    whole = read_series(folder)
    np.testing.assert_array_equal(whole.frames, frames)
    assert whole.name == "cell"
    assert whole.pixel_size_um == pytest.approx(0.25)
    assert whole.times_s is None
    assert whole.sources["order"] == "names of the files"
    pattern = read_series(str(folder / "img[1-9].tif"))
    np.testing.assert_array_equal(pattern.frames, frames[:9])
    assert pattern.name == "img1..img9"
    listed = read_series([folder / "img3.tif", str(folder / "img1.tif")])
    np.testing.assert_array_equal(listed.frames, frames[[2, 0]])
    assert listed.name == "img3..img1"
    assert "order" not in listed.sources


def test_dates_order_a_folder_and_not_a_list(tmp_path, frames):
    names = [f"{name}.tif" for name in "hcbijadgef"]
    dates = dates_every(60, form="%Y:%m:%d %H:%M:%S.%f")
    folder = write_folder(tmp_path / "cell", frames, names, dates)
    series = read_series(folder)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, 60 * np.arange(10))
    assert series.sources["order"].startswith("DateTime tags")
    assert [Path(path).name for path in series.paths] == names
    listed = read_series([folder / name for name in sorted(names)])
    np.testing.assert_array_equal(listed.frames, frames[np.argsort(names)])
    assert listed.times_s is None
    assert "do not increase" in listed.sources["times_s"]


@pytest.mark.parametrize(
    ("second", "match"),
    [
        (np.ones((9, 8), np.uint8), r"differ in shape: \(8, 9\) in .*1\.tif, \(9, 8\) in .*2\.tif"),
        (np.ones((8, 9), np.uint16), "differ in dtype: uint8 in .*1.tif, uint16"),
        (np.ones((3, 8, 9), np.uint8), r"2\.tif holds 3 images, expected one"),
    ],
)
def test_mixed_folder(tmp_path, second, match):
    tifffile.imwrite(tmp_path / "1.tif", np.ones((8, 9), np.uint8))
    tifffile.imwrite(tmp_path / "2.tif", second, photometric="minisblack")
    with pytest.raises(ValueError, match=match):
        read_series(tmp_path)


def test_files_of_different_pixel_size(tmp_path):
    for i, per_cm in enumerate([40000, 50000]):
        tifffile.imwrite(
            tmp_path / f"{i}.tif", np.ones((8, 9), np.uint8), resolution=(per_cm, per_cm),
            resolutionunit=3,
        )  # fmt: skip
    with pytest.raises(ValueError, match="differ in pixel_size_um"):
        read_series(tmp_path)


# --------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("kind", ["imagej", "ome", "plain", "pages", "lzw", "tiles", "single"])
@pytest.mark.parametrize("left", [0.0005, 0.01, 0.3, 0.7, 0.99])
def test_truncated_files_never_give_images(tmp_path, frames, kind, left):
    path = tmp_path / "a.tif"
    if kind == "imagej":
        write_imagej(path, frames)
    elif kind == "ome":
        write_ome(path, frames)
    elif kind == "plain":
        tifffile.imwrite(path, frames)
    elif kind == "single":
        tifffile.imwrite(path, frames[0])
    else:
        options = {"pages": {}, "lzw": {"compression": "lzw"}, "tiles": {"tile": (16, 16)}}[kind]
        write_pages(path, frames, **options)
    whole = path.read_bytes()
    (read_image if kind == "single" else read_series)(path)
    path.write_bytes(whole[: int(left * len(whole))])
    with pytest.raises(ValueError, match=r"a\.tif .*(copy|export)"):
        read_series(path)


def test_imagej_header_that_promises_more_images(tmp_path, frames):
    # As ImageJ writes large stacks: one page, the other images after it.
    path = write_imagej(tmp_path / "a.tif", frames)
    path.write_bytes(path.read_bytes().replace(b"frames=10", b"frames=99"))
    with pytest.raises(ValueError, match=r"a\.tif (ends early|is damaged|cannot be decoded)"):
        read_series(path)


def test_pages_that_run_in_a_circle(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((8, 9), np.uint8), byteorder="<", metadata=None)
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little")
    n_tags = int.from_bytes(data[first : first + 2], "little")
    data[first + 2 + 12 * n_tags : first + 6 + 12 * n_tags] = data[4:8]
    path.write_bytes(data)
    with pytest.raises(ValueError, match="circle"):
        read_series(path)


@pytest.mark.parametrize("options", [{"bigtiff": True}, {"byteorder": ">"}, {"byteorder": "<"}])
def test_kinds_of_tiff(tmp_path, frames, options):
    tifffile.imwrite(tmp_path / "a.tif", frames, compression="zlib", **options)
    series = read_series(tmp_path / "a.tif")
    np.testing.assert_array_equal(series.frames, frames)
    assert series.frames.dtype == np.uint16
    assert series.frames.dtype.isnative


def test_what_is_no_series(tmp_path, frames):
    with pytest.raises(FileNotFoundError, match=r"missing\.tif does not exist"):
        read_series(tmp_path / "missing.tif")
    with pytest.raises(FileNotFoundError, match="no file matches"):
        read_series(str(tmp_path / "*.tif"))
    with pytest.raises(FileNotFoundError, match=r"holds no image file \(\.tif"):
        read_series(tmp_path)
    with pytest.raises(ValueError, match="empty list"):
        read_series([])
    with pytest.raises(TypeError, match=r"must be a path.*got int"):
        read_series(3)
    with pytest.raises(TypeError, match="list of paths"):
        read_series([frames])
    empty, text, single, twice = (tmp_path / f"{name}.tif" for name in "abcd")
    empty.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.tif is empty"):
        read_series(empty)
    text.write_text("time,intensity\n")
    with pytest.raises(ValueError, match=r"b\.tif is not a TIFF file"):
        read_series(text)
    tifffile.imwrite(single, frames[0])
    with pytest.raises(ValueError, match=r"c\.tif holds a single image.*folder"):
        read_series(single)
    with pytest.raises(ValueError, match="more than once"):
        read_series([single, single])
    with pytest.raises(ValueError, match="is a folder"):
        read_series([tmp_path, single])
    with tifffile.TiffWriter(twice) as tif:
        tif.write(frames[0])
        tif.write(frames[0, :9])
    with pytest.raises(ValueError, match=r"d\.tif holds 2 series of images \(32x40, 9x40\)"):
        read_series(twice)
    tifffile.imwrite(twice, np.ones((3, 8, 9), bool), photometric="minisblack")
    with pytest.raises(ValueError, match="pixels of type bool"):
        read_series(twice)


def test_damage_at_random_never_raises_anything_else(tmp_path, frames):
    path = write_pages(tmp_path / "a.tif", frames[:3], dates_every(1), compression="lzw")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 20):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            series = read_series(path)
        except (ValueError, ImportError):
            continue
        assert series.frames.ndim == 3


# --------------------------------------------------------------------------------- the other doors


def test_read_image(tmp_path, frames):
    tifffile.imwrite(tmp_path / "a.tif", frames[0])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), frames[0])
    tifffile.imwrite(tmp_path / "b.tif", frames)
    with pytest.raises(ValueError, match="holds 10 images, expected one"):
        read_image(tmp_path / "b.tif")


def test_load_stack(tmp_path, frames):
    assert load_stack(frames) is frames
    assert load_stack(ImageSeries(frames, "a")) is frames
    tifffile.imwrite(tmp_path / "a.tif", frames)
    np.testing.assert_array_equal(load_stack(str(tmp_path / "a.tif")), frames)
    with pytest.raises(ValueError, match=r"\(n_frames, ny, nx\), got an array of shape \(32, 40\)"):
        load_stack(frames[0])


def test_repr_is_short(frames):
    text = repr(ImageSeries(frames, "a", pixel_size_um=0.5))
    assert text == "ImageSeries('a': 10 frames of 32 x 40 uint16, pixel 0.5 µm, times unknown)"


def test_without_tifffile(tmp_path, frames, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", frames)
    real_import = importlib.import_module

    def without(name, *args):
        if name == "tifffile":
            raise ModuleNotFoundError("No module named 'tifffile'")
        return real_import(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ImportError, match=r"pip install 'skfrap\[all\]'"):
        read_series(tmp_path / "a.tif")


def test_without_imagecodecs(tmp_path, frames):
    pytest.importorskip("imagecodecs")
    write_pages(tmp_path / "a.tif", frames, compression="lzw")
    write_packed(tmp_path / "b.tif", frames[0])
    # In a process of its own: tifffile keeps the decoders that it has found.
    code = """
import sys
sys.modules["imagecodecs"] = None
from skfrap.io import read_image
for path in sys.argv[1:]:
    try:
        read_image(path)
    except ImportError as error:
        print(error)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.count("imagecodecs: pip install 'skfrap[all]'") == 2


def write_packed(path, image):
    """Write a 12-bit image as two pixels in three bytes, which tifffile itself may not write."""
    pairs = image.reshape(-1, 2).astype(int)
    data = np.stack(
        [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1
    )
    data = data.astype(np.uint8).tobytes()
    ny, nx = image.shape
    tags = [(256, nx), (257, ny), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, ny)]
    tags.append((279, len(data)))
    directory = len(tags).to_bytes(2, "little")
    for code, value in tags:
        numbers = ((code, 2), (4, 2), (1, 4), (value, 4))
        directory += b"".join(number.to_bytes(size, "little") for number, size in numbers)
    header = b"II*\0" + (8 + len(data)).to_bytes(4, "little")
    path.write_bytes(header + data + directory + bytes(4))


def test_packed_12_bit(tmp_path, frames):
    pytest.importorskip("imagecodecs")
    for i in range(2):
        write_packed(tmp_path / f"{i}.tif", frames[i])
    series = read_series(tmp_path)
    np.testing.assert_array_equal(series.frames, frames[:2])
    assert series.frames.dtype == np.uint16
    assert series.bit_depth == 12


def test_strips_too_short_for_the_image(tmp_path, frames):
    path = tmp_path / "a.tif"
    write_packed(path, frames[0])
    data = path.read_bytes()
    n_bytes = (32 * 40 * 3 // 2).to_bytes(4, "little")
    assert data.count(n_bytes) == 1
    path.write_bytes(data.replace(n_bytes, (1000).to_bytes(4, "little")))
    with pytest.raises(ValueError, match=r"lacks part of an image, it has 1000 of 1920 bytes"):
        read_image(path)


# --------------------------------------------------------------------------------------- real data


def test_real_bilayer():
    folder = real("bilayer_leeds")
    pytest.importorskip("imagecodecs")
    series = read_series(str(folder / "[0-9]*.tif"))
    assert series.frames.shape == (15, 512, 672)
    assert series.frames.dtype == np.uint16
    assert series.frames.max() <= 4095
    assert series.bit_depth == 12
    assert series.pixel_size_um is None
    assert series.name == "10s..6m"
    nominal = [10, 20, 30, 40, 50, 60, 90, 120, 150, 180, 210, 240, 270, 300, 360]
    np.testing.assert_allclose(series.times_s, np.subtract(nominal, 10), atol=0.05)
    whole = read_series(folder)
    assert [Path(path).name for path in whole.paths[:3]] == ["prima.tif", "closed.tif", "10s.tif"]
    np.testing.assert_allclose(whole.times_s[:3], [0, 27.875, 78.828])
    aperture = read_image(folder / "closed.tif")
    assert aperture.shape == (512, 672)
    # The iris is open over a circle 49.9 pixels in radius.
    bright = np.median(aperture) + (aperture.max() - np.median(aperture)) / 3
    assert np.sqrt((aperture > bright).sum() / np.pi) == pytest.approx(49.9, abs=3)


def test_real_membrane():
    series = read_series(real("cell_membrane_embl"))
    assert series.frames.shape == (70, 512, 512)
    assert series.frames.dtype == np.uint16
    assert series.pixel_size_um == pytest.approx(0.10566, abs=1e-5)
    np.testing.assert_allclose(series.times_s, 2.044 * np.arange(70), rtol=1e-6)
    assert series.sources["pixel_size_um"] == "ImageJ resolution tags"
    assert [Path(path).name[-8:-4] for path in series.paths] == [f"{i:04d}" for i in range(70)]


def test_real_droplets():
    for path in sorted(real("condensate_droplets").glob("*.tif")):
        series = read_series(path)
        assert len(series.frames) == 100
        assert series.frames.min() > 0
        assert "slices" in series.sources["times axis"]
        assert series.times_s is None
        assert series.pixel_size_um is None
        assert "MetaMorph" in series.info["Info"]
