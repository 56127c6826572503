"""Folders of pictures with times in EXIF or in names, clocks from a file, and skfrap info."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("PIL")
from PIL import Image

from benchmarks.microscopes import write_czi, write_lif, write_oif
from skfrap.cli import cli
from skfrap.cli._sources import expand_mixed
from skfrap.io import find_series, read_series
from skfrap.io.readers import check_reader
from skfrap.io.readers.pictures import PictureReader

TIMES = [0.0, 0.5, 1.0, 4.0, 4.5]


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 255, (5, 20, 30)).astype(np.uint8)


def run(*arguments):
    return CliRunner().invoke(cli, [str(one) for one in arguments])


@pytest.mark.parametrize("suffix", ["png", "bmp", "jpg"])
def test_reader_keeps_to_the_contract(tmp_path, suffix):
    grey = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / f"a.{suffix}")
    check_reader(PictureReader(), tmp_path / f"a.{suffix}")


def test_names_tell_the_time(tmp_path, frames):
    for t, frame in zip(TIMES, frames, strict=True):
        Image.fromarray(frame).save(tmp_path / f"cell_{t:.1f}s.png")
    series = read_series(tmp_path)
    np.testing.assert_array_equal(series.frames, frames)
    np.testing.assert_allclose(series.times_s, TIMES)
    assert series.sources["times_s"] == "times in the names of the files"
    assert find_series(tmp_path) == [str(tmp_path)]


def test_dates_in_names_and_in_exif_tell_the_time(tmp_path, frames):
    names, tags = tmp_path / "names", tmp_path / "tags"
    for folder in (names, tags):
        folder.mkdir()
    for k, (t, frame) in enumerate(zip(TIMES, frames, strict=True)):
        when = f"{int(t):02d}.{round(1000 * (t % 1)):03d}"
        Image.fromarray(frame).save(names / f"a_2024-05-06_10-00-{when}.png")
        exif = Image.Exif()
        exif[0x8769] = {0x9003: f"2024:05:06 10:00:{when[:2]}", 0x9291: when[3:]}
        Image.fromarray(frame).save(tags / f"{k}.jpg", exif=exif, quality=100)
    for folder in (names, tags):
        np.testing.assert_allclose(read_series(folder).times_s, TIMES)


def test_colours_that_are_alike_are_grey_and_others_are_chosen(tmp_path, frames):
    alike = np.repeat(frames[0][..., np.newaxis], 3, axis=2)
    Image.fromarray(alike).save(tmp_path / "alike.png")
    np.testing.assert_array_equal(PictureReader().read(tmp_path / "alike.png").frames[0], frames[0])
    alike[..., 1] = frames[1]
    Image.fromarray(alike).save(tmp_path / "other.png")
    with pytest.raises(ValueError, match=r"3 channels \(0 red, 1 green, 2 blue\)"):
        PictureReader().read(tmp_path / "other.png")
    green = PictureReader().read(tmp_path / "other.png", channel=1)
    np.testing.assert_array_equal(green.frames[0], frames[1])


def test_a_folder_of_pictures_is_a_series_for_commands_too(tmp_path, frames):
    for t, frame in zip(TIMES, frames, strict=True):
        Image.fromarray(frame).save(tmp_path / f"cell_{t:.1f}s.png")
    assert expand_mixed([tmp_path]) == [str(tmp_path)]


def test_the_images_of_an_oif_file_are_no_series_of_their_own(tmp_path, frames):
    write_oif(tmp_path / "a.oif", frames, TIMES)
    assert expand_mixed([tmp_path]) == [str(tmp_path / "a.oif")]


def test_pictures_beside_a_series_are_no_part_of_it(tmp_path, frames):
    write_czi(tmp_path / "a.czi", frames, TIMES)
    Image.fromarray(frames[0]).save(tmp_path / "plot.png")
    assert find_series(tmp_path) == [str(tmp_path / "a.czi")]


@pytest.mark.parametrize(
    "text",
    [
        "0\n0.5\n1.0\n4\n4,5\n",
        "frame,Time (s)\n1,0\n2,0.5\n3,1\n4,4\n5,4.5\n",
        "frame;Zeit\n1;0,0\n2;0,5\n3;1,0\n4;4,0\n5;4,5\n",
        "".join(f"2024-05-06 10:00:{second:04.1f}\n" for second in TIMES),
    ],
)
def test_a_file_gives_any_clock(tmp_path, frames, text):
    for k, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{k}.png")
    clock = tmp_path / "clock.txt"
    clock.write_text(text, encoding="utf-8")
    series = read_series(tmp_path, times=clock)
    np.testing.assert_allclose(series.times_s, TIMES)
    assert series.sources["times_s"] == "times in clock.txt"


@pytest.mark.parametrize(
    ("text", "words"),
    [("0\n1\n", "2 for a series of 5"), ("0\n1\n1\n2\n3\n", "do not increase"), ("", "is empty"),
     ("0\nb\n1\n2\n3\n", "not understood")],
)  # fmt: skip
def test_what_is_no_clock_is_refused(tmp_path, frames, text, words):
    write_czi(tmp_path / "a.czi", frames, TIMES)
    (tmp_path / "clock.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        read_series(tmp_path / "a.czi", times=tmp_path / "clock.txt")


def test_info_lists_series_and_what_is_known_of_each(tmp_path, frames):
    pytest.importorskip("liffile")
    write_czi(tmp_path / "a.czi", frames, TIMES, events=[(1.2, 2), (3.2, 3)], circle=(15, 10, 4))
    spans = {"Pre": slice(0, 2), "Bleach": slice(2, 3), "Post": slice(3, 5)}
    parts = [(name, frames[span], TIMES[span], "") for name, span in spans.items()]
    write_lif(tmp_path / "b.lif", parts, bits=8)
    done = run("info", tmp_path / "a.czi", tmp_path / "b.lif")
    assert done.exit_code == 0
    for words in (
        "the longest step 3 s after frame 3 (CZI time stamps)",
        "bleach and analysis: circle:4px@15px,10px",
        "bleaching: 2 s, from 1.2 to 3.2 s, 2 iterations",
        "series 1: Bleach",
        "frames: 1 of 20 x 30 uint8",
    ):
        assert words in done.output
    records = json.loads(run("info", "--json", tmp_path / "b.lif").output)
    assert [one["name"] for one in records] == ["Pre", "Bleach", "Post"]
    (tmp_path / "c.czi").write_bytes(b"?")
    failed = run("info", tmp_path / "c.czi", tmp_path / "a.czi")
    assert failed.exit_code == 1
    assert "c.czi" in failed.output


def test_estimate_takes_series_joins_parts_and_names_what_it_found(tmp_path):
    pytest.importorskip("liffile")
    from skfrap import Circle, FRAPProtocol, FRAPSimulator

    protocol = FRAPProtocol(
        shape=(48, 56), pixel_size=0.25, bleach_region=Circle(1.75, (7.0, 6.0)), n_prebleach=4,
        n_bleach=1, n_postbleach=16, frame_interval=0.5, padding=16,
    )  # fmt: skip
    truth = {"D": 0.5, "c0": 0.6, "alpha": 0.4, "a": 1e-5}
    stack = FRAPSimulator(protocol, truth, bit_depth=12, random_state=0).sample_images(1).data[0]
    times = protocol.times - protocol.times[0]
    path = tmp_path / "a.lif"
    parts = [("Pre", stack[:4], times[:4], ""), ("Pb1", stack[4:], times[4:], "")]
    write_lif(path, parts)
    refused = run("estimate", path, "--bleach-region", "circle:1.75@7,6")
    assert "holds 2 series (0 Pre, 1 Pb1)" in refused.output
    assert "--series" in refused.output
    done = run("estimate", path, "--join", "--bleach-region", "circle:1.75@7,6", "--data", "curve")
    assert done.exit_code == 0, done.output
    assert "time stamps of 2 parts: Pre, Pb1" in done.output
    assert "prebleach frames: 4, frames of the parts before bleaching" in done.output
    several = tmp_path / "b.lif"
    write_lif(several, [("cell 1", stack, times, ""), ("cell 2", stack[::-1], times, "")])
    given = ["--bleach-region", "circle:1.75@7,6", "--n-prebleach", 4, "--data", "curve", "--json"]
    records = json.loads(run("estimate", several, "--series", "all", *given).stdout)
    assert [one["file"] for one in records] == [f"{several}::cell 1", f"{several}::cell 2"]
    (one,) = json.loads(run("estimate", several, "--series", "cell 1", *given).stdout)
    assert one["D_um2_s"] == records[0]["D_um2_s"]
