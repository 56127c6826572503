"""What a file may ask for: refused in words before memory is taken, unless that is allowed."""

import io
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfrap import Circle, FRAPProtocol, LeastSquaresFRAP, Polygon
from skfrap.analysis import ExperimentOptions, describe_experiment
from skfrap.experiment import _areas
from skfrap.experiment._simple import crosses_itself
from skfrap.io import ImageSeries, _limits, read_series, write_series
from skfrap.persistence import load, save

tifffile = pytest.importorskip("tifffile")

MOST_TAKEN = 100e6  # bytes, while something is refused


def refused(match, function, *arguments, **options):
    """See that a call is refused in words, and takes no memory on the way."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=match):
            function(*arguments, **options)
        assert tracemalloc.get_traced_memory()[1] < MOST_TAKEN
    finally:
        tracemalloc.stop()


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(1, 4000, (6, 16, 20)).astype(np.uint16)


def write_directory(pages, data=b"", tables=()):
    """Write a TIFF file of pages given as lists of tags (code, type, count, value)."""
    content = bytearray(b"II*\0" + bytes(4) + data + b"".join(tables))
    link = 4
    for tags in pages:
        struct.pack_into("<I", content, link, len(content))
        content += struct.pack("<H", len(tags))
        for code, kind, count, value in sorted(tags):
            content += struct.pack("<HHII", code, kind, count, value)
        link = len(content)
        content += bytes(4)
    return bytes(content)


def page(width, height, offset, n_bytes, n_strips=1, compression=1):
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression),
        (262, 3, 1, 1), (273, 4, n_strips, offset), (277, 3, 1, 1), (278, 4, 1, height),
        (279, 4, n_strips, n_bytes),
    ]  # fmt: skip


def test_pages_that_share_one_huge_table_of_strips(tmp_path):
    n = 200_000
    table = np.full(n, 8, "<u4").tobytes()
    one = page(1, n, 8, 8 + 4 * n, n_strips=n)
    path = tmp_path / "a.tif"
    path.write_bytes(write_directory([one] * 300, tables=(table, table)))
    refused("list more parts of images than the file can hold", read_series, path)


def test_pages_that_share_an_image(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(write_directory([page(10, 10, 8, 100)] * 5, data=bytes(range(100))))
    refused(r"a\.tif is damaged, 5 pages share 1 images", read_series, path)


def test_image_that_unpacks_to_far_more_than_the_file(tmp_path):
    path = tmp_path / "a.tif"
    one = page(40_000, 40_000, 8, 1000, compression=8)
    two = page(40_000, 40_000, 1008, 1000, compression=8)
    path.write_bytes(write_directory([one, two], data=bytes(2000)))
    refused(r"would take 3\.2 GB of memory, from a file of .*--allow-large", read_series, path)


def test_what_is_large_is_read_where_that_is_allowed(tmp_path, frames, monkeypatch):
    path = tmp_path / "a.tif"
    write_series(path, frames, pixel_size_um=1.0, frame_interval_s=1.0)
    monkeypatch.setattr(_limits, "MOST_BYTES", frames.nbytes - 1)
    refused(r"a\.tif would take .* allow_large=True", read_series, path)
    assert_array_equal(read_series(path, allow_large=True).frames, frames)
    refused("would take", read_series, path)  # only that once


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('SizeT="6"', 'SizeT="600000000"'),
        ('PlaneCount="6"', 'PlaneCount="600000000"'),
        ('IFD="0"', 'IFD="4000000000"'),
        ("</OME>", '<A><B Namespace="modulo"><ModuloAlongZ Start="0" End="1e12"/></B></A></OME>'),
    ],
)
def test_planes_that_ome_xml_only_names(tmp_path, frames, old, new):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, frames, ome=True, photometric="minisblack", metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    assert old in xml
    tifffile.imwrite(
        path, frames, description=xml.replace(old, new).encode(), metadata=None,
        photometric="minisblack",
    )  # fmt: skip
    refused(r"a\.ome\.tif is damaged, its OME-XML names .* planes", read_series, path)


def test_brackets_within_brackets(tmp_path, frames):
    path = tmp_path / "a.tif"
    text = "skfrap_series = " + "[" * 100_000 + "\n"
    metadata = {"axes": "TYX", "Info": text, "finterval": 1.0}
    tifffile.imwrite(path, frames, imagej=True, metadata=metadata)
    assert_array_equal(read_series(path).frames, frames)
    with pytest.raises(ValueError, match="brackets within brackets"):
        FRAPProtocol.from_json("[" * 100_000)


HUGE = {
    "shape": {"shape": [10**6, 10**6]},
    "padding": {"padding": 10**7},
    "n_bleach": {"n_bleach": 10**9},
    "n_postbleach": {"n_postbleach": 10**10, "postbleach_times": None},
    "a Mask of shape": {
        "bleach_region": {"type": "Mask", "shape": [10**6] * 2, "offset": [0, 0], "values": [[1]]}
    },
    "vertices": {"bleach_region": {"type": "Polygon", "vertices": [[0, 0]] * 20_000}},
}


@pytest.mark.parametrize("what", HUGE)
def test_stored_protocols_of_any_size_are_set_aside(what):
    description = FRAPProtocol().to_dict() | HUGE[what]
    refused(what, FRAPProtocol.from_dict, description)
    frames = np.ones((110, 16, 20), np.uint16)
    series = ImageSeries(frames, "x", 1.0, np.arange(110.0), info={"protocol": description})
    refused(f"the protocol stored in the file is set aside: .*{what}", describe_experiment, series,
            ExperimentOptions())  # fmt: skip


def test_a_large_protocol_may_be_allowed():
    description = {"shape": [10**4, 100], "padding": 0, "n_bleach": 20_000}
    with pytest.raises(ValueError, match="n_bleach asks for"):
        FRAPProtocol.from_dict(description)
    assert FRAPProtocol.from_dict(description, allow_large=True).n_bleach == 20_000


def test_files_of_estimators_are_bounded(tmp_path):
    path = tmp_path / "a.npz"
    protocol = FRAPProtocol(shape=(16, 20), pixel_size=1.0, bleach_region=Circle(4.0), padding=8)
    estimator = LeastSquaresFRAP(protocol).fit(np.ones((1, 110)))
    save(estimator, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    structure = members["structure.json"].decode()

    def write(**changed):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in (members | changed).items():
                archive.writestr(name, content)
        path.write_bytes(packed.getvalue())

    write()
    assert load(path).protocol == protocol
    assert '{"tuple": [16, 20]}' in structure
    write(**{"structure.json": structure.replace("[16, 20]", "[1600000, 2000000]")})
    refused("shape asks for 3.2e.12 pixels", load, path)
    write(**{"structure.json": structure.replace('"padding": 8', '"padding": 100000000')})
    refused("padding asks for", load, path)
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**9,)}
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, header)
    write(**{"structure.json": json.dumps({**json.loads(structure), "estimator": {"array": 0}}),
             "0.npy": content.getvalue()})  # fmt: skip
    refused("does not have as many values", load, path)


# Polygons


def star(n, rng, digits=12):
    angles = np.sort(rng.uniform(0, 2 * np.pi, n))
    radii = rng.uniform(1, 5, n)
    return np.round(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1), digits)


def test_sweep_finds_the_same_crossings_as_all_pairs():
    rng = np.random.default_rng(0)
    found = []
    for k in range(400):
        n = int(rng.integers(4, 40))
        points = (
            rng.uniform(0, 10, (n, 2)), rng.integers(0, 6, (n, 2)), star(n, rng), star(n, rng, 1)
        )[k % 4]  # fmt: skip
        points = [tuple(map(float, point)) for point in points]
        vertices = [point for i, point in enumerate(points) if point != points[i - 1]]
        found.append(_areas.polygon_crosses_itself(vertices))
        assert crosses_itself(vertices) == found[-1]
    assert 100 < sum(found) < 300


def test_polygons_of_many_vertices_are_regions():
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    circle = Polygon(list(zip(20 + 8 * np.cos(angles), 15 + 8 * np.sin(angles), strict=True)))
    assert circle.area_fractions((64, 64), 0.5).sum() * 0.25 == pytest.approx(64 * np.pi, rel=1e-5)
    crossed = [*circle.vertices]
    crossed[100], crossed[103] = crossed[103], crossed[100]
    with pytest.raises(ValueError, match="edges cross"):
        Polygon(crossed)
