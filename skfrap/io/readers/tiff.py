"""TIFF files, OME-TIFF and ImageJ hyperstacks: frames in the order of time, and what is said."""

import importlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from skfrap.io._recording import NOT_STATED, Recording
from skfrap.io.readers import _tiff_tags as tags
from skfrap.io.readers._stated import first_stated
from skfrap.io.readers._tiff_scan import begins_as_tiff, scan_pages

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

    def can_read(self, path):
        """Tell whether a file begins as TIFF files do."""
        return begins_as_tiff(Path(path))

    def n_images(self, path):
        """Count the images of a file, without decoding them, after a check that it is whole."""
        return len(scan_pages(Path(path)))

    def read(self, path, channel=None):
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
        dates = scan_pages(path)
        tifffile = import_tifffile()
        with _decoding(path):
            tif = tifffile.TiffFile(path)
        with tif:
            with _decoding(path):
                all_series = list(tif.series)
                imagej = (tif.imagej_metadata or {}) if tif.is_imagej else {}
            series = _only_series(all_series, tif.is_imagej, path)
            x, y, unit = (series.keyframe.tags.valueof(code) for code in (282, 283, 296))
            x, y = _per_pixel(x), _per_pixel(y)
            bits = series.keyframe.bitspersample
            with _decoding(path):
                pixels = tags.ome_pixels(tif.ome_metadata, series.name) if tif.is_ome else None
                images = series.asarray()
            axes, shape = series.axes, series.shape
        _check_pixels(images, shape, path)
        frames, axis = time_first(images, axes, channel, path)
        stored = tags.stored_by_skfrap(imagej)
        interval = tags.imagej_interval(imagej)
        ome_pixel = ome_clock = NOT_STATED
        if pixels is not None:
            ome_pixel = tags.ome_pixel(pixels, path)
            if axis in "TZ":
                ome_clock = tags.ome_clock(pixels, axis or "T", len(frames), channel or 0)
        pixel = first_stated(
            (
                ome_pixel,
                tags.imagej_pixel(imagej, x, y, path),
                tags.pixel_from_resolution(x, y, unit, path),
            )
        )
        return Recording(
            frames=frames,
            pixel_size_um=tags.exact_pixel(pixel, stored),
            times_s=first_stated((tags.stored_clock(stored, len(frames), interval), ome_clock)),
            interval_s=interval,
            dates=_dates_of_frames(dates, shape, axes, channel, path),
            bit_depth=_bit_depth(bits, pixels, images.dtype),
            time_axis=_TAKEN_AS_TIME.get(axis, ""),
            info=stored["info"] if stored else tags.foreign_info(imagej),
        )


def import_tifffile():
    """Import tifffile, or say how to install it."""
    try:
        return importlib.import_module("tifffile")
    except ImportError as error:
        raise _not_installed() from error


def _not_installed():
    return ImportError(
        "reading TIFF files needs tifffile and imagecodecs: pip install 'skfrap[all]'"
    )


@contextmanager
def _decoding(path):
    """Turn whatever a decoder raises at damaged data into a ValueError that names the file."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if "requires the 'imagecodecs' package" in str(error):
            raise _not_installed() from error
        raise ValueError(
            f"{path} cannot be decoded ({type(error).__name__}: {error}), it is damaged or ends "
            "early; copy it again from the microscope, or export it again."
        ) from error


def _only_series(all_series, is_imagej, path):
    """Return the file's one series of images, and see that tifffile has all of it."""
    found = [series for series in all_series if not series.keyframe.is_reduced]  # no thumbnails
    if len(found) != 1:
        shapes = ", ".join("x".join(map(str, series.shape)) for series in found)
        raise ValueError(
            f"{path} holds {len(found)} series of images ({shapes or 'none'}), expected images of "
            "one shape and type; save the ones you want as a file of their own."
        )
    series = found[0]
    # tifffile falls back to the pages that are there when ImageJ's header promises more,
    if is_imagej and series.kind not in ("imagej", "ome", "mmstack"):
        raise ValueError(
            f"{path} ends early, its ImageJ header promises more images than it holds; copy it "
            "again from the microscope, or export it again."
        )
    # and fills missing planes of OME-TIFF with zeros.
    if series.kind in ("ome", "mmstack", "ndtiff"):
        n_missing = sum(page is None for page in series)
        if n_missing:
            raise ValueError(
                f"{path} lacks {n_missing} of the {len(series)} planes that its header names; put "
                "the files that hold them beside it, or export the series again."
            )
    return series


def _check_pixels(images, shape, path):
    if images.shape != tuple(shape):
        raise ValueError(
            f"{path} is damaged, its header says {tuple(shape)}, its images are {images.shape}; "
            "copy or export it again."
        )
    if images.dtype.kind not in "uif":
        raise ValueError(
            f"{path} holds pixels of type {images.dtype}, expected integers or floats; export "
            "intensities."
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
        raise ValueError(
            f"{path} has {n_channels} channels; say which with channel=0 … {n_channels - 1}, or "
            "re-order the hyperstack in ImageJ if they are points in time."
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
