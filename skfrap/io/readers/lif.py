"""Leica's LIF, XLEF and LOF files: series by name, time stamps, and the settings of each."""

import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from skfrap.io._bleaching import BleachingRecord
from skfrap.io._file_frames import FileFrames
from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers import _lif_metadata as told
from skfrap.io.readers._stated import checked_times
from skfrap.io.readers._vendors import (
    FileError,
    KnownByFirstBytes,
    begins_with,
    chosen_channel,
    chosen_series,
    import_for,
    reading,
    refuse_axes,
)
from skfrap.results import Finding

__all__ = ["LIFReader"]

_BINARY = b"\x70\0\0\0"  # of LIF and LOF; XLEF are texts
_MOST_NAMES = 10_000
_PADDING = 4  # bytes at the end of a row


class LIFReader(KnownByFirstBytes):
    """Read LIF, XLEF and LOF files of Leica microscopes, by the package liffile.

    A file holds many series: choose one by `series`, or join the parts of an experiment, which LAS
    keeps as series named Pre, Bleach and Pb. Frames stay in the file until they are indexed.

    Examples
    --------
    >>> from skfrap.io.readers import LIFReader
    >>> LIFReader().suffixes
    ('.lif', '.xlef', '.lof')
    """

    suffixes = (".lif", ".xlef", ".lof")

    def _knows(self, path):
        if begins_with(path, _BINARY):
            return True
        with open(path, "rb") as file:
            head = file.read(400)
        return b"LMSDataContainerHeader" in head.replace(b"\0", b"")

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the images of all series in a file.

        Parameters
        ----------
        path : path
            Of a file of Leica's.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        ImportError
            If liffile is not installed.
        """
        with _opened(path) as images:
            return sum(max(1, told.sizes_of(image.xml_element).get("T", 1)) for image in images)

    def series_names(self, path: str | os.PathLike[str]) -> list[str]:
        """List the series of a file by their names, with those of the folders that they are in.

        Parameters
        ----------
        path : path
            Of a file of Leica's.

        Returns
        -------
        list of str

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        ImportError
            If liffile is not installed.
        """
        with _opened(path) as images:
            return [image.path for image in images]

    def read(
        self,
        path: str | os.PathLike[str],
        channel: int | None = None,
        series: int | str | None = None,
    ) -> Recording:
        """Read the frames of one series, and what the file says of them.

        Parameters
        ----------
        path : path
            File of Leica's with at least one image.
        channel : int, default=None
            Which channel, from 0; needed where there are several.
        series : int or str, default=None
            Which series; needed where there are several.

        Returns
        -------
        Recording

        Raises
        ------
        ValueError
            If the file is damaged or incomplete, or the series is no series of grey images.
        ImportError
            If liffile is not installed.
        """
        path = Path(path)
        with _opened(path) as images:
            image = images[chosen_series([one.path for one in images], series, path)]
            return _read(image, path, channel)


@contextmanager
def _opened(path):
    """Give the images of a file; whatever is wrong with it is said in words."""
    path = Path(path)
    liffile = import_for(path, "liffile")
    with reading(path), liffile.LifFile(path) as file:
        images = [image for image in file.images if not image.is_flim]
        if len(images) > _MOST_NAMES:
            raise FileError(f"{path} is damaged, it names {len(images)} series.")
        images = [one for one in images if {"X", "Y"} <= {*told.sizes_of(one.xml_element)}]
        if not images:
            raise FileError(f"{path} holds no images, or has lost what says of them.")
        yield images


def _read(image, path, channel):
    element = image.xml_element
    sizes, channels = told.sizes_of(element), told.channels_of(element)
    refuse_axes({axis: n for axis, n in sizes.items() if axis != "C"}, path)
    if not channels:
        raise FileError(f"{path} has lost what says of the channels of {image.path!r}.")
    if any(one.tag for one in channels) and len(channels) == 3:
        raise FileError(f"{path}: {image.path!r} is a colour image, expected intensities.")
    chosen = chosen_channel([one.name for one in channels], channel, path)
    frames, findings = _frames(image, path, sizes, channels, chosen)
    n_frames = len(frames)
    times, interval, start = _clock(element, n_frames, len(channels), chosen)
    pixel = told.pixel_size(element)
    settings = told.acquisition_of(element)
    regions = told.regions_of(element, frames.shape[1:], pixel[0])
    bits = channels[chosen].bits
    return Recording(
        frames=frames,
        pixel_size_um=pixel,
        times_s=times,
        interval_s=interval,
        clocks=[interval] if interval[0] and n_frames > 1 else [],
        bit_depth=None if frames.dtype.kind == "f" else bits,
        findings=findings,
        bleaching=BleachingRecord(regions=regions),
        channels=[one.name for one in channels],
        acquisition=settings,
        start=start,
    )


def _clock(element, n_frames, n_channels, chosen):
    """Return the times of the frames, their interval by the axis of time, and the first date."""
    interval = told.interval_of(element)
    stamps = told.time_stamps(element)
    source = "LIF time stamps"
    if stamps is None or len(stamps) == 0:
        return (None, ""), interval, ""
    start = told.date_of(stamps[0])
    per_frame, rest = divmod(len(stamps), n_frames)
    if rest or not per_frame:
        words = f"{source} are {len(stamps)} for {n_frames} frames"
        return (None, words), interval, start
    # Of channels that are recorded one after the other each frame has a stamp of its own.
    own = stamps[(chosen if per_frame == n_channels else 0) :: per_frame]
    if n_frames == 1:
        return (None, ""), (None, ""), start
    return checked_times((own - own[0]) * 1e-7, source), interval, start


def _frames(image, path, sizes, channels, chosen):
    """Return the frames of one channel, in the file where they can stay there."""
    block, place = image.memory_block, path
    if block.frames:
        if len(block.frames) != 1 or not block.frames[0].file.lower().endswith(".lof"):
            return _of_other_files(image, path, sizes, channels, chosen), []
        place = Path(image.parent.dirname, block.frames[0].file)
        if not place.is_file():
            raise FileError(
                f"{path} has its images in {block.frames[0].file}, which is not beside it; copy "
                "that as well."
            )
        import liffile

        with reading(place), liffile.LifFile(place) as lof:
            block = next(iter(lof.memory_blocks.values()))
    steps = told.steps_of(image.xml_element)
    one = channels[chosen]
    n_frames, ny, nx = sizes.get("T", 1), sizes["Y"], sizes["X"]
    if not 0 < n_frames <= 10**7:
        raise FileError(f"{path} is damaged, {image.path!r} has {n_frames} frames.")
    starts = one.offset + steps.get("T", 0) * np.arange(n_frames, dtype=np.int64)
    span = (ny - 1) * steps["Y"] + (nx - 1) * steps["X"] + one.dtype.itemsize
    if starts.min() < 0 or starts.max() + span > block.size:
        raise FileError(
            f"{path} is damaged or not whole: {image.path!r} takes {starts.max() + span} bytes, "
            f"and has {block.size}; copy it again."
        )
    if n_frames > 1 and steps["T"] < min(span, block.size // n_frames):
        raise FileError(f"{path} is damaged, images of {image.path!r} stand in each other's place.")
    frames = FileFrames(place, block.offset + starts, (ny, nx), one.dtype, (steps["Y"], steps["X"]))
    findings = []
    taken = sum(each.dtype.itemsize for each in channels) * n_frames * ny * nx
    if not taken <= block.size < taken + max(_PADDING * n_frames * ny, taken // n_frames):
        words = f"{image.path!r} takes {taken} bytes by its header, and has {block.size}"
        findings = [Finding.of("image_count_disagrees", words)]
    return frames, findings


def _of_other_files(image, path, sizes, channels, chosen):
    """Return frames that are in picture files beside the file."""
    names = [axis for axis in image.dims if axis in "TCYX"]
    check_memory(image.nbytes, path)
    frames = np.asarray(image.asarray())
    if frames.ndim != len(names) or (len(channels) > 1 and "C" not in names):
        raise FileError(f"{path}: {image.path!r} is in pictures of a kind that is not known.")
    if "C" in names:
        frames = frames.take(chosen, axis=names.index("C"))
        names.remove("C")
    frames = frames if "T" in names else frames[np.newaxis]
    order = [(["T"] * ("T" not in names) + names).index(axis) for axis in "TYX"]
    frames = np.ascontiguousarray(frames.transpose(order))
    return frames.astype(frames.dtype.newbyteorder("="), copy=False)
