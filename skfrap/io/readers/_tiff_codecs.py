"""Whether packed parts of an image may unpack to more than the image.

Codecs of bytes are given the room that there is. Codecs of images bring a size of their own, and
make room for that, whatever the page says.
"""

import struct

from skfrap.io._limits import is_large_allowed

_OF_BYTES = {1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 34926, 50000, 50013, 32809, 34676, 34677}
_JPEG = {6, 7}
_JPEG2000 = {33003, 33004, 33005, 34712}
_PNG = {34933}
_LEAST = 2**20  # pixels that do no harm
_HEAD = 4096  # bytes in which a size stands


def check_codec(compression, data, offsets, n_pixels, path):
    """Raise ValueError where parts of an image are larger than the image, or may be.

    Parameters
    ----------
    compression : int
        Of TIFF's list.
    data : mmap
        The file.
    offsets : ndarray of int
        Where the parts begin.
    n_pixels : int
        Of the page.
    path : path
    """
    if compression in _OF_BYTES:
        return
    size = _SIZES.get(compression)
    if size is None:
        if is_large_allowed():
            return
        raise ValueError(
            f"{path} is packed by TIFF's method {compression}, which may unpack to any size; save "
            "it without, or allow it with allow_large=True (--allow-large)."
        )
    most = max(_LEAST, 4 * n_pixels)
    for offset in offsets:
        start = int(offset)
        width, height = size(data[start : start + _HEAD])
        if width * height > most:
            raise ValueError(
                f"{path} is damaged, a part of an image of {n_pixels} pixels unpacks to {width} x "
                f"{height}; export the series again."
            )


def _size_of_jpeg(head):
    """Return the width and height in a JPEG's start of frame, 0 where it is not in the head."""
    place = 2
    while place + 9 <= len(head) and head[place] == 0xFF:
        marker, length = head[place + 1], struct.unpack_from(">H", head, place + 2)[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, place + 5)
            return width, height
        place += 2 + length
    return 0, 0


def _size_of_jpeg_2000(head):
    place = head.find(b"\xff\x4f\xff\x51")
    if place < 0 or place + 16 > len(head):
        return 0, 0
    return struct.unpack_from(">II", head, place + 8)


def _size_of_png(head):
    return struct.unpack_from(">II", head, 16) if len(head) >= 24 else (0, 0)


_SIZES = {
    **dict.fromkeys(_JPEG, _size_of_jpeg),
    **dict.fromkeys(_JPEG2000, _size_of_jpeg_2000),
    **dict.fromkeys(_PNG, _size_of_png),
}
