"""ND2 files of Nikon microscopes: frames, the time of each, regions and stimulation."""

import os
import warnings
import zlib
from pathlib import Path

import numpy as np

from skfrap.experiment import Circle, Ellipse, Polygon, Rectangle
from skfrap.io._bleaching import BleachEvent, BleachingRecord, DrawnRegion, frames_before
from skfrap.io._file_frames import FileFrames
from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers._nd2_chunks import MAGIC, STAMP, Chunks
from skfrap.io.readers._stated import checked_times, square_pixel
from skfrap.io.readers._vendors import (
    FileError,
    KnownByFirstBytes,
    begins_with,
    chosen_channel,
    import_for,
    number,
    reading,
    refuse_axes,
)
from skfrap.results import Finding

__all__ = ["ND2Reader"]

_LEGACY = b"\0\0\0\x0cjP  "  # before 2010, with JPEG 2000 inside
_PADDING = 8  # bytes at the end of a row
_PAGE = 4096  # bytes, in which chunks come
_STIMULATION = 4  # the purpose of a region, among Nikon's
_PURPOSES = {1: "analysis", 2: "analysis", 3: "analysis", _STIMULATION: "bleach"}


class ND2Reader(KnownByFirstBytes):
    """Read ND2 files of Nikon microscopes, by the package nd2.

    Frames that are not compressed stay in the file until they are indexed. Each image is looked for
    in the file's own list, as libraries put zeros where one is missing.

    Examples
    --------
    >>> from skfrap.io.readers import ND2Reader
    >>> ND2Reader().suffixes
    ('.nd2',)
    """

    suffixes = (".nd2",)
    _beginnings = (MAGIC,)

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the images of a file, without decoding them.

        Parameters
        ----------
        path : path
            Of an ND2 file.

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
            return len(Chunks(file, path).images()[0])

    def read(self, path: str | os.PathLike[str], channel: int | None = None) -> Recording:
        """Read the frames of one file, and what it says of them.

        Parameters
        ----------
        path : path
            ND2 file with at least one image.
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
            If nd2 is not installed.
        """
        path = Path(path)
        nd2 = import_for(path, "nd2")
        if begins_with(path, _LEGACY):
            raise FileError(
                f"{path} is an ND2 file from before 2010, which is not read; open and save it with "
                "NIS-Elements, or export it as OME-TIFF, which keeps times."
            )
        if not self.can_read(path):
            raise FileError(f"{path} does not begin as ND2 files do; copy or export it again.")
        with reading(path), path.open("rb") as file:
            chunks = Chunks(file, path)
            images = chunks.images()
            with warnings.catch_warnings(), nd2.ND2File(path) as opened:
                warnings.simplefilter("ignore")  # what it guesses is looked at here
                return _read(opened, chunks, images, path, channel)


def _read(opened, chunks, images, path, channel):
    sizes = {str(axis): int(n) for axis, n in opened.sizes.items()}
    refuse_axes({axis: n for axis, n in sizes.items() if axis != "C"}, path)
    about = opened.attributes
    described = _described(opened)
    n_channels = int(about.componentCount)
    names = [one.channel.name or f"channel {k}" for k, one in enumerate(described)]
    names = names if len(names) == n_channels else [f"channel {k}" for k in range(n_channels)]
    chosen = chosen_channel(names, channel, path)
    frames = _frames(about, chunks, images, chosen, path)
    n_frames = len(frames)
    findings = []
    if sizes.get("T", 1) != n_frames or int(about.sequenceCount) != n_frames:
        counted = max(sizes.get("T", 1), int(about.sequenceCount))
        words = f"the header counts {counted} frames, and the file holds {n_frames} images"
        findings = [Finding.of("image_count_disagrees", words)]
    times, zero = (None, ""), None
    stamps = chunks.times()
    if n_frames > 1 and stamps is not None and len(stamps) >= n_frames:
        times = checked_times(1e-3 * stamps[:n_frames], "ND2 acquisition times")
        zero = 1e-3 * float(stamps[0])
    pixel, settings = (None, ""), {}
    if described:
        volume = described[min(chosen, len(described) - 1)].volume
        if volume.axesCalibrated[0]:
            x, y = (number(one) for one in volume.axesCalibration[:2])
            x, y = (x, y) if x != 1.0 else (_calibration_of(opened, x), y)
            pixel = square_pixel(x, y, "ND2 calibration") if x and x > 0 else pixel
        settings = _acquisition_of(described[min(chosen, len(described) - 1)])
    events = _events_of(opened, zero, times[0])
    before = (None, "")
    if events and times[0] is not None:
        n_before = frames_before(events[0], times[0])
        before = (n_before, "ND2 events") if 0 < n_before < n_frames else before
    bits = int(about.bitsPerComponentSignificant)
    return Recording(
        frames=frames,
        pixel_size_um=pixel,
        times_s=times,
        bit_depth=bits if frames.dtype.kind == "u" else None,
        findings=findings,
        bleaching=BleachingRecord(before, _regions_of(opened, frames.shape[1:], pixel[0]), events),
        channels=names,
        acquisition=settings,
        start=_date_of(opened),
    )


def _described(opened):
    """Return what is said of each channel; nothing where the library cannot make sense of it."""
    try:
        return list(opened.metadata.channels or ())
    except Exception:  # frames and their times are the file's own, and do not depend on it
        return []


def _frames(about, chunks, images, chosen, path):
    starts, stored = images
    ny, nx, bits = int(about.heightPx), int(about.widthPx or 0), int(about.bitsPerComponentInMemory)
    n_channels, row = int(about.componentCount), int(about.widthBytes or 0)
    if bits not in (8, 16, 32) or min(ny, nx, n_channels) < 1 or about.tileWidthPx:
        raise FileError(
            f"{path} holds images of {ny} x {nx} pixels of {bits} bits, which are not read; export "
            "it as OME-TIFF, which keeps times."
        )
    dtype = np.dtype({8: "<u1", 16: "<u2", 32: "<f4"}[bits])
    steps = (row, n_channels * dtype.itemsize)
    span = (ny - 1) * row + nx * n_channels * dtype.itemsize
    if not nx * steps[1] <= row < nx * steps[1] + _PADDING:
        raise FileError(f"{path} is damaged, its rows are not as long as their pixels; copy it.")
    if about.compressionType is None:
        if (stored < STAMP + span).any() or (stored >= STAMP + span + row + _PAGE).any():
            raise FileError(
                f"{path} is damaged, an image has not {ny} rows of {nx}; copy it again."
            )
        places = starts + STAMP + chosen * dtype.itemsize
        if (np.diff(np.sort(starts)) < span).any():
            raise FileError(f"{path} is damaged, images stand in each other's place.")
        return FileFrames(path, places, (ny, nx), dtype, steps)
    if about.compressionType != "lossless":
        raise FileError(
            f"{path} is compressed with losses, which is no measurement; export it raw."
        )
    check_memory(len(starts) * ny * nx * dtype.itemsize, path, chunks.size)
    frames = np.empty((len(starts), ny, nx), dtype.newbyteorder("="))
    for frame, start, n_bytes in zip(frames, starts, stored, strict=True):
        packed = chunks.content(int(start), int(n_bytes))[STAMP:]
        content = zlib.decompressobj().decompress(packed, ny * row)
        if len(content) < span:
            raise FileError(f"{path} is damaged, an image unpacks to less than its pixels.")
        offset = chosen * dtype.itemsize
        frame[:] = np.ndarray((ny, nx), dtype, content, offset, steps)
    return frames


def _events_of(opened, zero, times):
    """Return when was stimulated, on the clock of the frames.

    An event is a moment: stimulation lasts at most until the next frame.
    """
    if zero is None or times is None:
        return []
    found = []
    for row in opened.events(orient="records", null_value=None):
        words = str(row.get("Events") or "")
        moment = number(row.get("Time [s]"))
        if moment is None or not any(one in words.lower() for one in ("stimul", "bleach")):
            continue
        found.append(moment - zero)
    if not found:
        return []
    later = times[times > found[0]]
    last = max(one for one in found if not len(later) or one <= later[0])
    return [BleachEvent(found[0], last, "ND2 events", None)]


def _calibration_of(opened, stated):
    """Return the pixel size that is in the file, where the library states 1 for none, too."""
    name = "ImageMetadataSeqLV|0"
    found = opened.unstructured_metadata(include={name}).get(name, {})
    return number(found.get("SLxPictureMetadata", {}).get("Calibration", stated))


def _regions_of(opened, shape, pixel):
    """Return the regions that were drawn; they are in µm from the middle of the image."""
    regions = []
    for one in (opened.rois or {}).values() if pixel else ():
        region = _region(one, shape, pixel)
        if region is not None:
            kind = _PURPOSES.get(int(one.info.interpType), "unknown")
            regions.append(DrawnRegion(region, kind, str(one.info.label or ""), "ND2 ROI"))
    return regions


def _region(one, shape, pixel):
    if not one.animParams:
        return None
    place = one.animParams[0]
    x = place.centerX / pixel + 0.5 * shape[1]
    y = place.centerY / pixel + 0.5 * shape[0]
    width, height = (side / pixel for side in place.boxShape[:2])
    kind = one.info.shapeType.name
    try:
        if kind in ("Circle", "Ellipse"):
            if abs(width - height) <= 1e-6 * max(width, height):
                return Circle(0.5 * width, (x, y))
            return Ellipse((0.5 * width, 0.5 * height), float(np.degrees(place.rotationZ)), (x, y))
        if kind in ("Rectangle", "Square") and not place.rotationZ:
            return Rectangle(width, height, (x, y))
        corners = place.extrudedShape.basePoints
        if kind == "Polygon" and len(corners) > 2:
            return Polygon(tuple((x + px / pixel, y + py / pixel) for px, py in corners))
    except (ValueError, TypeError, OverflowError):
        return None
    return None


def _acquisition_of(channel):
    scope = channel.microscope
    found = {
        "objective": scope.objectiveName,
        "objective NA": scope.objectiveNumericalAperture,
        "magnification": scope.objectiveMagnification,
        "zoom": scope.zoomMagnification,
        "pinhole, µm": scope.pinholeDiameterUm,
        "excitation, nm": channel.channel.excitationLambdaNm,
        "emission, nm": channel.channel.emissionLambdaNm,
    }
    return {
        name: (str(value), "ND2 metadata") for name, value in found.items() if value is not None
    }


def _date_of(opened):
    """Return the date and time of the first frame, ISO 8601, of its Julian day."""
    try:
        day = float(opened.frame_metadata(0).channels[0].time.absoluteJulianDayNumber)
        seconds = np.round((day - 2440587.5) * 86400e6)
        return str(np.datetime64(0, "us") + np.timedelta64(int(seconds), "us"))
    except (AttributeError, IndexError, TypeError, ValueError, OverflowError):
        return ""
