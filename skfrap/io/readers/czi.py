"""CZI files of Zeiss microscopes: frames where they stand, times, and what was bleached when."""

import os
from pathlib import Path

import numpy as np

from skfrap.io._bleaching import BleachEvent, BleachingRecord, frames_before
from skfrap.io._file_frames import FileFrames
from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers import _czi_metadata as told
from skfrap.io.readers._czi_codecs import decode
from skfrap.io.readers._czi_container import COLOURS, MAGIC, PIXELS, CZIContainer, events
from skfrap.io.readers._czi_container import time_stamps as listed_times
from skfrap.io.readers._stated import checked_times, parse_dates, seconds_between
from skfrap.io.readers._vendors import (
    FileError,
    KnownByFirstBytes,
    chosen_channel,
    chosen_series,
    parsed_xml,
    reading,
    refuse_axes,
    text_at,
)
from skfrap.results import Finding

__all__ = ["CZIReader"]

_START, _END = 2, 3  # of bleaching, among the events
_DAY = 86400.0


class CZIReader(KnownByFirstBytes):
    """Read CZI files of Zeiss microscopes.

    Frames that are not compressed stay in the file until they are indexed. Times are those of the
    list of time stamps, with the gap at bleaching. Of the list of events, of ZEN's settings and of
    the regions that were drawn it gives what is known of bleaching.

    Examples
    --------
    >>> from skfrap.io.readers import CZIReader
    >>> CZIReader().suffixes
    ('.czi',)
    """

    suffixes = (".czi",)
    _beginnings = (MAGIC,)

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the images of a file, without decoding them.

        Parameters
        ----------
        path : path
            Of a CZI file.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        """
        path = Path(path)
        with reading(path), path.open("rb") as file:
            return sum(one.is_whole for one in CZIContainer(file, path).blocks)

    def series_names(self, path: str | os.PathLike[str]) -> list[str]:
        """List the series of a file: its scenes.

        Parameters
        ----------
        path : path
            Of a CZI file.

        Returns
        -------
        list of str

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        """
        path = Path(path)
        with reading(path), path.open("rb") as file:
            return [name for _, name in _scenes(CZIContainer(file, path).blocks)]

    def read(
        self,
        path: str | os.PathLike[str],
        channel: int | None = None,
        series: int | str | None = None,
    ) -> Recording:
        """Read the frames of one file, and what it says of them.

        Parameters
        ----------
        path : path
            CZI file with at least one image.
        channel : int, default=None
            Which channel, from 0; needed where there are several.
        series : int or str, default=None
            Which scene; needed where there are several.

        Returns
        -------
        Recording

        Raises
        ------
        ValueError
            If the file is damaged or incomplete, or holds something else than one series of images.
        ImportError
            If its images are compressed and imagecodecs is not installed.
        """
        path = Path(path)
        with reading(path), path.open("rb") as file:
            return _read(CZIContainer(file, path), path, channel, series)


def _scenes(blocks):
    """Return the scenes of a file: the number of each, and its name."""
    scenes = sorted({block.places.get("S", 0) for block in blocks if block.is_whole})
    return [(scene, f"scene {scene}" if len(scenes) > 1 else "") for scene in scenes]


def _read(container, path, channel, series):
    root = parsed_xml(container.metadata(), path)
    scenes = _scenes(container.blocks)
    if not scenes:
        raise FileError(f"{path} holds no images at full resolution.")
    scene = scenes[chosen_series([name for _, name in scenes], series, path)][0]
    blocks = [b for b in container.blocks if b.is_whole and b.places.get("S", 0) == scene]
    elements = told.channels_of(root)
    numbers = sorted({block.places.get("C", 0) for block in blocks})
    names = [
        _name_of(elements[k]) if k < len(elements) else f"channel {k}" for k in range(len(numbers))
    ]
    chosen = chosen_channel(names, channel, path)
    element = elements[chosen] if chosen < len(elements) else None
    blocks = _in_time([b for b in blocks if b.places.get("C", 0) == numbers[chosen]], path)
    frames = _frames(container, blocks, path)
    n_frames, *shape = frames.shape
    pixel = told.pixel_size(root)
    attached = container.attachments()
    clocks, times, zero = _clocks(container, attached, blocks, n_frames, numbers, chosen)
    interval = told.interval_of(root)
    bleaching, findings = _bleaching(
        root, attached, times[0], zero, shape, pixel[0], told.frame_scan(element)
    )
    findings = [*_lacking(root, n_frames), *findings]
    bits = told.bits_of(root)
    stored = frames.dtype
    return Recording(
        frames=frames,
        pixel_size_um=pixel,
        times_s=times,
        interval_s=interval,
        clocks=[*clocks, *([interval] if interval[0] else [])],
        bit_depth=_bits(bits, stored),
        findings=findings,
        bleaching=bleaching,
        channels=names,
        acquisition=told.acquisition_of(root, element),
        # Seconds since the microscope was switched on are finer than dates in whole seconds.
        info={} if zero is None else {"first_stamp_s": zero},
        start=told.date_of(root),
    )


def _name_of(element):
    name = element.get("Name") or "channel"
    dye = text_at(element, "Fluor")
    return f"{name} ({dye})" if dye and dye != name else name


def _bits(bits, dtype):
    if dtype.kind == "f":
        return None
    room = 8 * dtype.itemsize
    return bits if bits and 0 < bits <= room else room


def _in_time(blocks, path):
    """Return the one block of each point in time, in order."""
    if any(block.pixel_type in COLOURS for block in blocks):
        raise FileError(
            f"{path} is a colour image, expected intensities; export the raw channel, without "
            "lookup table or overlay."
        )
    sizes = {}
    for axis in {axis for block in blocks for axis in block.sizes} - {"X", "Y", "T", "C", "S"}:
        ends = [b.places.get(axis, 0) + max(1, b.sizes.get(axis, 1)) for b in blocks]
        sizes[axis] = max(ends) - min(b.places.get(axis, 0) for b in blocks)
    refuse_axes(sizes, path)
    if any(block.sizes.get(axis, 1) != 1 for block in blocks for axis in ("T", "C")):
        raise FileError(f"{path} keeps several frames in one block, which is not known; export it.")
    moments = [block.places.get("T", 0) for block in blocks]
    first = min(moments)
    if sorted(moments) != [*range(first, first + len(moments))]:
        raise FileError(
            f"{path} is damaged or holds something else than a series: of its {len(moments)} "
            f"images {len(set(moments))} points in time are different, up to {max(moments)}; copy "
            "it again, or export one series."
        )
    blocks = sorted(blocks, key=lambda block: block.places.get("T", 0))
    kinds = {(b.pixel_type, b.compression, b.sizes.get("Y"), b.sizes.get("X"),
              b.places.get("Y"), b.places.get("X")) for b in blocks}  # fmt: skip
    if len(kinds) > 1:
        raise FileError(f"{path} is damaged or no series: its frames differ in size or kind.")
    return blocks


def _frames(container, blocks, path):
    first = blocks[0]
    ny, nx = first.sizes.get("Y", 0), first.sizes.get("X", 0)
    dtype = PIXELS.get(first.pixel_type)
    if dtype is None or min(ny, nx) < 1:
        raise FileError(
            f"{path} holds pixels of type {first.pixel_type} in {ny} rows of {nx}, expected grey "
            "ones; export intensities."
        )
    dtype = np.dtype(dtype)
    n_bytes = ny * nx * dtype.itemsize
    parts = [container.pixels_of(block) for block in blocks]
    if first.compression == 0:
        if any(stored != n_bytes for _, stored in parts):
            raise FileError(f"{path} is damaged, images have not {ny} rows of {nx}; copy it again.")
        starts = np.array([start for start, _ in parts])
        if (np.diff(np.sort(starts)) < n_bytes).any():
            raise FileError(f"{path} is damaged, images stand in each other's place.")
        return FileFrames(path, starts, (ny, nx), dtype)
    check_memory(len(parts) * n_bytes, path, container.size)
    frames = np.empty((len(parts), ny, nx), dtype.newbyteorder("="))
    for frame, (start, stored) in zip(frames, parts, strict=True):
        packed = container.content(start, stored)
        frame[:] = decode(packed, first.compression, dtype, (ny, nx), path)
    return frames


def _clocks(container, attached, blocks, n_frames, numbers, chosen):
    """Return all clocks of a file, the times that are taken, and their first stamp.

    Stamps count seconds from when the controller was started, and some programs write days instead:
    dates beside the images tell which.
    """
    dates = _dates(container, blocks)
    stamps = listed_times(attached["TimeStamps"]) if "TimeStamps" in attached else None
    source = "CZI time stamps"
    if stamps is not None and len(stamps) == n_frames * len(numbers) > n_frames:
        stamps = stamps[chosen :: len(numbers)]
    if stamps is None or len(stamps) != n_frames:
        words = "" if stamps is None else f"{source} are {len(stamps)} for {n_frames} frames"
        if dates is not None:
            return [], checked_times(dates, "CZI AcquisitionTime of the images"), None
        return [], (None, words), None
    clocks = [] if dates is None else [(dates, "CZI AcquisitionTime of the images")]
    if dates is not None and n_frames > 1:
        by_stamps, by_dates = stamps[-1] - stamps[0], dates[-1] - dates[0]
        if by_stamps > 0 and abs(by_dates / (_DAY * by_stamps) - 1) < 0.05:
            stamps, source = _DAY * stamps, f"{source} (in days)"
    if n_frames == 1:
        return clocks, (None, ""), float(stamps[0])
    return clocks, checked_times(stamps, source), float(stamps[0])


def _dates(container, blocks):
    """Return the times of the images by the dates that stand beside each, or None."""
    found = []
    for block in blocks:
        text = container.text_of(block)
        _, tag, rest = text.partition("<AcquisitionTime>")
        if not tag:
            return None
        found.append(rest.partition("<")[0])
    moments, _ = parse_dates(found)
    return None if moments is None or len(moments) < 2 else seconds_between(moments)


def _bleaching(root, attached, times, zero, shape, pixel, scan):
    """Return what is known of bleaching, and what is to be known of that."""
    n_set, cycles = told.bleach_setup(root)
    occurred = _events(attached, zero, cycles)
    findings, number = [], (None, "")
    if occurred and times is not None:
        seen = frames_before(occurred[0], times)
        words = "CZI event list"
        if n_set == seen:
            words += " and BleachSetup"
        elif n_set is not None:
            words += f"; BleachSetup says {n_set}"
        number = (seen, words) if 0 < seen < len(times) else (None, "")
    regions = told.regions_of(root, shape, pixel, bool(occurred))
    return BleachingRecord(number, regions, occurred, scan), findings


def _events(attached, zero, cycles):
    """Return the times of bleaching, on the clock of the frames."""
    listed = events(attached["EventList"]) if "EventList" in attached else None
    if not listed or zero is None:
        return []
    found, begun = [], None
    for moment, kind, _ in sorted(listed):
        if kind == _START:
            begun = moment
        elif kind == _END and begun is not None and np.isfinite([begun, moment]).all():
            found.append(BleachEvent(begun - zero, moment - zero, "CZI event list", cycles))
            begun = None
    return found


def _lacking(root, n_frames):
    """Return a finding where the XML counts other frames than there are."""
    counted = told.n_frames_of(root)
    if counted in (None, n_frames):
        return []
    words = f"the header counts {counted} points in time, and the file holds {n_frames} images"
    return [Finding.of("image_count_disagrees", words)]
