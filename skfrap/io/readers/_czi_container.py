"""The segments of a CZI file, each looked at before it is trusted: directory, texts, lists.

After Zeiss' description of the format (ZISRAW, DS_ZISRAW-FileFormat). Nothing is decoded here, so
that it takes a few reads, whatever the size of the file.
"""

import os
import struct
from typing import NamedTuple

import numpy as np

from skfrap.io.readers._vendors import FileError

MAGIC = b"ZISRAWFILE"
_HEADER = struct.Struct("<iiii16s16siqqiq")
_SEGMENT = struct.Struct("<16sqq")
_ENTRY = struct.Struct("<2siqiiBB4si")
_DIMENSION = struct.Struct("<4siifi")
_ATTACHMENT = struct.Struct("<2s10sqi16s8s80s")
_MOST_ENTRIES = 4_000_000
_MOST_DIMENSIONS = 16
_MOST_TEXT = 64 * 2**20
_DATA_AT = 256  # of subblocks with few dimensions, metadata and attachments, from the header's end
PIXELS = {0: "<u1", 1: "<u2", 2: "<f4", 12: "<u4", 13: "<f8"}
"""Types of grey pixels by their number; others are colours or complex."""
COLOURS = (3, 4, 8, 9)


class Block(NamedTuple):
    """A part of an image, as the directory lists it.

    Attributes
    ----------
    places : dict of str to int
        Where it begins on each axis.
    sizes : dict of str to int
        How long it is on each.
    stored : dict of str to int
        How many pixels are kept on each.
    pixel_type, compression, pyramid : int
    position : int
        Of its segment.
    raw : bytes
        Its entry in the directory, which is repeated beside the pixels.
    """

    places: dict
    sizes: dict
    stored: dict
    pixel_type: int
    compression: int
    pyramid: int
    position: int
    raw: bytes

    @property
    def is_whole(self):
        """Whether it holds pixels at full resolution, and no overview."""
        return self.pyramid == 0 and all(
            self.stored[axis] in (0, self.sizes[axis]) for axis in self.sizes
        )


class CZIContainer:
    """Read segments of an open CZI file.

    Parameters
    ----------
    file : binary file
    path : path
        For messages.
    """

    def __init__(self, file, path):
        self._file, self.path = file, path
        self.size = os.fstat(file.fileno()).st_size
        sid, _, _ = self._segment(0)
        if sid != MAGIC:
            raise self._damaged("it does not begin as CZI files do")
        header = _HEADER.unpack(self._bytes(_SEGMENT.size, _HEADER.size))
        self.part, directory, self._xml, self.pending, self._attached = header[6:]
        if self.part:
            raise FileError(
                f"{path} is part {self.part} of a series in several CZI files; give the first of "
                "them, or save the series as one file."
            )
        self.blocks = self._directory(directory)

    def _damaged(self, why):
        return FileError(f"{self.path} is damaged or not whole, {why}; copy it again.")

    def _bytes(self, start, n_bytes):
        if start < 0 or n_bytes < 0 or start + n_bytes > self.size:
            raise self._damaged(f"it ends at byte {self.size}, where {start + n_bytes} is needed")
        self._file.seek(start)
        content = self._file.read(n_bytes)
        if len(content) < n_bytes:
            raise self._damaged("it ends early")
        return content

    def _segment(self, position):
        """Return what a segment is, and the bytes that it takes and uses."""
        sid, allocated, used = _SEGMENT.unpack(self._bytes(position, _SEGMENT.size))
        used = used or allocated
        if not 0 <= used <= allocated:
            raise self._damaged(f"the segment at byte {position} is larger than its room")
        return sid.rstrip(b"\0"), allocated, used

    def _content(self, position, sid, what):
        """Return where the content of a segment begins, and how long it is."""
        found, _, used = self._segment(position) if position else (b"", 0, 0)
        if found != sid:
            raise self._damaged(f"{what} is not where its header says")
        return position + _SEGMENT.size, used

    def _directory(self, position):
        start, used = self._content(position, b"ZISRAWDIRECTORY", "the directory of images")
        (n_blocks,) = struct.unpack("<i", self._bytes(start, 4))
        if not 0 < n_blocks <= _MOST_ENTRIES:
            raise self._damaged(f"its directory names {n_blocks} images")
        content = self._bytes(start + 128, min(used, self.size - start) - 128)
        blocks, place = [], 0
        for _ in range(n_blocks):
            block, place = self._block(content, place)
            blocks.append(block)
        return blocks

    def _block(self, content, place):
        if place + _ENTRY.size > len(content):
            raise self._damaged("its directory of images ends early")
        schema, pixel_type, position, _, compression, pyramid, _, _, n_dimensions = (
            _ENTRY.unpack_from(content, place)
        )
        end = place + _ENTRY.size + n_dimensions * _DIMENSION.size
        if schema != b"DV" or not 0 < n_dimensions <= _MOST_DIMENSIONS or end > len(content):
            raise self._damaged("its directory of images cannot be read")
        places, sizes, stored = {}, {}, {}
        for k in range(n_dimensions):
            name, first, size, _, kept = _DIMENSION.unpack_from(
                content, place + _ENTRY.size + k * _DIMENSION.size
            )
            axis = name.rstrip(b"\0").decode("ascii", "replace")
            places[axis], sizes[axis], stored[axis] = first, size, kept
        raw = bytes(content[place:end])
        return Block(places, sizes, stored, pixel_type, compression, pyramid, position, raw), end

    def pixels_of(self, block):
        """Return where the pixels of a block begin, and the bytes that they take.

        Raises
        ------
        ValueError
            If the block is not where the directory says, or is another.
        """
        _, used = self._content(block.position, b"ZISRAWSUBBLOCK", "an image")
        head = self._bytes(block.position + _SEGMENT.size, 16 + len(block.raw))
        n_text, n_attached, n_bytes = struct.unpack_from("<iiq", head)
        if n_text < 0 or n_attached < 0 or n_bytes < 0:
            raise self._damaged("an image has no size")
        beside, _ = self._block(head[16:], 0)
        if (beside.places, beside.sizes, beside.pixel_type, beside.compression) != (
            block.places, block.sizes, block.pixel_type, block.compression,
        ):  # fmt: skip
            raise self._damaged("an image is another than its directory says")
        room = max(_DATA_AT, 16 + len(block.raw))
        start = block.position + _SEGMENT.size + room + n_text
        if room + n_text + n_bytes > used or start + n_bytes > self.size:
            raise self._damaged("an image does not fit into its place")
        return start, n_bytes

    def text_of(self, block):
        """Return the XML that stands beside a block's pixels; empty where there is none."""
        start = block.position + _SEGMENT.size
        (n_text,) = struct.unpack("<i", self._bytes(start, 4))
        if not 0 <= n_text <= _MOST_TEXT:
            return ""
        content = self._bytes(start + max(_DATA_AT, 16 + len(block.raw)), n_text)
        return content.rstrip(b"\0").decode("utf-8", "replace")

    def content(self, start, n_bytes):
        """Return bytes of the file, all of which must be there."""
        return self._bytes(start, n_bytes)

    def metadata(self):
        """Return the XML of the whole file."""
        start, _ = self._content(self._xml, b"ZISRAWMETADATA", "the metadata")
        (n_bytes,) = struct.unpack("<i", self._bytes(start, 4))
        if not 0 <= n_bytes <= _MOST_TEXT:
            raise self._damaged(f"its metadata take {n_bytes} bytes")
        return self._bytes(start + 256, n_bytes).rstrip(b"\0")

    def attachments(self):
        """Return what is attached: the content of each by its name.

        Returns
        -------
        dict of str to bytes
            Lists only: pictures are left out.
        """
        if not self._attached:
            return {}
        start, used = self._content(self._attached, b"ZISRAWATTDIR", "the list of attachments")
        (n_entries,) = struct.unpack("<i", self._bytes(start, 4))
        if not 0 <= n_entries <= _MOST_ENTRIES or 256 + 128 * n_entries > used:
            raise self._damaged(f"it names {n_entries} attachments")
        entries = self._bytes(start + 256, 128 * n_entries)
        found = {}
        for k in range(n_entries):
            _, _, position, _, _, kind, name = _ATTACHMENT.unpack_from(entries, 128 * k)
            if kind.rstrip(b"\0") not in (b"CZTIMS", b"CZEVL"):
                continue
            name = name.rstrip(b"\0").decode("utf-8", "replace")
            place, _ = self._content(position, b"ZISRAWATTACH", f"the attachment {name}")
            (n_bytes,) = struct.unpack("<i", self._bytes(place, 4))
            if not 8 <= n_bytes <= _MOST_TEXT:
                raise self._damaged(f"the attachment {name} takes {n_bytes} bytes")
            found[name] = self._bytes(place + 256, n_bytes)
        return found


def time_stamps(content):
    """Return the times that an attachment lists, s; None where it is not a list of times."""
    _, n = struct.unpack_from("<ii", content)
    if n < 0 or 8 + 8 * n > len(content):
        return None
    return np.frombuffer(content, "<f8", n, 8).astype(float)


def events(content):
    """Return the events that an attachment lists: time, s, its kind, and words.

    Kinds are 0 marker, 1 change of the interval, 2 start and 3 end of bleaching, 4 trigger.
    """
    _, n = struct.unpack_from("<ii", content)
    found, place = [], 8
    for _ in range(max(0, n)):
        if place + 20 > len(content):
            return None
        size, moment, kind, n_text = struct.unpack_from("<idii", content, place)
        if size < 20 or not 0 <= n_text <= size - 20 or place + size > len(content):
            return None
        words = content[place + 20 : place + 20 + n_text].rstrip(b"\0").decode("utf-8", "replace")
        found.append((moment, kind, words))
        place += size
    return found
