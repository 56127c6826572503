"""Compound files, in which OIB files keep others: streams, each followed no further than it goes.

After Microsoft's description of the format, MS-CFB. A chain of sectors that bites its tail would be
followed for ever; here it is refused.
"""

import os
import struct

import numpy as np

from skfrap.io.readers._vendors import FileError

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER = struct.Struct("<16sHHHHHHIIIIIIIIII")
_END, _NONE = 0xFFFFFFFE, 0xFFFFFFFF
_ENTRY = 128
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_MINI = 64  # bytes of a sector for small streams


class CompoundFile:
    """Read the streams of an open compound file.

    Parameters
    ----------
    file : binary file
    path : path
        For messages.
    """

    def __init__(self, file, path):
        self._file, self.path = file, path
        self._size = os.fstat(file.fileno()).st_size
        head = file.read(512)
        if len(head) < 512 or not head.startswith(MAGIC):
            raise self._damaged("it does not begin as such files do")
        header = _HEADER.unpack_from(head, 8)
        major, order, shift, n_fat = header[2], header[3], header[4], header[9]
        start, self._cutoff = header[10], header[12]
        mini_start, n_mini, more, n_more = header[13:17]
        if order != 0xFFFE or (major, shift) not in ((3, 9), (4, 12)):
            raise self._damaged("its header cannot be read")
        self._sector = 2**shift
        self._n_sectors = max(0, -(-self._size // self._sector) - 1)
        if max(n_fat, n_mini, n_more) > self._n_sectors:
            raise self._damaged("it names more sectors than there are")
        listed = list(struct.unpack_from("<109I", head, 76))
        for _ in range(n_more):
            if more >= self._n_sectors:
                break
            numbers = struct.unpack(f"<{self._sector // 4}I", self._at(more))
            listed += numbers[:-1]
            more = numbers[-1]
        self._fat = self._table([one for one in listed[:n_fat] if one < _END])
        self._mini_fat = np.zeros(0, np.uint32)
        if n_mini:
            self._mini_fat = self._table(self._chain(mini_start, self._fat, self._n_sectors))
        self._streams, root = self._directory(start)
        self._mini = b"" if root is None else self._content(root[0], root[1], small=False)

    def _damaged(self, why):
        return FileError(f"{self.path} is damaged or not whole, {why}; copy it again.")

    def _at(self, number):
        if not 0 <= number < self._n_sectors:
            raise self._damaged("a part of it lies beyond its end")
        self._file.seek((number + 1) * self._sector)
        return self._file.read(self._sector).ljust(self._sector, b"\0")

    def _table(self, sectors):
        content = b"".join(self._at(int(one)) for one in sectors)
        return np.frombuffer(content, "<u4")

    def _chain(self, start, fat, most):
        """Return the sectors of a chain, in their order."""
        chain, number = [], int(start)
        while number < _END:
            if number >= len(fat) or len(chain) > most:
                raise self._damaged("its parts follow each other for ever, or lead nowhere")
            chain.append(number)
            number = int(fat[number])
        return chain

    def _content(self, start, n_bytes, *, small=None):
        small = n_bytes < self._cutoff if small is None else small
        size, fat = (_MINI, self._mini_fat) if small else (self._sector, self._fat)
        if not 0 <= n_bytes <= self._size:
            raise self._damaged(f"a part of it names {n_bytes} bytes")
        most = -(-n_bytes // size)
        chain = self._chain(start, fat, max(most, 1)) if n_bytes else []
        if len(chain) < most:
            raise self._damaged("a part of it ends early")
        if small:
            parts = [self._mini[one * size : (one + 1) * size] for one in chain]
        else:
            if chain and (max(chain[:most]) + 2) * size > self._size + size - 1:
                last = (chain[most - 1] + 1) * size + (n_bytes - 1) % size + 1
                if last > self._size:
                    raise self._damaged("it ends early")
            parts = [self._at(one) for one in chain]
        content = b"".join(parts)
        if len(content) < n_bytes:
            raise self._damaged("a part of it ends early")
        return content[:n_bytes]

    def _directory(self, start):
        """Return where each stream begins and how long it is, by its name; and the root's."""
        chain = self._chain(start, self._fat, self._n_sectors)
        content = b"".join(self._at(one) for one in chain)
        streams, root = {}, None
        for place in range(0, len(content) - _ENTRY + 1, _ENTRY):
            n_name, kind = struct.unpack_from("<HB", content, place + 64)
            if kind not in (_STORAGE, _STREAM, _ROOT) or not 2 <= n_name <= 64:
                continue
            name = content[place : place + n_name - 2].decode("utf-16-le", "replace")
            begin, n_bytes = struct.unpack_from("<IQ", content, place + 116)
            if self._sector == 512:
                n_bytes &= 0xFFFFFFFF
            if kind == _ROOT:
                root = (begin, n_bytes)
            elif kind == _STREAM:
                if name in streams:
                    raise self._damaged(f"it holds {name!r} twice")
                streams[name] = (begin, n_bytes)
        return streams, root

    def names(self):
        """Return the names of all streams, without those of the storages that they are in."""
        return [*self._streams]

    def read(self, name):
        """Return the content of a stream."""
        if name not in self._streams:
            raise self._damaged(f"it lacks {name!r}")
        return self._content(*self._streams[name])
