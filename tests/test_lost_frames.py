"""Every frame that a file holds is used, or it is said which are not."""

import struct

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks.robustness._files import run
from benchmarks.robustness._mutations import directories
from skfrap.io import find_series, read_image, read_series, write_series
from skfrap.preprocessing import StackSequence

tifffile = pytest.importorskip("tifffile")


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 4000, (40, 24, 30)).astype(np.uint16)


def write_pages(path, frames, description=None, **options):
    with tifffile.TiffWriter(path, byteorder="<") as tif:
        for k, frame in enumerate(frames):
            text = description if k == 0 else None
            tif.write(frame, metadata=None, contiguous=False, description=text, **options)
    return path


def codes(series):
    return [one.code for one in series.findings]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("page", [0, 7, 38])
def test_a_blank_page_or_a_lost_link_is_damage(tmp_path, frames, page, compression):
    path = write_pages(tmp_path / "a.tif", frames, compression=compression)
    whole = path.read_bytes()
    assert_array_equal(read_series(path).frames, frames)
    start, _, link = directories(whole)[page]
    blank = bytearray(whole)
    blank[start - 2 : link + 4] = bytes(link + 6 - start)
    path.write_bytes(blank)
    with pytest.raises(ValueError, match=rf"a\.tif is damaged, its page {page + 1} is blank"):
        read_series(path)
    lost = bytearray(whole)
    lost[link : link + 4] = bytes(4)
    path.write_bytes(lost)
    n_left = page + 1
    with pytest.raises(ValueError, match=rf"ends after {n_left}, and {40 - n_left} more are in"):
        read_series(path)
    skipped = bytearray(whole)
    struct.pack_into("<I", skipped, 4, directories(whole)[page + 1][0] - 2)
    path.write_bytes(skipped)
    with pytest.raises(ValueError, match=rf"ends after {39 - page}, and {page + 1} more"):
        read_series(path)


def test_directory_that_a_program_left_behind_is_no_lost_page(tmp_path, frames):
    # As libtiff does, where a tag is changed: the new directory stands at the end.
    path = write_pages(tmp_path / "a.tif", frames[:3])
    data = bytearray(path.read_bytes())
    pages = directories(bytes(data))
    start, _, link = pages[1]
    data += bytes(len(data) % 2)
    struct.pack_into("<I", data, pages[0][2], len(data))
    data += data[start - 2 : link + 4]
    path.write_bytes(data)
    assert_array_equal(read_series(path).frames, frames[:3])


def test_imagej_header_that_names_fewer_images(tmp_path, frames):
    text = "ImageJ=1.54f\nimages=20\nframes=20\nunit=um\nfinterval=0.5\n"
    series = read_series(write_pages(tmp_path / "a.tif", frames, text, resolution=(2, 2)))
    assert_array_equal(series.frames, frames)
    assert codes(series) == ["image_count_disagrees"]
    assert "names 20 images, and the file holds 40" in series.findings[0].words
    text = "ImageJ=1.54f\nimages=20\nframes=10\nslices=2\n"
    with pytest.raises(ValueError, match=r"holds 40 images.*names 20 of them; 20 would be lost"):
        read_series(write_pages(tmp_path / "b.tif", frames, text))


def test_imagej_header_that_names_more_images(tmp_path, frames):
    text = "ImageJ=1.54f\nimages=410\nframes=410\n"
    with pytest.raises(ValueError, match="promises 410 images and it holds 40, 370 are missing"):
        read_series(write_pages(tmp_path / "a.tif", frames, text))


def test_single_images_keep_the_header_of_their_sequence(tmp_path, frames):
    folder = tmp_path / "cell"
    folder.mkdir()
    text = "ImageJ=1.54f\nimages=410\nframes=410\nunit=um\nfinterval=0.5\n"
    for k in range(5):
        write_pages(folder / f"{k}.tif", frames[k : k + 1], text, resolution=(2, 2))
    assert find_series(folder) == [str(folder)]
    series = read_series(folder)
    assert_array_equal(series.frames, frames[:5])
    assert codes(series) == ["image_count_disagrees"]
    assert_array_equal(read_image(folder / "3.tif"), frames[3])
    # Of an image that is one of many in one page, the others may be missing.
    cut = (folder / "3.tif").read_bytes() + frames[0].tobytes()[:-100]
    (folder / "3.tif").write_bytes(cut)
    with pytest.raises(ValueError, match=r"3\.tif ends early.*409 are missing"):
        read_series(folder)


def test_images_after_the_only_page(tmp_path, frames):
    text = "ImageJ=1.54f\nimages={0}\nframes={0}\n"
    for named in (40, 20):
        path = tmp_path / f"{named}.tif"
        tifffile.imwrite(path, frames[0], description=text.format(named), metadata=None)
        data = bytearray(path.read_bytes())
        start, count, _ = directories(bytes(data))[0]
        for k in range(count):  # images at the end, one after the other
            if struct.unpack_from("<H", data, start + 12 * k)[0] == 273:
                struct.pack_into("<I", data, start + 12 * k + 8, len(data))
        path.write_bytes(bytes(data) + frames.tobytes())
        series = read_series(path)
        assert_array_equal(series.frames, frames[:named])
        assert codes(series) == (["image_count_disagrees"] if named == 20 else [])
        assert find_series(tmp_path) != [str(tmp_path)]  # as if they were single images


def test_ome_header_that_names_fewer_planes(tmp_path, frames):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, frames, ome=True, photometric="minisblack", metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    half = xml.replace('SizeT="40"', 'SizeT="20"').replace('PlaneCount="40"', 'PlaneCount="20"')
    assert half != xml
    write_pages(path, frames, half)
    with pytest.raises(ValueError, match=r"holds 40 images.*names 20 of them; 20 would be lost"):
        read_series(path)


def test_one_image_for_two_planes(tmp_path, frames):
    path = tmp_path / "a.ome.tif"
    data = "".join(
        f'<TiffData FirstT="{k}" IFD="{max(0, k - 1)}" PlaneCount="1"/>' for k in range(4)
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels'
        ' ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="30" SizeY="24" SizeC="1" '
        f'SizeZ="1" SizeT="4"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels>'
        "</Image></OME>"
    )
    write_pages(path, frames[:4], xml)
    with pytest.raises(ValueError, match="takes 3 images for 4 planes"):
        read_series(path)


def test_files_that_were_not_written_to_their_end(tmp_path, frames):
    path = tmp_path / "a.tif"
    write_series(path, frames, pixel_size_um=0.5, frame_interval_s=1.0)
    whole = path.read_bytes()
    path.write_bytes(whole[:40_000] + bytes(len(whole) - 40_000))
    with pytest.raises(ValueError, match=r"a\.tif .*(damaged|end)"):
        read_series(path)
    write_pages(path, frames)
    assert codes(read_series(path)) == []
    with path.open("ab") as file:
        file.write(bytes(10_000))
    series = read_series(path)
    assert_array_equal(series.frames, frames)
    assert codes(series) == ["image_count_disagrees"]


def test_blank_frames_are_told(tmp_path, frames):
    for blank in (slice(30, 40), slice(3, 4)):
        changed = frames.copy()
        changed[blank] = 0
        write_series(tmp_path / "a.tif", changed, pixel_size_um=0.5, frame_interval_s=1.0)
        series = read_series(tmp_path / "a.tif")
        assert codes(series) == ["blank_frames"]
        assert f"{blank.start}" in series.findings[0].words
    changed = frames.copy()
    changed[39, 15:] = 0
    write_series(tmp_path / "a.tif", changed, pixel_size_um=0.5, frame_interval_s=1.0)
    assert codes(read_series(tmp_path / "a.tif")) == ["blank_frames"]
    write_series(tmp_path / "a.tif", 0 * changed, pixel_size_um=0.5, frame_interval_s=1.0)
    assert codes(read_series(tmp_path / "a.tif")) == ["blank_frames"]
    changed[:, 15:] = 0  # a camera that shows nothing there
    write_series(tmp_path / "a.tif", changed, pixel_size_um=0.5, frame_interval_s=1.0)
    assert codes(read_series(tmp_path / "a.tif")) == []


def test_pipelines_warn_of_frames_that_may_be_missing(tmp_path, frames):
    text = "ImageJ=1.54f\nimages=20\nframes=20\n"
    path = write_pages(tmp_path / "a.tif", frames, text)
    with pytest.warns(UserWarning, match=r"a\.tif: the ImageJ header names 20 images"):
        assert StackSequence([path]).raw(0).shape == frames.shape


@pytest.mark.slow
def test_mutated_files_are_refused_or_read_whole_or_flagged():
    found = run(150, seed=7)
    assert found["n"] == found["refused"] + found["read"]
    assert not any(found[what] for what in ("lost", "raised", "slow", "large"))
    assert found["read"] > 15
