"""TIFF files, OME-TIFF and ImageJ hyperstacks: frames in the order of time, and what is said."""

import os
from pathlib import Path

import numpy as np

from skfrap._checks import Argument, ArgumentError
from skfrap.io._recording import NOT_STATED, Recording
from skfrap.io.readers import _tiff_tags as tags
from skfrap.io.readers._stated import first_stated
from skfrap.io.readers._tiff_scan import begins_as_tiff, scan_pages
from skfrap.io.readers._tiff_series import (
    check_ome,
    decoding,
    images_of,
    import_tifffile,
    named_by_imagej,
)

__all__ = ["TIFFReader"]

_TAKEN_AS_TIME = {
    "Z": "Z (slices), taken as time: the file has no time axis",
    "I": "pages in the order of the file, taken as time",
    "Q": "an unnamed axis of the file, taken as time",
}


class TIFFReader:
    """Read TIFF files, OME-TIFF and ImageJ hyperstacks.

    The first of all readers, and an implementation of :class:`Reader`. Files that end early or lack
    part of an image are refused, which libraries for TIFF forgive.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from skfrap.io import write_series
    >>> from skfrap.io.readers import TIFFReader
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "cell1.tif"
    >>> write_series(path, np.ones((3, 4, 5), np.uint8), pixel_size_um=0.5, frame_interval_s=2.0)
    >>> TIFFReader().read(path).interval_s
    (2.0, 'ImageJ frame interval')
    """

    suffixes = (".tif", ".tiff")

    def can_read(self, path: str | os.PathLike[str]) -> bool:
        """Tell whether a file begins as TIFF files do.

        Parameters
        ----------
        path : path
            Of a file.

        Returns
        -------
        bool
        """
        return begins_as_tiff(Path(path))

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the images of a file, without decoding them, after a check that it is whole.

        Parameters
        ----------
        path : path
            Of a TIFF file.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        """
        scan = scan_pages(Path(path))
        # ImageJ writes large stacks as one page, with the other images after it.
        n_after = scan.room if len(scan.pages) == 1 else 0
        return len(scan.pages) if n_after == 0 else max(1, min(named_by_imagej(scan), 1 + n_after))

    def read(self, path: str | os.PathLike[str], channel: int | None = None) -> Recording:
        """Read the frames of one file and what it says of them.

        Parameters
        ----------
        path : path
            TIFF, OME-TIFF or ImageJ file with at least one image.
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
            If tifffile is not installed, or imagecodecs where packed or compressed data need it.
        """
        path = Path(path)
        scan = scan_pages(path)
        tifffile = import_tifffile()
        with decoding(path):
            tif = tifffile.TiffFile(path)
        with tif:
            with decoding(path):
                ome = tif.ome_metadata if tif.is_ome else None
                imagej = (tif.imagej_metadata or {}) if tif.is_imagej else {}
            if ome is not None:
                check_ome(ome, len(scan.pages), path)
            images, axes, series, findings = images_of(tif, scan, path)
            x, y, unit = (series.keyframe.tags.valueof(code) for code in (282, 283, 296))
            resolution = x
            x, y = _per_pixel(x), _per_pixel(y)
            bits = series.keyframe.bitspersample
            with decoding(path):
                pixels = None if ome is None else tags.ome_pixels(ome, series.name)
        if images.dtype.kind not in "uif":
            raise ValueError(
                f"{path} holds pixels of type {images.dtype}, expected integers or floats; export "
                "intensities."
            )
        dates, shape = [page.date for page in scan.pages], images.shape
        frames, axis = time_first(images, axes, channel, path)
        n_frames = len(frames)
        stored = tags.stored_by_skfrap(imagej)
        interval = tags.imagej_interval(imagej)
        ome_pixel = ome_clock = NOT_STATED
        clocks = [interval]
        if pixels is not None:
            ome_pixel = tags.ome_pixel(pixels)
            if axis in "TZ":
                of_planes = tags.ome_delta_t(pixels, axis or "T", n_frames, channel or 0)
                increment = tags.ome_increment(pixels)
                ome_clock = tags.ome_clock(of_planes, increment, n_frames)
                clocks += [of_planes, increment]
                if not stored:
                    findings = [*findings, *tags.judge_ome_clock(pixels, ome_clock[0])]
        pixel = first_stated(
            (
                ome_pixel,
                tags.imagej_pixel(imagej, x, y, resolution, stored),
                tags.pixel_from_resolution(x, y, unit),
            )
        )
        return Recording(
            frames=frames,
            pixel_size_um=tags.exact_pixel(pixel, stored),
            times_s=first_stated((tags.stored_clock(stored, n_frames, interval), ome_clock)),
            interval_s=interval,
            clocks=[clock for clock in clocks if clock[0] is not None],
            dates=_dates_of_frames(dates, shape, axes, channel, path),
            bit_depth=_bit_depth(bits, pixels, images.dtype),
            time_axis=_TAKEN_AS_TIME.get(axis, ""),
            info=stored["info"] if stored else tags.foreign_info(imagej),
            findings=[*findings, *tags.judge_interval(imagej)],
        )


def time_first(images, axes, channel, path):
    """Arrange images as (n_frames, ny, nx).

    Parameters
    ----------
    images : ndarray
        Images with one axis per letter of `axes`.
    axes : str
        tifffile's letters: Y, X, T time, Z depth, C channel, S sample of a colour, I page, Q other.
    channel : int or None
        Which channel, from 0.
    path : Path
        For messages.

    Returns
    -------
    frames : ndarray of shape (n_frames, ny, nx)
    axis : str
        The letter of the axis taken as time, '' for a single image.

    Raises
    ------
    ValueError
        If it takes a guess to say which axis is time, or which channel is meant.
    """
    lengths = dict(zip(axes, images.shape, strict=True))
    if lengths.get("S", 1) > 1:
        raise ValueError(
            f"{path} is a colour image ({lengths['S']} samples per pixel), expected intensities; "
            "export the raw channel, without lookup table or overlay."
        )
    n_channels = lengths.get("C", 1)
    if channel is None and n_channels > 1:
        raise ArgumentError(
            f"{path} has {n_channels} channels; say which with ",
            Argument("channel", f"channel=0 … {n_channels - 1}", f"0 … {n_channels - 1}"),
            ", or re-order the hyperstack in ImageJ if they are points in time.",
        )
    if channel is not None and not 0 <= channel < n_channels:
        raise ValueError(
            f"channel must be from 0 to {n_channels - 1} for {path}, which has {n_channels} of "
            f"them, got channel={channel}."
        )
    if "C" in lengths:
        images = images.take(channel or 0, axis=axes.index("C"))
        axes = axes.replace("C", "")
    long = [axis for axis in axes if axis not in "YX" and lengths[axis] > 1]
    described = ", ".join(f"{axis}={lengths[axis]}" for axis in long)
    if len(axes) > len(set(axes)) or len(long) > 1:
        raise ValueError(
            f"{path} has more than one axis besides Y and X ({described}), expected time alone; "
            "project or pick one depth, position or block, and save it as a time series."
        )
    if "Y" not in axes or "X" not in axes or (long and long[0] not in "TZIQ"):
        raise ValueError(
            f"{path} has axes {axes} ({described}), expected T, Y and X; export it as a time "
            "series."
        )
    single = [axis for axis in axes if axis not in "YX" and axis not in long]
    images = images.squeeze(axis=tuple(axes.index(axis) for axis in single))
    axes = "".join(axis for axis in axes if axis not in single)
    images = images.transpose([axes.index(axis) for axis in (*long, "Y", "X")])
    return images if long else images[np.newaxis], "".join(long)


def _dates_of_frames(dates, shape, axes, channel, path):
    """Return the date of the page that holds each frame, None where pages are not frames."""
    if not axes.endswith("YX"):
        shape, axes = (1, 1), "YX"
    pages = np.arange(np.prod(shape[:-2], dtype=int)).reshape(*shape[:-2], 1, 1)
    pages = time_first(pages, axes, channel, path)[0].ravel()
    return [dates[page] for page in pages] if pages[-1] < len(dates) else [None] * len(pages)


def _per_pixel(resolution):
    """Return how many units a pixel measures, from a tag of pixels per unit as (n, d)."""
    if not isinstance(resolution, tuple) or len(resolution) != 2 or not all(resolution):
        return None
    return resolution[1] / resolution[0]


def _bit_depth(bits, pixels, dtype):
    """Return how many bits a pixel can use, None for floats."""
    if dtype.kind == "f":
        return None
    significant = "" if pixels is None else pixels.get("SignificantBits", "")
    if significant.isdigit() and 0 < int(significant) <= 8 * dtype.itemsize:
        return int(significant)
    return bits if isinstance(bits, int) else None
