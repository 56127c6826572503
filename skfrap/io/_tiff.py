"""Read one TIFF file: its frames in the order of time, and what it says of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from . import _metadata as metadata
from ._metadata import Stated, first_stated
from ._scan import scan_pages

_TAKEN_AS_TIME = {
    "Z": "Z (slices), taken as time: the file has no time axis",
    "I": "pages in the order of the file, taken as time",
    "Q": "an unnamed axis of the file, taken as time",
}
_NOTHING: Stated = (None, "")


@dataclass(frozen=True, eq=False)
class TiffStack:
    """The frames of one TIFF file and what it says of them."""

    frames: np.ndarray  # (n_frames, ny, nx)
    pixel_size_um: Stated
    clock: Stated  # times of all frames, from OME-XML or as stored by skfrap
    interval_s: Stated  # one interval for all frames, from ImageJ
    dates: list[str | None]  # the DateTime tag of each frame
    bit_depth: int | None
    time_axis: str
    info: dict[str, Any]


def import_tifffile() -> ModuleType:
    """Import tifffile, or say how to install it."""
    try:
        return importlib.import_module("tifffile")
    except ImportError as error:
        raise _not_installed() from error


def _not_installed() -> ImportError:
    return ImportError(
        "reading TIFF files needs tifffile and imagecodecs: pip install 'skfrap[all]'"
    )


def read_tiff(path: Path, channel: int | None) -> TiffStack:
    """Read the frames of one file and what it says of them.

    Parameters
    ----------
    path : Path
        TIFF, OME-TIFF or ImageJ file with at least one image.
    channel : int or None
        Which channel, from 0; needed where there are several.

    Returns
    -------
    TiffStack
        Frames of shape (n_frames, ny, nx), n_frames ≥ 1.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or incomplete, or holds something else than one series of images.
    ImportError
        If tifffile is not installed, or imagecodecs where packed or compressed data need it.
    """
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
            pixels = metadata.ome_pixels(tif.ome_metadata, series.name) if tif.is_ome else None
            images = series.asarray()
        axes, shape = series.axes, series.shape
    _check_pixels(images, shape, path)
    frames, axis = time_first(images, axes, channel, path)
    stored = metadata.stored_by_skfrap(imagej)
    interval = metadata.imagej_interval(imagej)
    ome_size = ome_clock = _NOTHING
    if pixels is not None:
        ome_size = metadata.ome_pixel(pixels, path)
        if axis in "TZ":
            ome_clock = metadata.ome_clock(pixels, axis or "T", len(frames), channel or 0)
    size = first_stated(
        (
            ome_size,
            metadata.imagej_pixel(imagej, x, y, path),
            metadata.pixel_from_resolution(x, y, unit, path),
        )
    )
    return TiffStack(
        frames=frames,
        pixel_size_um=metadata.exact_pixel(size, stored),
        clock=first_stated((metadata.stored_clock(stored, len(frames), interval), ome_clock)),
        interval_s=interval,
        dates=_dates_of_frames(dates, shape, axes, channel, path),
        bit_depth=_bit_depth(bits, pixels, images.dtype),
        time_axis=_TAKEN_AS_TIME.get(axis, "T"),
        info=stored["info"] if stored else metadata.foreign_info(imagej),
    )


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises at damaged data into a ValueError that names the file."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if "requires the 'imagecodecs' package" in str(error):
            raise _not_installed() from error
        raise ValueError(
            f"{path} cannot be decoded ({type(error).__name__}: {error}): it is damaged or ends "
            "early; copy it again from the microscope, or export it again"
        ) from error


def _only_series(all_series: list[Any], is_imagej: bool, path: Path) -> Any:
    """Return the file's one series of images, and see that tifffile has all of it."""
    found = [series for series in all_series if not series.keyframe.is_reduced]  # no thumbnails
    if len(found) != 1:
        shapes = ", ".join("x".join(map(str, series.shape)) for series in found)
        raise ValueError(
            f"{path} holds {len(found)} series of images ({shapes or 'none'}), expected images of "
            "one shape and type: save the ones you want as a file of their own"
        )
    series = found[0]
    # tifffile falls back to the pages that are there when ImageJ's header promises more,
    if is_imagej and series.kind not in ("imagej", "ome", "mmstack"):
        raise ValueError(
            f"{path} ends early: its ImageJ header promises more images than it holds; copy it "
            "again from the microscope, or export it again"
        )
    # and fills missing planes of OME-TIFF with zeros.
    if series.kind in ("ome", "mmstack", "ndtiff"):
        n_missing = sum(page is None for page in series)
        if n_missing:
            raise ValueError(
                f"{path} lacks {n_missing} of the {len(series)} planes that its header names: put "
                "the files that hold them beside it, or export the series again"
            )
    return series


def _check_pixels(images: np.ndarray, shape: tuple[int, ...], path: Path) -> None:
    if images.shape != tuple(shape):
        raise ValueError(
            f"{path} is damaged: its header says {tuple(shape)}, its images are {images.shape}; "
            "copy or export it again"
        )
    if images.dtype.kind not in "uif":
        raise ValueError(
            f"{path} holds pixels of type {images.dtype}, expected integers or floats: export "
            "intensities"
        )


def time_first(
    images: np.ndarray, axes: str, channel: int | None, path: Path
) -> tuple[np.ndarray, str]:
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
    sizes = dict(zip(axes, images.shape, strict=True))
    if sizes.get("S", 1) > 1:
        raise ValueError(
            f"{path} is a colour image ({sizes['S']} samples per pixel), expected intensities: "
            "export the raw channel, without lookup table or overlay"
        )
    n_channels = sizes.get("C", 1)
    if channel is None and n_channels > 1:
        raise ValueError(
            f"{path} has {n_channels} channels: say which with channel=0 … {n_channels - 1} (if "
            "they are points in time, re-order the hyperstack in ImageJ)"
        )
    if channel is not None and not 0 <= channel < n_channels:
        raise ValueError(f"{path} has {n_channels} channel(s), got channel={channel}, from 0")
    if "C" in sizes:
        images = images.take(channel or 0, axis=axes.index("C"))
        axes = axes.replace("C", "")
    long = [axis for axis in axes if axis not in "YX" and sizes[axis] > 1]
    described = ", ".join(f"{axis}={sizes[axis]}" for axis in long)
    if len(axes) > len(set(axes)) or len(long) > 1:
        raise ValueError(
            f"{path} has more than one axis besides Y and X ({described}), expected time alone: "
            "project or pick one depth, position or block, and save it as a time series"
        )
    if "Y" not in axes or "X" not in axes or (long and long[0] not in "TZIQ"):
        raise ValueError(f"{path} has axes {axes} ({described}), expected T, Y and X")
    single = [axis for axis in axes if axis not in "YX" and axis not in long]
    images = images.squeeze(axis=tuple(axes.index(axis) for axis in single))
    axes = "".join(axis for axis in axes if axis not in single)
    images = images.transpose([axes.index(axis) for axis in (*long, "Y", "X")])
    return images if long else images[np.newaxis], "".join(long)


def _dates_of_frames(
    dates: list[str | None], shape: tuple[int, ...], axes: str, channel: int | None, path: Path
) -> list[str | None]:
    """Return the date of the page that holds each frame, None where pages are not frames."""
    if not axes.endswith("YX"):
        shape, axes = (1, 1), "YX"
    pages = np.arange(np.prod(shape[:-2], dtype=int)).reshape(*shape[:-2], 1, 1)
    pages = time_first(pages, axes, channel, path)[0].ravel()
    return [dates[page] for page in pages] if pages[-1] < len(dates) else [None] * len(pages)


def _per_pixel(resolution: Any) -> float | None:
    """Return how many units a pixel measures, from a tag of pixels per unit as (n, d)."""
    if not isinstance(resolution, tuple) or len(resolution) != 2 or not all(resolution):
        return None
    return resolution[1] / resolution[0]


def _bit_depth(bits: Any, pixels: Any, dtype: np.dtype) -> int | None:
    """Return how many bits a pixel can use, None for floats."""
    if dtype.kind == "f":
        return None
    significant = "" if pixels is None else pixels.get("SignificantBits", "")
    if significant.isdigit() and 0 < int(significant) <= 8 * dtype.itemsize:
        return int(significant)
    return bits if isinstance(bits, int) else None
