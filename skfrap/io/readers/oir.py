"""OIR files of Olympus and Evident microscopes (FluoView FV3000 and later)."""

import os
import struct
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers._stated import checked_times, square_pixel
from skfrap.io.readers._vendors import (
    FileError,
    KnownByFirstBytes,
    begins_with,
    chosen_channel,
    import_for,
    number,
    parsed_xml,
    quietly,
    reading,
    refuse_axes,
    whole,
)
from skfrap.results import Finding

__all__ = ["OIRReader"]

_MAGIC = b"OLYMPUSRAWFORMAT"
_MOST_INDEX = 2**28  # bytes


class OIRReader(KnownByFirstBytes):
    """Read OIR files of Olympus and Evident microscopes, by the package oirfile.

    That needs Python 3.12 or newer.

    Examples
    --------
    >>> from skfrap.io.readers import OIRReader
    >>> OIRReader().suffixes
    ('.oir',)
    """

    suffixes = (".oir",)
    _beginnings = (_MAGIC,)

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the images of a file, without decoding them.

        Parameters
        ----------
        path : path
            Of an OIR file.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        ImportError
            If oirfile is not installed.
        """
        with _opened(path) as oir:
            return int(np.prod([n for axis, n in oir.sizes.items() if axis not in "YX"], dtype=int))

    def read(self, path: str | os.PathLike[str], channel: int | None = None) -> Recording:
        """Read the frames of one file, and what it says of them.

        Parameters
        ----------
        path : path
            OIR file with at least one image.
        channel : int, default=None
            Which channel, from 0; needed where there are several.

        Returns
        -------
        Recording

        Raises
        ------
        ValueError
            If the file is damaged or incomplete, or holds something else than one series of images.
        ImportError
            If oirfile is not installed.
        """
        path = Path(path)
        with _opened(path) as oir:
            return _read(oir, path, channel)


@contextmanager
def _opened(path):
    path = Path(path)
    oirfile = import_for(path, "oirfile", ", with Python 3.12 or newer")
    if not begins_with(path, _MAGIC):
        raise FileError(f"{path} does not begin as OIR files do; copy or export it again.")
    _check_blocks(path)
    with reading(path), quietly("oirfile"), oirfile.OirFile(path) as oir:
        yield oir


def _check_blocks(path):
    """Raise ValueError unless all blocks that a file lists are in it; the library skips others."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(48)
        declared, place = struct.unpack_from("<QQ", head, 32) if len(head) == 48 else (0, 0)
        if not 48 <= place < declared <= size or declared - place > _MOST_INDEX:
            raise _damaged(path, "its list of blocks is not in it")
        file.seek(place)
        index = file.read(declared - place)
        offsets = np.frombuffer(index, "<u8", (len(index) - 4) // 8, 4)
        if index[:4] != b"\xff\xff\xff\xff" or not len(offsets):
            raise _damaged(path, "its list of blocks cannot be read")
        # What follows a zero, or an offset beyond the end, is no list any more.
        ends = np.flatnonzero((offsets == 0) | (offsets > declared))
        for offset in offsets[: ends[0] if len(ends) else None].tolist():
            file.seek(offset)
            head = file.read(8)
            if len(head) < 8 or offset + 8 + struct.unpack("<II", head)[0] > size:
                raise _damaged(path, "a block does not fit into its place")


def _damaged(path, why):
    return FileError(f"{path} is damaged or not whole, {why}; copy it again.")


def _check_frames(oir, sizes, path):
    """Raise ValueError where frames differ in size; return what is to be known of their number."""
    n_texts, counted = 0, None
    for texts in oir.xml_metadata.values():
        for text in texts:
            root = parsed_xml(text, path)
            if "frameProperties" in text[:400]:
                found, n_texts = {}, n_texts + 1
                for element in root.iter():
                    found.setdefault(_name(element), element.text)
                own = whole(found.get("height")), whole(found.get("width"))
                if own != (sizes["Y"], sizes["X"]):
                    raise _damaged(path, "its frames differ in size")
            for axis in root.iter():
                parts = {_name(one): (one.text or "").strip() for one in axis}
                if _name(axis) == "axis" and parts.get("axis") == "TIMELAPSE":
                    counted = whole(parts.get("maxSize")) or counted
    n_frames, n_channels = sizes.get("T", 1), sizes.get("C", 1)
    if counted != n_frames or n_texts not in (n_frames, n_frames * n_channels):
        counts = f"{counted} frames, and describes {n_texts}"
        words = f"the header counts {counts}, and the file holds {n_frames}"
        return [Finding.of("image_count_disagrees", words)] if n_frames > 1 else []
    return []


def _name(element):
    return element.tag.rpartition("}")[2]


def _read(oir, path, channel):
    sizes = {axis: int(n) for axis, n in oir.sizes.items()}
    if not sizes or oir.is_linescan or "S" in sizes or {"Y", "X"} - {*sizes}:
        raise FileError(f"{path} holds no series of grey images ({sizes}); export it as OME-TIFF.")
    refuse_axes(sizes, path)
    findings = _check_frames(oir, sizes, path)
    n_channels, n_frames = sizes.get("C", 1), sizes.get("T", 1)
    named = [one.name or f"channel {k}" for k, one in enumerate(oir.channels)]
    names = named if len(named) == n_channels else [f"channel {k}" for k in range(n_channels)]
    chosen = chosen_channel(names, channel, path)
    check_memory(oir.nbytes, path, os.path.getsize(path))
    images = np.asarray(oir.asarray())
    axes = [axis for axis in sizes if axis in "TC"]
    if "C" in axes:
        images = images.take(chosen, axis=axes.index("C"))
    frames = images.reshape(n_frames, sizes["Y"], sizes["X"])
    frames = np.ascontiguousarray(frames, frames.dtype.newbyteorder("="))
    times, stamps = (None, ""), oir.timestamps
    if n_frames > 1 and stamps is not None and len(stamps) == n_frames:
        times = checked_times(stamps, "OIR time stamps of the frames")
    elif n_frames > 1 and stamps is not None and len(stamps):
        times = (None, f"OIR time stamps are {len(stamps)} for {n_frames} frames")
    x, y = (number(oir.coord_scales.get(axis)) for axis in "XY")
    room = 8 * frames.dtype.itemsize
    bits = int(oir.bitspersample or room)
    settings = {}
    if oir.scanner is not None:
        settings["scanner"] = (str(oir.scanner.type), "OIR scannerType")
    return Recording(
        frames=frames,
        pixel_size_um=square_pixel(x, y, "OIR pixel length") if x else (None, ""),
        times_s=times,
        bit_depth=None if frames.dtype.kind == "f" else min(max(bits, 1), room),
        findings=findings,
        channels=names,
        acquisition=settings,
        start=str(oir.datetime or ""),
    )
