"""Whole files of every kind that skfrap reads, and what happens to files: damage, and edits."""

import io
import json
import re
import struct
import zipfile
from pathlib import Path

import numpy as np

from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
from skfrap.io import write_series
from skfrap.persistence import save

N_FRAMES = 24
SHAPE = (40, 48)
PROTOCOL = FRAPProtocol(
    shape=SHAPE, pixel_size=0.5, bleach_region=Circle(4.0), n_prebleach=4, n_bleach=1,
    n_postbleach=N_FRAMES - 4, frame_interval=0.5, padding=16,
)  # fmt: skip
TIFFS = (
    "skfrap", "times", "imagej", "one_page", "ome", "shaped", "pages", "deflate", "lzw", "tiles",
    "big", "big_endian", "floats",
)  # fmt: skip
MICROSCOPES = (
    "czi", "czi_zstd", "lif", "lsm", "stk", "nd2", "nd2_zip", "oib", "oir", "png", "jpg", "bmp",
)  # fmt: skip
KINDS = (*TIFFS, "folder", "mask", "estimator", "surrogate", "protocol", "table")
_VALUES = (0, 1, 2, 3, 7, 8, 20, 48, 255, 410, 65535, 2**20, 2**31 - 1, 2**31, 2**32 - 1)
_TEXTS = (
    b"0",
    b"-1",
    b"20",
    b"12",
    b"48",
    b"999999999",
    b"1e308",
    b"nan",
    b"inf",
    b"",
    b"x",
    b"[[",
)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 12: 8, 16: 8}


def make_files(folder):
    """Write a whole file of each kind.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict of str to bytes
    """
    import tifffile

    truth = {"D": 2.0, "c0": 0.6, "alpha": 0.4, "a": 1e-4}
    simulator = FRAPSimulator(PROTOCOL, truth, bit_depth=16, random_state=0)
    frames = np.maximum(simulator.sample_images(1).data[0], 1)
    times = PROTOCOL.times - PROTOCOL.times[0]
    info = {"protocol": PROTOCOL.to_dict(), "truth": truth}
    paths = {kind: Path(folder, f"{kind}.tif") for kind in (*TIFFS, "folder", "mask")}
    write_series(paths["skfrap"], frames, pixel_size_um=0.5, frame_interval_s=0.5, info=info)
    write_series(paths["times"], frames, pixel_size_um=0.5, times_s=times, info=info)
    imagej = {"imagej": True, "resolution": (2, 2)}
    metadata = {"axes": "TYX", "unit": "um", "finterval": 0.5}
    tifffile.imwrite(paths["imagej"], frames, metadata=metadata, **imagej)
    text = f"ImageJ=1.54f\nimages={N_FRAMES}\nframes={N_FRAMES}\nunit=um\nfinterval=0.5\n"
    tifffile.imwrite(paths["one_page"], frames[0], description=text, metadata=None)
    _put_images_last(paths["one_page"], frames)  # as ImageJ writes large stacks
    planes = {"DeltaT": times.tolist(), "DeltaTUnit": ["s"] * N_FRAMES}
    ome = {"axes": "TYX", "PhysicalSizeX": 0.5, "TimeIncrement": 0.5, "Plane": planes}
    tifffile.imwrite(paths["ome"], frames, ome=True, photometric="minisblack", metadata=ome)
    tifffile.imwrite(paths["shaped"], frames, photometric="minisblack")
    for kind, options in (
        ("pages", {}),
        ("deflate", {"compression": "zlib"}),
        ("lzw", {"compression": "lzw"}),
        ("tiles", {"tile": (16, 16)}),
        ("big", {}),
        ("big_endian", {}),
        ("floats", {}),
    ):
        writer = {"bigtiff": kind == "big", "byteorder": ">" if kind == "big_endian" else "<"}
        data = (frames / 65535).astype("f4") if kind == "floats" else frames
        with tifffile.TiffWriter(paths[kind], **writer) as tif:
            for k, frame in enumerate(data):
                date = f"2024:05:06 10:00:{k % 60:02d}.{500 * (k % 2):03d}"
                tags = [(306, "s", 0, date, False)]
                tif.write(frame, metadata=None, contiguous=False, extratags=tags, **options)
    tifffile.imwrite(paths["folder"], frames[0], metadata=None)
    mask = (PROTOCOL.bleach_mask > 0.5).astype("u1") * 255
    tifffile.imwrite(paths["mask"], mask, metadata=None)
    files = {kind: path.read_bytes() for kind, path in paths.items()}
    curves = FRAPSimulator(PROTOCOL, truth, random_state=0).sample(3).data
    for kind, bounds in (("estimator", None), ("surrogate", {"D": (0.1, 50.0)})):
        path = Path(folder, f"{kind}.npz")
        save(LeastSquaresFRAP(PROTOCOL, bounds).fit(curves), path)
        files[kind] = path.read_bytes()
    files["protocol"] = json.dumps(PROTOCOL.to_dict()).encode()
    estimates = LeastSquaresFRAP(PROTOCOL).fit(curves).estimate(curves)
    files["table"] = estimates.to_frame(index=["a.tif", "b.tif", "c.tif"]).to_csv().encode()
    return files


def make_microscope_files(folder):
    """Write a whole file of each kind that microscopes write, where the library for it is there.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict of str to bytes
    """
    from importlib.util import find_spec

    from PIL import Image

    from benchmarks import microscopes as write

    truth = {"D": 2.0, "c0": 0.6, "alpha": 0.4, "a": 1e-4}
    simulator = FRAPSimulator(PROTOCOL, truth, bit_depth=12, random_state=0)
    frames = np.maximum(simulator.sample_images(1).data[0], 1).astype(np.uint16)
    times = 100.0 + PROTOCOL.times - PROTOCOL.times[0]
    events = [(float(times[3]) + 0.1, 2), (float(times[4]) - 0.1, 3)]
    circle = (24.0, 20.0, 8.0)
    paths = {kind: Path(folder, f"{kind}.{kind.partition('_')[0]}") for kind in MICROSCOPES}
    write.write_czi(paths["czi"], frames, times, events=events, circle=circle)
    write.write_czi(paths["czi_zstd"], frames, times, compression=6)
    region = write.leica_region(32, [(-2, -2), (2, 2)])
    write.write_lif(paths["lif"], [("one", frames, times, region)])
    write.write_lsm(paths["lsm"], frames, times, events=events, circle=circle)
    write.write_stk(paths["stk"], frames, times)
    moments = [when for when, _ in events]
    write.write_nd2(paths["nd2"], frames, times, events=moments)
    write.write_nd2(paths["nd2_zip"], frames, times, packed=True)
    write.write_oib(paths["oib"], frames, times, circle=circle)
    if find_spec("oirfile"):
        write.write_oir(paths["oir"], frames, times)
    grey = Image.fromarray((frames[0] >> 4).astype(np.uint8))
    for kind in ("png", "jpg", "bmp"):
        grey.save(paths[kind])
    return {kind: path.read_bytes() for kind, path in paths.items() if path.exists()}


def _put_images_last(path, frames):
    """Let the one page point to images that follow each other at the end of the file."""
    data = bytearray(path.read_bytes())
    start, count, _ = directories(bytes(data))[0]
    for entry in range(start, start + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] == 273:
            struct.pack_into("<I", data, entry + 8, len(data))
    path.write_bytes(bytes(data) + frames.tobytes())


def directories(data):
    """List the pages of a little-endian classic TIFF.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    list of tuple of int
        Where the tags of each page begin, how many there are, and where the link to the next is.
    """
    found = []
    if data[:4] != b"II*\0":
        return found
    place = 4
    while len(found) < 10_000:
        offset = struct.unpack_from("<I", data, place)[0]
        if not 8 <= offset <= len(data) - 6:
            return found
        count = struct.unpack_from("<H", data, offset)[0]
        place = offset + 2 + 12 * count
        if place + 4 > len(data):
            return found
        found.append((offset + 2, count, place))
    return found


def mutate(data, rng):
    """Change a file in one of the ways in which files are damaged or edited.

    Parameters
    ----------
    data : bytes
    rng : numpy Generator

    Returns
    -------
    bytes
    name : str
        Of what was done.
    """
    names = [*_MUTATIONS]
    name = names[rng.integers(len(names))]
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4)) if name in ("tag", "text", "byte") else 1):
        changed = bytearray(_MUTATIONS[name](changed, rng))
    return bytes(changed), name


def _structure(data, rng):
    """Change a number in the structure of an estimator's file, and pack it as it should be."""
    if data[:2] != b"PK":
        return _text(data, rng)
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    own = rng.random() < 0.8 and "structure.json" in members
    name = "structure.json" if own else [*members][rng.integers(len(members))]
    for _ in range(int(rng.integers(1, 4))):
        members[name] = bytes(_number(bytearray(members[name]), rng))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for one, content in members.items():
            archive.writestr(zipfile.ZipInfo(one), content)
    return bytearray(packed.getvalue())


def _number(data, rng):
    places = [*re.finditer(rb"-?[0-9]+(\.[0-9]+)?", data)]
    if not places:
        return data
    match = places[rng.integers(len(places))]
    new = str(rng.choice([-1, 0, 1, 2, 7, 100, 10**5, 10**7, 10**9, 10**12, 10**18])).encode()
    return data[: match.start()] + new + data[match.end() :]


def _byte(data, rng):
    for place in rng.integers(0, len(data), rng.integers(1, 20)):
        data[place] = rng.integers(256)
    return data


def _head(data, rng):
    for place in rng.integers(0, min(len(data), 400), rng.integers(1, 6)):
        data[place] = rng.integers(256)
    return data


def _tag(data, rng):
    pages = directories(bytes(data))
    if not pages:
        return _head(data, rng)
    start, count, _ = pages[rng.integers(len(pages))]
    entry = start + 12 * int(rng.integers(count)) if count else start
    what = rng.integers(4)
    value = int(rng.choice(_VALUES)) if rng.random() < 0.7 else int(rng.integers(2**32))
    if what == 0:
        struct.pack_into("<H", data, entry, int(rng.choice([254, 256, 273, 279, 258, 259, 270, 1])))
    elif what == 1:
        struct.pack_into("<H", data, entry + 2, int(rng.integers(0, 20)))
    else:
        struct.pack_into("<I", data, entry + 4 * (what - 1), value)
    return data


def _link(data, rng):
    pages = directories(bytes(data))
    if not pages:
        return _byte(data, rng)
    _, _, place = pages[rng.integers(len(pages))]
    other = pages[rng.integers(len(pages))][0] - 2
    value = [0, other, int(rng.integers(len(data))), 8][rng.integers(4)]
    struct.pack_into("<I", data, 4 if rng.random() < 0.2 else place, value)
    return data


def _blank_page(data, rng):
    pages = directories(bytes(data))
    if not pages:
        return _byte(data, rng)
    start, count, _ = pages[rng.integers(len(pages))]
    data[start - 2 : start + 12 * count + 4] = bytes(12 * count + 6)
    return data


def _strip(data, rng):
    pages = directories(bytes(data))
    if len(pages) < 2:
        return _tag(data, rng)
    (a, count, _), (b, other_count, _) = (pages[rng.integers(len(pages))] for _ in range(2))
    for k in range(count):
        if struct.unpack_from("<H", data, a + 12 * k)[0] != 273:
            continue
        for j in range(other_count):
            if struct.unpack_from("<H", data, b + 12 * j)[0] == 273:
                data[a + 12 * k + 4 : a + 12 * k + 12] = data[b + 12 * j + 4 : b + 12 * j + 12]
    return data


def _text(data, rng):
    # Numbers within words, as headers, XML, JSON and tables have them.
    places = [*re.finditer(rb"(?<=[=\":, \[])-?[0-9]+(\.[0-9]+)?(?=[\n\",\] ;}])", data)]
    if not places:
        return _byte(data, rng)
    match = places[rng.integers(len(places))]
    new = _TEXTS[rng.integers(len(_TEXTS))]
    if rng.random() < 0.7:  # of the same length: all else stays in its place
        length = match.end() - match.start()
        new = new[:length].rjust(length, b"0") if new else b"0" * length
    return data[: match.start()] + new + data[match.end() :]


def _cut(data, rng):
    return data[: int(rng.integers(1, len(data)))]


def _zero_tail(data, rng):
    start = int(rng.integers(1, len(data)))
    return data[:start] + bytes(len(data) - start)


def _more_zeros(data, rng):
    return data + bytes(int(rng.integers(1, 20_000)))


def _hole(data, rng):
    start = int(rng.integers(len(data)))
    return data[:start] + data[start + int(rng.integers(1, 2000)) :]


def _twice(data, rng):
    start = int(rng.integers(len(data)))
    part = data[start : start + int(rng.integers(1, 5000))]
    return data[:start] + part + data[start:]


def _nested(data, rng):
    at = int(rng.integers(len(data)))
    return data[:at] + b"[" * int(rng.integers(1, 50_000)) + data[at:]


_MUTATIONS = {
    "byte": _byte,
    "head": _head,
    "tag": _tag,
    "link": _link,
    "blank page": _blank_page,
    "strip": _strip,
    "text": _text,
    "structure": _structure,
    "cut": _cut,
    "zero tail": _zero_tail,
    "more zeros": _more_zeros,
    "hole": _hole,
    "twice": _twice,
    "nested": _nested,
}
