"""ImageJ's regions are read where they were drawn, written back, and told by name."""

import struct
import zipfile

import click
import numpy as np
import pytest
from click.testing import CliRunner

from skfrap import Circle, Ellipse, FRAPProtocol, FRAPSimulator, Mask, Polygon, Rectangle
from skfrap.analysis import ExperimentOptions, analyse_series
from skfrap.cli import cli
from skfrap.cli._journal import Journal
from skfrap.experiment import Compartment
from skfrap.io import read_rois, write_rois, write_series

roifile = pytest.importorskip("roifile")
PIXEL, SHAPE = 0.5, (40, 48)
L = np.zeros(SHAPE)
L[10:20, 10:14] = L[16:20, 10:20] = 1
RING = np.zeros(SHAPE)
RING[5:15, 5:15] = 1
RING[8:11, 8:11] = 0
RING[20:22, 30:33] = 1


def roi(kind, box=(10, 20, 13, 26), **others):
    made = roifile.ImagejRoi()
    made.roitype = roifile.ROI_TYPE[kind]
    made.left, made.top, made.right, made.bottom = box
    for name, value in others.items():
        setattr(made, name, value)
    return made


def with_points(kind, points):
    points = np.array(points)
    made = roi(kind, (*points.min(axis=0), *points.max(axis=0)))
    made.integer_coordinates, made.n_coordinates = points - points.min(axis=0), len(points)
    return made


def read_one(tmp_path, made, shape=SHAPE):
    path = tmp_path / "one.roi"
    path.write_bytes(made.tobytes())
    return read_rois(path, PIXEL, shape)["one"]


def test_pixels_are_counted_from_the_corner(tmp_path):
    """A rectangle at 10, 20 of 3 x 6 pixels covers the pixels 10 to 12 and 20 to 25."""
    region = read_one(tmp_path, roi("RECT"))
    assert region == Rectangle(1.5, 3.0, (5.75, 11.5))
    inside = region.area_fractions(SHAPE, PIXEL)
    assert inside[20:26, 10:13].min() == inside.sum() / 18 == 1


def test_each_kind_of_selection_with_an_area_is_understood(tmp_path):
    assert read_one(tmp_path, roi("OVAL", (10, 20, 16, 26))) == Circle(1.5, (6.5, 11.5))
    assert read_one(tmp_path, roi("OVAL")) == Ellipse((0.75, 1.5), 0.0, (5.75, 11.5))
    corners = [(4, 4), (12, 4), (12, 9), (4, 9)]
    for kind in ("POLYGON", "FREEHAND", "TRACED"):
        region = read_one(tmp_path, with_points(kind, corners))
        assert region == Polygon([(0.5 * x, 0.5 * y) for x, y in corners])
    rounded = read_one(tmp_path, roi("RECT", (4, 4, 24, 24), rounded_rect_arc_size=10))
    area = rounded.area_fractions(SHAPE, PIXEL).sum()
    assert abs(area - (400 - 25 * (4 - np.pi))) < 0.5
    bow = read_one(tmp_path, with_points("FREEHAND", [(4, 4), (12, 12), (12, 4), (4, 12)]))
    assert isinstance(bow, Mask)
    assert abs(bow.array.sum() - 32) < 0.5


def test_combined_selections_keep_their_holes_and_curves(tmp_path):
    path = tmp_path / "rois.zip"
    write_rois(path, {"ring": Mask(RING), "l": Mask(L)}, PIXEL)
    found = read_rois(path, PIXEL, SHAPE)
    np.testing.assert_allclose(found["ring"].array, RING, atol=1e-9)
    np.testing.assert_allclose(found["l"].array, L, atol=1e-9)
    with pytest.raises(ValueError, match=r"'ring' in .* has holes or several parts"):
        read_rois(path, PIXEL)
    k = 4 * (np.sqrt(2) - 1) / 3 * 8  # of a circle of 8 pixels, in four curves
    steps = [0, 28, 20]
    for quarter in range(4):
        c, s = np.cos(np.pi / 2 * quarter), np.sin(np.pi / 2 * quarter)
        points = np.array([(8, k), (k, 8), (0, 8)]) @ np.array([[c, s], [-s, c]]) + 20
        steps += [3, *points.ravel()]
    curved = roi("RECT", (12, 12, 28, 28), multi_coordinates=np.array([*steps, 4], "f4"))
    curved.shape_roi_size = len(curved.multi_coordinates)
    area = read_one(tmp_path, curved).array.sum()
    assert abs(area / (np.pi * 64) - 1) < 0.01


@pytest.mark.parametrize(
    "region",
    [
        Circle(2.3, (9.1, 8.2)),
        Ellipse((5.0, 3.2), 33.0, (11.0, 10.0)),
        Ellipse((3.2, 5.0), 33.0, (11.0, 10.0)),
        Ellipse((5.0, 3.2), 0.0, (11.0, 10.0)),
        Rectangle(3.3, 4.1, (9.0, 8.0)),
        Polygon([(2.0, 2.1), (9.3, 3.0), (6.0, 9.7)]),
        Circle(2.0),
    ],
    ids=repr,
)
def test_regions_come_back(tmp_path, region):
    path = tmp_path / "one.roi"
    write_rois(path, {"one": region}, PIXEL, SHAPE)
    back = read_rois(path, PIXEL)["one"]
    expected = region.area_fractions(SHAPE, PIXEL)
    np.testing.assert_allclose(back.area_fractions(SHAPE, PIXEL), expected, atol=2e-5)
    assert type(back) is type(region)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: roi("LINE"), "'one' in .* is a line and has no area"),
        (lambda: roi("POINT"), "is points and has no area"),
        (lambda: roi("RECT", (10, 20, 10, 26)), "a size of 0 x 6 pixels"),
        (lambda: with_points("POLYGON", [(1, 1), (5, 5)]), "it has 2 points"),
    ],
)
def test_what_has_no_area_is_refused_by_name(tmp_path, made, message):
    with pytest.raises(ValueError, match=message):
        read_one(tmp_path, made())


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "rois.zip"
    write_rois(path, {"spot": Circle(2.0, (8.0, 6.0))}, PIXEL)
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged, or no file of regions"):
        read_rois(path, PIXEL)
    path = tmp_path / "one.roi"
    path.write_bytes(with_points("POLYGON", [(1, 1), (9, 1), (5, 5)]).tobytes()[:70])
    with pytest.raises(ValueError, match="damaged"):
        read_rois(path, PIXEL)
    with pytest.raises(FileNotFoundError, match="check the path of the regions"):
        read_rois(tmp_path / "none.zip", PIXEL)
    with pytest.raises(ValueError, match=r"end in \.zip or \.roi"):
        write_rois(tmp_path / "rois.txt", {"a": Circle(1.0, (4, 4))}, PIXEL)


NUCLEUS = Ellipse((9.0, 7.0), 20.0, (12.0, 10.0))
PROTOCOL = FRAPProtocol(
    shape=SHAPE, pixel_size=PIXEL, bleach_region=Circle(2.0, (13.0, 11.0)), n_prebleach=4,
    n_bleach=1, n_postbleach=30, frame_interval=0.3, padding=16, compartment=Compartment(NUCLEUS),
)  # fmt: skip


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """A series of a nucleus, and the regions that somebody has drawn."""
    folder = tmp_path_factory.mktemp("cell")
    truth = {"D": 2.0, "c0": 0.6, "alpha": 0.4, "a": 1e-5}
    frames = 50_000 * FRAPSimulator(PROTOCOL, truth, random_state=1).sample_images(1).data[0]
    frames = frames * (PROTOCOL.compartment_mask > 0.5) + 400
    write_series(
        folder / "cell.tif", frames.astype("u2"), pixel_size_um=PIXEL, frame_interval_s=0.3
    )
    drawn = {
        "Bleach spot": PROTOCOL.bleach_region,
        "nucleus": NUCLEUS,
        "empty": Rectangle(2.0, 2.0, (1.5, 1.5)),
        "reference": Circle(1.5, (7.0, 8.0)),
    }
    write_rois(folder / "rois.zip", drawn, PIXEL)
    return folder


def test_regions_are_told_by_their_names(cell, tmp_path):
    rois, saved = cell / "rois.zip", tmp_path / "used.zip"
    said = ["estimate", cell / "cell.tif", "--bleach-region", rois, "--n-prebleach", 4]
    said += ["--compartment", f"{rois}:NUCLEUS", "--background", f"{rois}:empty"]
    said += ["--reference", f"{rois}:reference", "--padding", 16, "--save-rois", saved]
    result = CliRunner().invoke(cli, [str(one) for one in said])
    assert result.exit_code == 0, result.output
    assert "ImageJ's region 'Bleach spot'" in result.output
    assert "dark level: 400" in result.output
    assert "a row of the model" in result.output
    back = read_rois(saved, PIXEL)
    assert [*back] == ["bleach_region", "compartment", "reference"]
    assert back["bleach_region"] == PROTOCOL.bleach_region
    said[said.index(f"{rois}:NUCLEUS")] = f"{rois}:nuclues"
    result = CliRunner().invoke(cli, [str(one) for one in said])
    assert "no region 'nuclues'; it has 'Bleach spot', 'nucleus', 'empty'" in result.output
    said[said.index(saved)] = rois
    assert "is what is to be read" in CliRunner().invoke(cli, [str(one) for one in said]).output


@pytest.mark.slow
def test_a_reference_without_a_cell_divides_each_frame(tmp_path):
    protocol = PROTOCOL.replace(compartment=None, n_bleach=1)
    truth = {"D": 2.0, "c0": 0.6, "alpha": 0.4, "a": 1e-7}
    frames = FRAPSimulator(protocol, truth, random_state=1).sample_images(1).data[0]
    fading = 0.99 ** np.arange(len(frames))[:, np.newaxis, np.newaxis]
    path = tmp_path / "cell.tif"
    write_series(path, (50_000 * frames * fading).astype("u2"), pixel_size_um=PIXEL,
                 frame_interval_s=0.3)  # fmt: skip
    told = {"bleach_region": protocol.bleach_region, "n_prebleach": 4, "padding": 16}
    told |= {"start": "told", "background": "none"}
    reference = Rectangle(4.0, 4.0, (3.0, 17.0))
    analysis = analyse_series(path, ExperimentOptions(**told, reference=reference))
    assert abs(analysis.estimates.D_um2_s[0] / 2.0 - 1) < 0.05
    assert "each frame is divided" in analysis.sources["reference"]
    without = analyse_series(path, ExperimentOptions(**told))
    assert abs(without.estimates.D_um2_s[0] / 2.0 - 1) > 0.05
    with pytest.raises(ValueError, match="choose one of the two"):
        ExperimentOptions(reference=reference, fading="frame")
    with pytest.raises(ValueError, match="background must be one of"):
        ExperimentOptions(background="soft")


@pytest.mark.parametrize("name", ["bleach_region", "compartment", "reference", "background"])
def test_resumed_runs_have_the_same_regions(tmp_path, name):
    rois = tmp_path / "rois.zip"
    write_rois(rois, {"a": Circle(2.0, (5.0, 5.0))}, PIXEL)
    options = {name: f"{rois}:a"}
    before = Journal(tmp_path / "out.csv", "estimate", options)
    before.add("a.tif", "", {"D_um2_s": 1.0})
    before.close()
    again = Journal(tmp_path / "out.csv", "estimate", options)
    assert [*again.read()] == ["a.tif"]
    write_rois(rois, {"a": Circle(3.0, (5.0, 5.0)), "b": Circle(1.0, (9.0, 9.0))}, PIXEL)
    changed = Journal(tmp_path / "out.csv", "estimate", options)
    with pytest.raises(click.ClickException, match=f"another file of the {name.split('_')[0]}"):
        changed.read()


@pytest.mark.parametrize("option", ["--reference", "--background"])
def test_comparison_of_models_does_not_write_over_regions(tmp_path, option):
    rois = tmp_path / "rois.csv"
    write_rois(tmp_path / "rois.zip", {"a": Circle(2.0, (5.0, 5.0))}, PIXEL)
    (tmp_path / "rois.zip").rename(rois)
    kept = rois.read_bytes()
    (tmp_path / "a.tif").write_bytes(b"")
    said = ["compare-models", tmp_path / "a.tif", option, rois, "--out", rois]
    result = CliRunner().invoke(cli, [str(one) for one in said])
    assert "is what is to be read" in result.output
    assert rois.read_bytes() == kept


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "rois.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "text")
    with pytest.raises(ValueError, match="holds no regions"):
        read_rois(path, PIXEL)
    path = tmp_path / "one.roi"
    path.write_bytes(b"Iout" + struct.pack(">h", 227) + bytes(40))
    with pytest.raises(ValueError, match=r"'one' in .* is damaged"):
        read_rois(path, PIXEL)
