"""Walk the pages of a TIFF file, before its images are decoded, to see that all of it is there.

Libraries forgive a file that ends early: they log a warning and return the pages that are left, or
zeros. A recovery curve made from those is wrong without a sign of it, so skfrap looks first. It
also counts what the images will take, before any memory is taken for them.
"""

import mmap
import struct
from typing import NamedTuple

import numpy as np

from skfrap.io._limits import check_memory, is_large_allowed
from skfrap.io.readers._tiff_codecs import check_codec
from skfrap.io.readers._tiff_orphans import count_orphans

# Numbers of tags.
_SUBFILE = 254
_WIDTH = 256
_HEIGHT = 257
_BITS = 258
_COMPRESSION = 259
_DESCRIPTION = 270
_SAMPLES = 277
_DATE = 306
_STRIPS = (273, 279)  # offsets and byte counts
_TILES = (324, 325)  # offsets and byte counts
_NUMBERS = {_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, *_STRIPS, *_TILES}
# ImageJ's own tags count as part of the image; makers' private tags may be broken in whole files.
_IMAGEJ = (50838, 50839)
_LAST_STANDARD = 32768

# The standard's types of values, as struct's letters.
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii",
          11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}  # fmt: skip
_UNSIGNED = {1, 3, 4, 13, 16, 18}
_ASCII = 2
_CHUNK = 2**22
_MOST_PAGES = 200_000
_MOST_BITS = 64  # of a pixel
_FEW_PARTS = 16  # of an image, whose places are kept
_MOST_TAGS = 4096  # of a page
_MOST_OF_TEXT = 1000  # bytes of a description, in which ImageJ counts its images
_MOST_OF_OTHERS = 64  # bytes of what is a number or two, or a date
_REDUCED = 1  # a thumbnail, by its bit of the subfile type


class Layout(NamedTuple):
    """How one of the two kinds of TIFF file, classic and BigTIFF, writes numbers."""

    order: str
    first: int  # where the header keeps the offset of the first page
    n_tags: str
    tag: str
    offset: str


class Page(NamedTuple):
    """What a page says of itself.

    Attributes
    ----------
    form : tuple
        Width, height, bits, samples and compression.
    n_bytes : int
        What its image takes once it is decoded.
    n_stored : int
        What its image takes in the file; 0 where the page does not say.
    n_others : int
        What all else of it takes in the file.
    first_offset : int
        Where its image begins.
    end : int
        Where all that it points to ends.
    date, description : str or None
    reduced : bool
        Whether it is a thumbnail.
    offsets : tuple of int
        Where the parts of its image begin, of the first few.
    """

    form: tuple
    n_bytes: int
    n_stored: int
    n_others: int
    first_offset: int
    end: int
    date: str | None
    description: str | None
    reduced: bool
    offsets: tuple = ()


class Scan(NamedTuple):
    """What a walk over all pages has found.

    Attributes
    ----------
    pages : list of Page
        Thumbnails left out.
    n_bytes : int
        What all images take once they are decoded.
    file_bytes : int
    unclaimed_bytes : int
        Bytes of the file that no page points to.
    blank_bytes : int
        Of these, zeros at the end of the file.
    """

    pages: list
    n_bytes: int
    file_bytes: int
    unclaimed_bytes: int
    blank_bytes: int

    @property
    def room(self):
        """How many more images of the first one's size there is room for, besides the pages."""
        return self.unclaimed_bytes // max(1, self.pages[0].n_bytes)


def scan_pages(path):
    """Check that a TIFF file is whole and of a plausible size, and list its pages.

    Parameters
    ----------
    path : Path
        A file that is not empty.

    Returns
    -------
    Scan

    Raises
    ------
    ValueError
        If the file is no TIFF file, ends early, lacks part of an image or pages, or would take
        more memory than is allowed.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        layout = _layout(data[:4])
        if layout is None:
            raise ValueError(
                f"{path} is not a TIFF file, it begins with {data[:4]!r}; export the series as "
                "TIFF, OME-TIFF or from ImageJ."
            )
        directories = [*_directories(data, layout, path)]
        pages = _checked_pages(data, layout, directories, path)
        _check_sharing(pages, path)
        n_lost = count_orphans(data, layout, directories, {page.first_offset for page in pages})
        if n_lost:
            raise ValueError(
                f"{path} is damaged, its list of pages ends after {len(pages)}, and {n_lost} more "
                "are in the file; copy or export it again."
            )
        file_bytes = len(data)
        blank_bytes = _zeros_at_end(data, max(page.end for page in pages))
    largest = max(page.n_bytes for page in pages)
    images = [page for page in pages if not (page.reduced and page.n_bytes < largest)]
    n_bytes = sum(page.n_bytes for page in images)
    check_memory(n_bytes, path, file_bytes)
    claimed = sum(page.n_stored + page.n_others for page in pages)
    unclaimed_bytes = max(0, file_bytes - claimed - 16)
    return Scan(images, n_bytes, file_bytes, unclaimed_bytes, min(blank_bytes, unclaimed_bytes))


def _zeros_at_end(data, start):
    """Count the zeros at the end of a file, from a place on."""
    end = len(data)
    while end > start:
        chunk = data[max(start, end - _CHUNK) : end]
        filled = len(chunk.rstrip(b"\0"))
        end -= len(chunk) - filled
        if filled:
            break
    return len(data) - end


def begins_as_tiff(path):
    """Tell whether a file begins as TIFF files do."""
    with path.open("rb") as file:
        return _layout(file.read(4)) is not None


def _layout(head):
    for order, mark in (("<", b"II"), (">", b"MM")):
        if head == mark + struct.pack(order + "H", 42):
            return Layout(order, 4, order + "H", order + "HHI4s", order + "I")
        if head == mark + struct.pack(order + "H", 43):
            return Layout(order, 8, order + "Q", order + "HHQ8s", order + "Q")
    return None


def _directories(data, layout, path):
    """Yield the directory of each page: where it begins, and its tags."""
    visited = set()
    budget = len(data)  # of bytes: honest directories lie beside each other
    offset = _unpack(data, layout.offset, layout.first, path)[0]
    while offset:
        if offset in visited:
            raise ValueError(
                f"{path} is damaged, its pages run in a circle; copy or export it again."
            )
        visited.add(offset)
        n_tags = _unpack(data, layout.n_tags, offset, path)[0]
        if n_tags == 0:
            raise ValueError(
                f"{path} is damaged, its page {len(visited)} is blank, and those after it are "
                "lost; copy or export it again."
            )
        start = offset + struct.calcsize(layout.n_tags)
        n_bytes = struct.calcsize(layout.tag)
        budget -= n_tags * n_bytes
        many = len(visited) > _MOST_PAGES and not is_large_allowed()
        if budget < 0 or n_tags > _MOST_TAGS or many:
            raise ValueError(
                f"{path} is damaged, it names at least {len(visited)} pages with {n_tags} tags in "
                "the last; copy or export it again, or, if it is whole, allow it with "
                "allow_large=True (--allow-large)."
            )
        _need(data, start + n_tags * n_bytes, path)
        block = data[start : start + n_tags * n_bytes]
        tags = {}
        for i, (code, kind, count, _) in enumerate(struct.iter_unpack(layout.tag, block)):
            tags[code] = (kind, count, start + (i + 1) * n_bytes - struct.calcsize(layout.offset))
        yield start, tags
        offset = _unpack(data, layout.offset, start + n_tags * n_bytes, path)[0]
    if not visited:
        raise ValueError(f"{path} holds no image, it was not written to its end; export it again.")


def _checked_pages(data, layout, directories, path):
    """Check each page, and that together they list no more than the file can hold."""
    pages, budget = [], len(data)
    written = len(data) - _zeros_at_end(data, 0)
    for _, tags in directories:
        # Honest pages have tables of their own: together these are smaller than the file.
        budget -= sum(tags[code][1] for code in (*_STRIPS, *_TILES) if code in tags)
        if budget < 0:
            raise ValueError(
                f"{path} is damaged, its pages list more parts of images than the file can hold; "
                "copy or export it again."
            )
        pages.append(_checked_page(data, layout, tags, written, path))
    return pages


def _checked_page(data, layout, tags, written, path):
    """Raise ValueError unless all that the page points to lies in the file."""
    if 0 in tags:  # which is no tag
        raise ValueError(
            f"{path} is damaged, the list of a page's tags is blank in part; copy or export it "
            "again."
        )
    values, texts = {}, {}
    n_others, end = len(tags) * struct.calcsize(layout.tag) + 16, 0
    for code, (kind, count, place) in tags.items():
        if kind not in _TYPES:
            continue
        n_bytes = count * struct.calcsize("=" + _TYPES[kind])
        outside = n_bytes > struct.calcsize(layout.offset)
        n_others += n_bytes if outside else 0
        if code >= _LAST_STANDARD and code not in _IMAGEJ:
            continue
        if outside:
            place = _unpack(data, layout.offset, place, path)[0]
            _need(data, place + n_bytes, path)
            if place >= written:
                raise ValueError(
                    f"{path} was not written or copied to its end, where only zeros are; copy or "
                    "export it again."
                )
        end = max(end, place + n_bytes)
        if code not in (*_STRIPS, *_TILES):
            n_bytes = min(n_bytes, _MOST_OF_TEXT if code == _DESCRIPTION else _MOST_OF_OTHERS)
        if code in _NUMBERS and kind in _UNSIGNED and count:
            form = np.dtype(layout.order + _TYPES[kind])
            values[code] = np.frombuffer(data[place : place + n_bytes], form).astype(np.uint64)
            if code == _BITS and count == 2 and values[code].max() > _MOST_BITS:
                # Zeiss' LSM files keep two depths elsewhere, though there is room for them.
                apart = int(values[code][0]) + (int(values[code][1]) << 16)
                _need(data, apart + n_bytes, path)
                values[code] = np.frombuffer(data[apart : apart + n_bytes], form).astype(np.uint64)
        elif code in (_DATE, _DESCRIPTION) and kind == _ASCII:
            texts[code] = data[place : place + n_bytes].decode("latin-1")
    for code in (_WIDTH, _HEIGHT):
        if not values.get(code, [0])[0]:
            raise ValueError(f"{path} is damaged, a page has no size; copy or export it again.")
    n_stored = first_offset = 0
    for codes in (_STRIPS, _TILES):
        if codes[0] in values:
            first_offset = int(values[codes[0]][0])
        if not all(code in values for code in codes):
            continue  # tifffile knows what old programs mean by leaving out the byte counts
        offsets, counts = (values[code] for code in codes)
        if len(offsets) != len(counts) or not offsets.all() or not counts.all():
            raise ValueError(f"{path} lacks part of an image; copy or export it again.")
        # As Python's whole numbers, which do not overflow.
        _need(data, int(offsets.max()) + 1, path)
        _need(data, int(counts.max()), path)
        _need(data, int((offsets + counts).max()), path)
        n_stored = int(counts.sum())
        end = max(end, int((offsets + counts).max()))
    if not first_offset:
        raise ValueError(
            f"{path} is damaged, a page does not say where its image is; copy or export it again."
        )
    form, n_pixels_bytes, n_packed = _form(values)
    places = values.get(_STRIPS[0], values.get(_TILES[0], []))
    check_codec(form[-1], data, places, form[0] * form[1], path)
    _check_strips(values, n_packed, path)
    return Page(
        form,
        n_pixels_bytes,
        n_stored,
        n_others,
        first_offset,
        end,
        texts.get(_DATE),
        texts.get(_DESCRIPTION),
        bool(int(values.get(_SUBFILE, [0])[0]) & _REDUCED),
        tuple(int(one) for one in places[:_FEW_PARTS]),
    )


def _form(values):
    """Return what makes two images alike, the bytes that one takes, and those it has unpacked."""
    width, height = (int(values[code][0]) for code in (_WIDTH, _HEIGHT))
    n_samples = int(values.get(_SAMPLES, [1])[0])
    bits = [int(one) for one in values.get(_BITS, [1])[:64]]
    compression = int(values.get(_COMPRESSION, [1])[0])
    deepest = max(bits)
    n_bytes = next((n for n in (1, 2, 4, 8) if 8 * n >= deepest), deepest)
    bits_per_pixel = sum(bits) if len(bits) == n_samples else bits[0] * n_samples
    form = (width, height, deepest, n_samples, compression)
    return form, width * height * n_samples * n_bytes, width * height * bits_per_pixel // 8


def _check_strips(values, n_bytes, path):
    """Raise ValueError where the strips of an uncompressed image cannot hold all its pixels."""
    if int(values.get(_COMPRESSION, [1])[0]) != 1 or _STRIPS[1] not in values:
        return
    n_stored = int(values[_STRIPS[1]].sum())
    if n_stored < n_bytes:
        raise ValueError(
            f"{path} lacks part of an image, it has {n_stored} of {n_bytes} bytes; copy or export "
            "it again."
        )


def _check_sharing(pages, path):
    """Raise ValueError where two pages point to the same image."""
    offsets = [page.first_offset for page in pages]
    if len(set(offsets)) < len(offsets):
        raise ValueError(
            f"{path} is damaged, {len(offsets)} pages share {len(set(offsets))} images; copy or "
            "export it again."
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
