"""LSM files of Zeiss and STK files of MetaMorph: kinds of TIFF that know when frames were taken."""

import os
import struct
from pathlib import Path

import numpy as np

from skfrap.io._bleaching import BleachEvent, BleachingRecord, frames_before
from skfrap.io._file_frames import FileFrames
from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers._lsm_overlays import regions_of
from skfrap.io.readers._stated import (
    UM_PER_UNIT,
    checked_times,
    square_pixel,
    unit_factor,
)
from skfrap.io.readers._tiff_scan import begins_as_tiff, scan_pages
from skfrap.io.readers._tiff_series import decoding, import_tifffile
from skfrap.io.readers._vendors import (
    FileError,
    KnownByFirstBytes,
    chosen_channel,
    number,
    quietly,
    reading,
    refuse_axes,
    whole,
)
from skfrap.results import Finding

__all__ = ["LSMReader", "STKReader"]

_LSM, _STK = 34412, 33629  # the tags by which they are known
_REDUCED = 1
_MOST_BYTES = 2**32
_START, _END = 2, 3  # of bleaching, among the events
_BITS = {1: 8, 2: 12, 5: 32}
_SCAN = {
    "objective": "Objective",
    "zoom": "ZoomX",
    "averaging": "Averaging",
    "scan mode": "ScanMode",
}


class _TIFFKind(KnownByFirstBytes):
    """What the two have in common: the page that tells them from other TIFF files."""

    _tag = 0

    def _knows(self, path):
        return begins_as_tiff(Path(path)) and self._tag in _tags_of(path)


class LSMReader(_TIFFKind):
    """Read LSM files of Zeiss microscopes, by the package tifffile.

    Frames that are not compressed stay in the file until they are indexed.

    Examples
    --------
    >>> from skfrap.io.readers import LSMReader
    >>> LSMReader().suffixes
    ('.lsm',)
    """

    suffixes = (".lsm",)
    _tag = _LSM

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the images of a file, thumbnails left out.

        Parameters
        ----------
        path : path
            Of an LSM file.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        """
        return len(scan_pages(Path(path)).pages)

    def read(self, path: str | os.PathLike[str], channel: int | None = None) -> Recording:
        """Read the frames of one file, and what it says of them.

        Parameters
        ----------
        path : path
            LSM file with at least one image.
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
            If tifffile is not installed, or imagecodecs where images are compressed.
        """
        path = Path(path)
        scan = scan_pages(path)
        if scan.file_bytes > _MOST_BYTES:
            raise FileError(
                f"{path} has more than 4 GB, where places in LSM files are not unique any more; "
                "save it as CZI, or crop it."
            )
        tifffile = import_tifffile()
        with reading(path), quietly("tifffile"), tifffile.TiffFile(path) as tif:
            info = tif.lsm_metadata
            if not info:
                raise FileError(f"{path} has lost what says that it is an LSM file; export it.")
            return _read_lsm(tif, info, scan, path, channel)


class STKReader(_TIFFKind):
    """Read STK files of MetaMorph, by the package tifffile.

    Frames that are not compressed stay in the file until they are indexed.

    Examples
    --------
    >>> from skfrap.io.readers import STKReader
    >>> STKReader().suffixes
    ('.stk',)
    """

    suffixes = (".stk",)
    _tag = _STK

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the planes of a file.

        Parameters
        ----------
        path : path
            Of an STK file.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        """
        path = Path(path)
        scan_pages(path)
        return max(1, _tags_of(path).get(_STK, 1))

    def read(self, path: str | os.PathLike[str], channel: int | None = None) -> Recording:
        """Read the frames of one file, and what it says of them.

        Parameters
        ----------
        path : path
            STK file with at least one image.
        channel : int, default=None
            Only 0 can be chosen.

        Returns
        -------
        Recording

        Raises
        ------
        ValueError
            If the file is damaged or incomplete, or holds something else than one series of images.
        ImportError
            If tifffile is not installed.
        """
        path = Path(path)
        scan_pages(path)
        tifffile = import_tifffile()
        chosen_channel([], channel, path)
        with reading(path), quietly("tifffile"), tifffile.TiffFile(path) as tif:
            if not tif.stk_metadata:
                raise FileError(f"{path} has lost what says that it is an STK file; export it.")
            return _read_stk(tif, tif.stk_metadata, path)


def _tags_of(path):
    """Return the tags of the first page: how many values each has, by its number."""
    with open(path, "rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        if len(head) < 16 or struct.unpack_from(f"{order}H", head, 2)[0] != 42:
            return {}
        file.seek(struct.unpack_from(f"{order}I", head, 4)[0])
        count = file.read(2)
        n_tags = struct.unpack(f"{order}H", count)[0] if len(count) == 2 else 0
        content = file.read(12 * n_tags)
    found = {}
    for k in range(len(content) // 12):
        tag, _, n_values = struct.unpack_from(f"{order}HHI", content, 12 * k)
        found[tag] = n_values
    return found


def _read_lsm(tif, info, scan, path, channel):
    pages, first = scan.pages, tif.pages.first
    n_channels = int(first.samplesperpixel)
    sizes = {axis: int(info.get(f"Dimension{axis}") or 0) for axis in "ZPM"}
    refuse_axes(sizes, path)
    names = _names_of(info, n_channels)
    chosen = chosen_channel(names, channel, path)
    n_frames = int(info["DimensionTime"])
    findings = []
    stated = tuple(int(info.get(f"Dimension{axis}") or 0) for axis in "YX")
    if stated != (first.imagelength, first.imagewidth):
        raise FileError(f"{path} is damaged, its images are not of {stated} pixels; copy it again.")
    if n_frames != len(pages):
        words = f"the header counts {n_frames} frames, and the file holds {len(pages)} images"
        findings.append(Finding.of("image_count_disagrees", words))
    n_frames = len(pages)
    frames = _frames_of(tif, pages, n_channels, chosen, path)
    stamps = info.get("TimeStamps")
    interval = number(info.get("TimeIntervall"))
    interval = (interval, "LSM TimeIntervall") if interval and interval > 0 else (None, "")
    times, zero = (None, ""), None
    if stamps is not None and len(stamps) == n_frames > 1:
        times, zero = checked_times(stamps, "LSM time stamps"), float(stamps[0])
    elif stamps is not None and len(stamps) and n_frames > 1:
        times = (None, f"LSM time stamps are {len(stamps)} for {n_frames} frames")
    x, y = (number(info.get(f"VoxelSize{axis}")) for axis in "XY")
    pixel = (None, "")
    if x and x > 0:
        pixel = square_pixel(1e6 * x, 1e6 * y if y else None, "LSM VoxelSize")
    events = _events_of(info, zero)
    before = (None, "")
    if events and times[0] is not None:
        n_before = frames_before(events[0], times[0])
        before = (n_before, "LSM event list") if 0 < n_before < n_frames else before
    regions = regions_of(tif.filehandle, tif.filehandle.size, info)
    bits = _BITS.get(int(info.get("DataType") or 0))
    room = 8 * frames.dtype.itemsize
    return Recording(
        frames=frames,
        pixel_size_um=pixel,
        times_s=times,
        interval_s=interval,
        clocks=[interval] if interval[0] and n_frames > 1 else [],
        bit_depth=None if frames.dtype.kind == "f" else min(bits or room, room),
        findings=findings,
        bleaching=BleachingRecord(before, regions, events),
        channels=names,
        acquisition=_acquisition_of(info),
    )


def _frames_of(tif, pages, n_channels, chosen, path):
    """Return the frames of a channel, of the pages that were found to be whole."""
    first = tif.pages.first
    ny, nx = int(first.imagelength), int(first.imagewidth)
    dtype = np.dtype(first.dtype or "u1").newbyteorder(tif.byteorder)
    if dtype.kind not in "uif" or any(page.form != pages[0].form for page in pages):
        raise FileError(f"{path} is damaged or no series: its frames differ in size or kind.")
    n_bytes = ny * nx * dtype.itemsize
    apart = n_channels == 1 or first.planarconfig != 1
    if first.compression == 1 and apart and all(len(p.offsets) == n_channels for p in pages):
        if any(page.n_stored != n_channels * n_bytes for page in pages):
            raise FileError(f"{path} is damaged, images have not {ny} rows of {nx}; copy it again.")
        starts = [page.offsets[chosen] for page in pages]
        if (np.diff(np.sort(starts)) < n_bytes).any():
            raise FileError(f"{path} is damaged, images stand in each other's place.")
        return FileFrames(path, starts, (ny, nx), dtype)
    check_memory(len(pages) * n_bytes * n_channels, path, os.path.getsize(path))
    frames = np.empty((len(pages), ny, nx), dtype.newbyteorder("="))
    whole_pages = [page for page in tif.pages if not page.subfiletype & _REDUCED]
    if len(whole_pages) != len(pages):
        raise FileError(f"{path} is damaged, its images cannot be told from thumbnails.")
    with decoding(path):
        for frame, page in zip(frames, whole_pages, strict=True):
            image = page.asarray()
            if n_channels > 1:
                image = np.take(image, chosen, axis=0 if page.planarconfig == 2 else -1)
            frame[:] = image.reshape(ny, nx)
    return frames


def _names_of(info, n_channels):
    colours = info.get("ChannelColors") or {}
    names = [str(name).strip("\0 ") for name in colours.get("ColorNames", ())]
    return [names[k] if k < len(names) and names[k] else f"channel {k}" for k in range(n_channels)]


def _events_of(info, zero):
    """Return the times of bleaching, on the clock of the frames."""
    found, begun = [], None
    for moment, kind, _ in sorted(info.get("EventList") or ()) if zero is not None else ():
        if kind == _START:
            begun = moment
        elif kind == _END and begun is not None and np.isfinite([begun, moment]).all():
            found.append(BleachEvent(begun - zero, moment - zero, "LSM event list"))
            begun = None
    return found


def _acquisition_of(info):
    scan = info.get("ScanInformation") or {}
    found = {
        name: (str(scan[key]).strip("\0 "), f"LSM {key}") for name, key in _SCAN.items()
        if key in scan
    }  # fmt: skip
    return {name: stated for name, stated in found.items() if stated[0]}


def _read_stk(tif, info, path):
    page = tif.pages.first
    ny, nx = int(page.imagelength), int(page.imagewidth)
    dtype = np.dtype(page.dtype or "u1").newbyteorder(tif.byteorder)
    n_frames = int(info["NumberPlanes"])
    if page.compression != 1 or page.samplesperpixel != 1 or dtype.kind not in "uif":
        raise FileError(f"{path} holds images of a kind that is not known; export it as TIFF.")
    starts, counts = np.array(page.dataoffsets), np.array(page.databytecounts)
    n_bytes = ny * nx * dtype.itemsize
    if (starts[1:] != starts[:-1] + counts[:-1]).any() or counts.sum() != n_bytes:
        raise FileError(f"{path} is damaged, its images are not in one piece; copy it again.")
    if not 0 < n_frames <= os.path.getsize(path) // n_bytes + 1:
        raise FileError(f"{path} is damaged, it names {n_frames} images; copy it again.")
    frames = FileFrames(path, starts[0] + n_bytes * np.arange(n_frames), (ny, nx), dtype)
    times, findings = (None, ""), []
    n_room = (os.path.getsize(path) - int(starts[0])) // n_bytes
    if n_room > n_frames:
        words = f"the header counts {n_frames} frames, and the file has room for {n_room}"
        findings = [Finding.of("image_count_disagrees", words)]
    if n_frames > 1:
        dates = page.tags.valueof(_STK)
        seconds = 86400.0 * (dates["DateCreated"] - dates["DateCreated"][0].astype(float))
        times = checked_times(seconds + 1e-3 * dates["TimeCreated"], "STK TimeCreated")
        heights = np.asarray(info.get("ZDistance", 0))
        if times[0] is None and heights.any():
            refuse_axes({"Z": n_frames}, path)
    return Recording(
        frames=frames,
        pixel_size_um=_pixel_of(info),
        times_s=times,
        bit_depth=None if dtype.kind == "f" else whole(page.bitspersample),
        findings=findings,
        acquisition={} if not info.get("Name") else {"name": (str(info["Name"]), "STK Name")},
    )


def _pixel_of(info):
    sides = [number(info.get(f"{axis}Calibration")) for axis in "XY"]
    units = info.get("CalibrationUnits", "")
    factor = unit_factor(units, UM_PER_UNIT)
    if not factor or not sides[0] or sides[0] <= 0:
        return None, f"STK calibration is in {units!r}" if units and not factor else ""
    return square_pixel(sides[0] * factor, sides[1] and sides[1] * factor, "STK calibration")
