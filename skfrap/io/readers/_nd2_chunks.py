"""The chunks of an ND2 file, each looked at before it is trusted: libraries fill gaps by zeros."""

import os
import re
import struct

import numpy as np

from skfrap.io.readers._vendors import FileError

MAGIC = b"\xda\xce\xbe\x0a"
_LAST = struct.Struct("<32sQ")
_HEADER = struct.Struct("<IIQ")
_PLACE = struct.Struct("<QQ")
_END = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_MAP = b"ND2 FILEMAP SIGNATURE NAME 0001!"
_IMAGE = re.compile(rb"ImageDataSeq\|(\d{1,9})!")
_CACHE = b"CustomData|AcqTimesCache!"
_MOST_BYTES = 2**28  # of a list
STAMP = 8  # bytes before the pixels of an image, of a time


class Chunks:
    """Find chunks of an open ND2 file.

    Parameters
    ----------
    file : binary file
    path : path
        For messages.
    """

    def __init__(self, file, path):
        self._file, self.path = file, path
        self.size = os.fstat(file.fileno()).st_size
        end, place = _LAST.unpack(self._bytes(self.size - _LAST.size, _LAST.size))
        if end != _END:
            raise FileError(
                f"{path} was not written or copied to its end, its list of images is missing; copy "
                "it again, or open and save it with NIS-Elements."
            )
        self._places = self._listed(place)

    def _bytes(self, start, n_bytes):
        if start < 0 or n_bytes < 0 or start + n_bytes > self.size:
            raise FileError(
                f"{self.path} is damaged or not whole, it ends at byte {self.size}, where "
                f"{start + n_bytes} is needed; copy it again."
            )
        self._file.seek(start)
        return self._file.read(n_bytes)

    def _chunk(self, place, name):
        """Return where the content of a chunk begins, and how long it is."""
        magic, n_name, n_bytes = _HEADER.unpack(self._bytes(place, _HEADER.size))
        found = self._bytes(place + _HEADER.size, min(n_name, len(name)))
        if struct.pack("<I", magic) != MAGIC or found != name:
            raise FileError(
                f"{self.path} is damaged, {name.decode('latin-1')} is not where its list says; "
                "copy it again."
            )
        start = place + _HEADER.size + n_name
        if start + n_bytes > self.size:
            self._bytes(start, n_bytes)
        return start, n_bytes

    def _listed(self, place):
        start, n_bytes = self._chunk(place, _MAP)
        if n_bytes > _MOST_BYTES:
            raise FileError(f"{self.path} is damaged, its list of images takes {n_bytes} bytes.")
        content, found, at = self._bytes(start, n_bytes), {}, 0
        while not content.startswith(_END, at):
            stop = content.find(b"!", at) + 1
            if stop <= 0 or stop + _PLACE.size > len(content):
                raise FileError(f"{self.path} is damaged, its list of images ends early.")
            found[content[at:stop]] = _PLACE.unpack_from(content, stop)[0]
            at = stop + _PLACE.size
        return found

    def images(self):
        """Return where the content of each image begins, and how long it is, in their order.

        Returns
        -------
        starts, sizes : ndarray of int

        Raises
        ------
        ValueError
            If an image is missing.
        """
        places = {}
        for name, place in self._places.items():
            match = _IMAGE.fullmatch(name)
            if match:
                places[int(match.group(1))] = self._chunk(place, name)
        if sorted(places) != [*range(len(places))] or not places:
            raise FileError(f"{self.path} is damaged, it lacks images; copy it again.")
        starts, sizes = np.array([places[k] for k in range(len(places))]).T
        return starts, sizes

    def times(self):
        """Return the times of the images, ms; None where they are not listed."""
        if _CACHE not in self._places:
            return None
        start, n_bytes = self._chunk(self._places[_CACHE], _CACHE)
        if n_bytes > _MOST_BYTES:
            return None
        content = self._bytes(start, n_bytes - n_bytes % 8)
        return np.frombuffer(content, "<f8").astype(float)

    def content(self, start, n_bytes):
        """Return bytes of the file, all of which must be there."""
        return self._bytes(start, n_bytes)
