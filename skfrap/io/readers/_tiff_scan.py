"""Walk the pages of a TIFF file, before its images are decoded, to see that all of it is there.

Libraries forgive a file that ends early: they log a warning and return the pages that are left, or
zeros. A recovery curve made from those is wrong without a sign of it, so skfrap looks first.
"""

import mmap
import struct
from typing import NamedTuple

# Numbers of tags.
_WIDTH = 256
_HEIGHT = 257
_BITS = 258
_COMPRESSION = 259
_SAMPLES = 277
_DATE = 306
_STRIPS = (273, 279)  # offsets and byte counts
_TILES = (324, 325)  # offsets and byte counts
_NUMBERS = {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, *_STRIPS, *_TILES}
# ImageJ's own tags count as part of the image; makers' private tags may be broken in whole files.
_IMAGEJ = (50838, 50839)
_LAST_STANDARD = 32768

# The standard's types of values, as struct's letters.
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii",
          11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}  # fmt: skip
_UNSIGNED = {1, 3, 4, 13, 16, 18}
_ASCII = 2


class _Layout(NamedTuple):
    """How one of the two kinds of TIFF file, classic and BigTIFF, writes numbers."""

    order: str
    first: int  # where the header keeps the offset of the first page
    n_tags: str
    tag: str
    offset: str


def scan_pages(path):
    """Check that a TIFF file is whole, and return the DateTime tag of each of its pages.

    Parameters
    ----------
    path : Path
        A file that is not empty.

    Returns
    -------
    list of (str or None)
        One entry per page.

    Raises
    ------
    ValueError
        If the file is no TIFF file, ends early, or lacks part of an image.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        layout = _layout(data[:4])
        if layout is None:
            raise ValueError(
                f"{path} is not a TIFF file, it begins with {data[:4]!r}; export the series as "
                "TIFF, OME-TIFF or from ImageJ."
            )
        return [_check_page(data, layout, tags, path) for tags in _pages(data, layout, path)]


def begins_as_tiff(path):
    """Tell whether a file begins as TIFF files do."""
    with path.open("rb") as file:
        return _layout(file.read(4)) is not None


def _layout(head):
    for order, mark in (("<", b"II"), (">", b"MM")):
        if head == mark + struct.pack(order + "H", 42):
            return _Layout(order, 4, order + "H", order + "HHI4s", order + "I")
        if head == mark + struct.pack(order + "H", 43):
            return _Layout(order, 8, order + "Q", order + "HHQ8s", order + "Q")
    return None


def _pages(data, layout, path):
    """Yield the tags of each page, ``{code: (type, count, place)}``."""
    visited = set()
    offset = _unpack(data, layout.offset, layout.first, path)[0]
    while offset:
        if offset in visited:
            raise ValueError(
                f"{path} is damaged, its pages run in a circle; copy or export it again."
            )
        visited.add(offset)
        n_tags = _unpack(data, layout.n_tags, offset, path)[0]
        start = offset + struct.calcsize(layout.n_tags)
        n_bytes = struct.calcsize(layout.tag)
        _need(data, start + n_tags * n_bytes, path)
        block = data[start : start + n_tags * n_bytes]
        tags = {}
        for i, (code, kind, count, _) in enumerate(struct.iter_unpack(layout.tag, block)):
            tags[code] = (kind, count, start + (i + 1) * n_bytes - struct.calcsize(layout.offset))
        yield tags
        offset = _unpack(data, layout.offset, start + n_tags * n_bytes, path)[0]
    if not visited:
        raise ValueError(f"{path} holds no image, it was not written to its end; export it again.")


def _check_page(data, layout, tags, path):
    """Raise ValueError unless all that the page points to lies in the file; return its date."""
    values, date = {}, None
    for code, (kind, count, place) in tags.items():
        if kind not in _TYPES or (code >= _LAST_STANDARD and code not in _IMAGEJ):
            continue
        n_bytes = count * struct.calcsize("=" + _TYPES[kind])
        if n_bytes > struct.calcsize(layout.offset):
            place = _unpack(data, layout.offset, place, path)[0]
            _need(data, place + n_bytes, path)
        if code in _NUMBERS and kind in _UNSIGNED and count:
            values[code] = struct.unpack_from(f"{layout.order}{count}{_TYPES[kind]}", data, place)
        elif code == _DATE and kind == _ASCII:
            date = data[place : place + count].decode("latin-1")
    for codes in (_STRIPS, _TILES):
        if not all(code in values for code in codes):
            continue  # tifffile knows what old programs mean by leaving out the byte counts
        offsets, counts = (values[code] for code in codes)
        if len(offsets) != len(counts) or 0 in offsets or 0 in counts:
            raise ValueError(f"{path} lacks part of an image; copy or export it again.")
        _need(data, max(map(sum, zip(offsets, counts, strict=True))), path)
    _check_strips(values, path)
    return date


def _check_strips(values, path):
    """Raise ValueError where the strips of an uncompressed image cannot hold all its pixels."""
    needed = (_WIDTH, _HEIGHT, _STRIPS[1])
    if values.get(_COMPRESSION, (1,))[0] != 1 or not all(code in values for code in needed):
        return
    n_samples = values.get(_SAMPLES, (1,))[0]
    bits = values.get(_BITS, (1,))
    bits_per_pixel = sum(bits) if len(bits) == n_samples else bits[0] * n_samples
    n_bytes = values[_WIDTH][0] * values[_HEIGHT][0] * bits_per_pixel // 8
    if sum(values[_STRIPS[1]]) < n_bytes:
        raise ValueError(
            f"{path} lacks part of an image, it has {sum(values[_STRIPS[1]])} of {n_bytes} bytes; "
            "copy or export it again."
        )


def _unpack(data, form, place, path):
    _need(data, place + struct.calcsize(form), path)
    return struct.unpack_from(form, data, place)


def _need(data, end, path):
    if end > len(data):
        raise ValueError(
            f"{path} ends early, it has {len(data)} bytes and points to byte {end}; copy it again "
            "from the microscope, or export it again."
        )
