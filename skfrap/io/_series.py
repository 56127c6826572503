"""Image series: one FRAP experiment as read from a file, a folder or a list of images."""

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from skfrap.io._blank import find_blank_frames
from skfrap.io._limits import check_memory, large_allowed
from skfrap.io._parts import joined
from skfrap.io._recording import NOT_STATED, ImageSeries
from skfrap.io._times import given_times
from skfrap.io.readers._registry import count_images, known_suffixes, read_file, series_names
from skfrap.io.readers._stated import (
    checked_times,
    find_contradiction,
    frame_times,
    parse_dates,
    seconds_between,
)
from skfrap.results import Finding

_OF_PARTS = ("time_s", "first_stamp_s")  # which readers tell, to put parts together

Source: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""What a series is read from: a file, a folder, a pattern, or a list of files."""


def read_series(
    source: Source,
    *,
    channel: int | None = None,
    allow_large: bool = False,
    series: int | str | Sequence[int | str] | None = None,
    join: bool = False,
    times: Any = None,
) -> ImageSeries:
    """Read one image series, with its pixel size and clock where the file says them.

    Parameters
    ----------
    source : path, str or sequence of paths
        A multi-page TIFF, OME-TIFF or ImageJ hyperstack, or a file of another format that has a
        reader (:class:`skfrap.io.readers.Reader`), of which ``"day.lif::NAME"`` is the series that
        is called so; a folder of files of one image each; a glob
        pattern for such files (``"cell1/frame_*.tif"``); or a list of them. A list is kept
        in its order. A folder or pattern is sorted by name, img2 before img10; where the files'
        DateTime tags tell another order, by time, and ``sources["order"]`` says so.
    channel : int, default=None
        Which channel, from 0. Needed where there are several.
    allow_large : bool, default=False
        Whether a file's images may take more than 4 GiB of memory, or far more than the file.
    series : int, str or sequence of these, default=None
        Which series of a file with several: a number from 0, a name, or the end of one; of several
        that are joined, each of them, or a text with commas between them.
    join : bool, default=False
        Whether to put parts of one experiment together by their time stamps: the series of a file,
        or the files of a list. What the name of a part says it to be is believed: before bleaching,
        bleaching, after it.
    times : path or array-like of shape (n_frames,), default=None
        The clock: the time of each frame, s, or a file that lists them, as numbers or dates. None
        is what the file says.

    Returns
    -------
    ImageSeries
        Frames of shape (n_frames, ny, nx) and what the file says of them. Nothing is guessed: what
        the file does not say is None, and ``sources`` says why.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or none in the folder that has a reader.
    ValueError
        If a file is damaged, ends early, would take too much memory or holds no time series of
        grey images, or if the files of a list do not belong together.
    ImportError
        If tifffile is not installed, or imagecodecs where packed or compressed data need it.

    Notes
    -----
    Times are taken from the first of these that the file has: those that `write_series` stored;
    OME-XML's DeltaT, then TimeIncrement; DateTime tags with fractions of a second; ImageJ's frame
    interval; DateTime tags in whole seconds. Where others of these differ from it by more than 10
    %, ``findings`` says so. The pixel size is taken from OME-XML, ImageJ's unit and resolution, or
    a resolution that is a microscope's and not a printer's; of pixels that are square to 2 % it is
    the mean of their sides.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from skfrap.io import read_series, write_series
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "cell1.tif"
    >>> frames = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    >>> write_series(path, frames, pixel_size_um=0.7598, frame_interval_s=0.265)
    >>> series = read_series(path)
    >>> series
    ImageSeries('cell1': 3 frames of 4 x 5 uint16, pixel 0.7598 µm, times 0 to 0.53 s)
    >>> series.sources["times_s"]
    'ImageJ frame interval'
    """
    source, named = split_series(source)
    series = named if series is None else series
    paths, name, by_name = _resolve(source)
    name = f"{_name(paths)}: {named}" if named is not None else name
    with large_allowed(allow_large):
        if join:
            found = _joined(paths, name, channel, series)
        elif len(paths) == 1:
            recording = read_file(paths[0], channel, series)
            found = _series_of(recording, name or _name(paths), paths)
        else:
            found = _one_image_per_file(paths, name, by_name, channel)
    if len(found.frames) < 2:
        raise ValueError(
            f"{paths[0]} holds a single image where a series is needed; pass the folder, a pattern "
            "or the list of the images of the series (read_image reads a single image)."
        )
    return found if times is None else on_clock(found, times)


def split_series(source):
    """Split ``FILE::NAME`` into the file, and the series of it; None where no series is named.

    Parameters
    ----------
    source : path, str or sequence of paths

    Returns
    -------
    source : path, str or sequence of paths
    series : str or None
    """
    if isinstance(source, str) and "::" in source and not Path(source).exists():
        file, _, series = source.partition("::")
        if Path(file).is_file():
            return file, series
    return source, None


def _joined(paths, name, channel, series):
    """Read the parts of one experiment, and join them."""
    if isinstance(series, str):
        series = [one.strip() for one in series.split(",")]
    elif isinstance(series, int):
        series = [series]
    parts = []
    for path in paths:
        names = series_names(path)
        several = len(names) > 1 or series is not None
        for one in (range(len(names)) if series is None else series) if several else (None,):
            called = names[one] if isinstance(one, int) and one < len(names) else one
            parts.append((called or path.stem, read_file(path, channel, one)))
    if len(parts) < 2:
        raise ValueError(
            f"{paths[0]} holds one series, and nothing to join it with; give all parts."
        )
    return _series_of(joined(parts), name or _name(paths), paths)


def on_clock(series: ImageSeries, times: Any) -> ImageSeries:
    """Give a series another clock.

    Parameters
    ----------
    series : ImageSeries
    times : path or array-like
        As of :func:`read_series`.

    Returns
    -------
    ImageSeries
    """
    values, source, found = given_times(times, len(series.frames))
    sources = {**series.sources, "times_s": source}
    sources.pop("clocks", None)
    findings = tuple(one for one in series.findings if one.code != "clocks_disagree")
    findings = (*findings, *found)
    return replace(series, times_s=values, sources=sources, findings=findings)


def find_series(source: str | os.PathLike[str]) -> list[str]:
    """List the image series that a path stands for.

    Parameters
    ----------
    source : path or str
        A file is a series. A folder or glob pattern is one series if its files hold one image
        each, and otherwise as many series as files.

    Returns
    -------
    list of str
        Sources for `read_series`.

    Raises
    ------
    FileNotFoundError
        If a folder holds no file that has a reader, or no file matches a pattern.
    """
    paths, _, _ = _resolve(source)
    if len(paths) == 1 and not Path(source).is_dir():
        return [str(paths[0])]
    try:
        single = all(count_images(path) == 1 for path in paths)
    except ValueError:
        single = False  # a damaged file; reading it will say more
    return [str(source)] if single else [str(path) for path in paths]


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a single image, such as one of the closed aperture.

    Parameters
    ----------
    path : path
        File with one grey image.

    Returns
    -------
    ndarray of shape (ny, nx)
        Intensities, in the file's own dtype.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, ends early or holds more than one image.
    """
    frames = np.asarray(read_file(Path(path)).frames)
    if len(frames) != 1:
        raise ValueError(f"{path} holds {len(frames)} images, expected one; use read_series.")
    return frames[0]


def load_stack(source: np.ndarray | ImageSeries | Source) -> np.ndarray:
    """Return the frames of a series, whether it is an array already or still in a file.

    Parameters
    ----------
    source : ndarray of shape (n_frames, ny, nx), ImageSeries, or what `read_series` takes
        Arrays are passed through untouched.

    Returns
    -------
    ndarray of shape (n_frames, ny, nx)

    Raises
    ------
    ValueError
        If an array has another number of dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.zeros((3, 4, 5))
    >>> load_stack(frames) is frames
    True
    """
    if isinstance(source, np.ndarray):
        if source.ndim != 3:
            raise ValueError(
                f"source must be a stack of shape (n_frames, ny, nx), got an array of shape "
                f"{source.shape}."
            )
        return source
    if isinstance(source, ImageSeries):
        return np.asarray(source.frames)
    return np.asarray(read_series(source).frames)


def _resolve(source):
    """Return the files, the folder's name, and whether their order is that of their names."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir():
            suffixes = known_suffixes()
            paths = image_files(path)
            lacking = f"the folder {path} holds no image file ({', '.join(suffixes)})"
            return _sorted(paths, lacking), path.name, True
        if not path.exists() and glob.has_magic(str(source)):
            found = map(Path, glob.glob(str(source), recursive=True))
            paths = [file for file in found if file.is_file()]
            paths = _sorted(paths, f"no file matches the pattern {str(source)!r}")
            return paths, None, True
        return [path], None, True
    if not isinstance(source, list | tuple) or not all(
        isinstance(path, str | os.PathLike) for path in source
    ):
        raise TypeError(
            "source must be a path, a folder, a pattern, or a list of paths, got "
            f"{type(source).__name__}."
        )
    if not source:
        raise ValueError("source must hold the paths of the images of a series, got an empty list.")
    paths = [Path(path) for path in source]
    return paths, None, False


def image_files(folder):
    """List the image files in a folder: pictures only where there is nothing else.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path
    """
    return _files_in(folder, known_suffixes()) or _files_in(folder, known_suffixes(pictures=True))


def _files_in(folder, suffixes):
    inside = (file for file in folder.iterdir() if file.name.lower().endswith(suffixes))
    return [file for file in inside if not file.name.startswith(".")]


def _sorted(paths, message):
    if not paths:
        raise FileNotFoundError(f"{message}; check the path.")
    return sorted(paths, key=natural_key)


def natural_key(path):
    """Return a key that sorts names as people count.

    Examples
    --------
    >>> sorted(["img10.tif", "img2.tif"], key=natural_key)
    ['img2.tif', 'img10.tif']
    """
    parts = re.split(r"([0-9]+)", os.fspath(path))
    # The name itself last, so that 01 and 1 have an order that does not depend on the folder's.
    keys = [(0, int(part)) if part.isdecimal() else (1, part.casefold()) for part in parts if part]
    return [*keys, (2, os.fspath(path))]


def _name(paths):
    first, last = (re.sub(r"\.ome$", "", path.stem, flags=re.I) for path in (paths[0], paths[-1]))
    return first if len(paths) == 1 else f"{first}..{last}"


def _series_of(recording, name, paths):
    n_frames = len(recording.frames)
    clock = recording.times_s
    if clock[0] is not None:
        clock = checked_times(*clock)
    times, times_source = frame_times(
        n_frames, clock, recording.interval_s, recording.dates, "pages"
    )
    pixel, pixel_source = recording.pixel_size_um
    sources = {
        "pixel_size_um": pixel_source or "the file does not say",
        "times_s": times_source,
    }
    if recording.time_axis and n_frames > 1:
        sources["times axis"] = recording.time_axis
    clocks = [*recording.clocks, _clock_of_dates(recording.dates, "pages")]
    doubts = _doubts(times, times_source, clocks, pixel_source, sources)
    return ImageSeries(
        frames=recording.frames,
        name=name,
        pixel_size_um=pixel,
        times_s=times,
        bit_depth=recording.bit_depth,
        sources=sources,
        paths=tuple(str(path) for path in paths),
        info=_info_of(recording),
        findings=(*recording.findings, *doubts, *find_blank_frames(recording.frames)),
        bleaching=recording.bleaching,
        channels=recording.channels,
        acquisition=recording.acquisition,
        start=recording.start,
    )


def _one_image_per_file(paths, name, by_name, channel):
    recordings, n_bytes = {}, 0
    for path in paths:
        recordings[path] = read_file(path, channel)
        n_bytes += 2 * recordings[path].frames.nbytes  # once more, when they are put together
        check_memory(n_bytes, path.parent)
    if len(recordings) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(
            f"{twice} is in the list more than once; pass each image of a series once."
        )
    for path, recording in recordings.items():
        if len(recording.frames) != 1:
            raise ValueError(
                f"{path} holds {len(recording.frames)} images, expected one in each of the "
                f"{len(paths)} files; read each series on its own."
            )
    _check_same(
        {path: recording.frames.shape[1:] for path, recording in recordings.items()}, "shape"
    )
    _check_same(
        {path: str(recording.frames.dtype) for path, recording in recordings.items()}, "dtype"
    )
    sources = {}
    if by_name:
        paths, sources["order"] = _in_time(paths, recordings)
    ordered = [recordings[path] for path in paths]
    times, sources["times_s"] = frame_times(
        len(paths), _in_names(ordered), _shared(recordings, "interval_s"), _dates(ordered), "files"
    )
    pixel, sources["pixel_size_um"] = _shared(recordings, "pixel_size_um")
    depths = {recording.bit_depth for recording in ordered}
    clocks = [
        _clock_of_dates(_dates(ordered), "files"),
        *(clock for clock in ordered[0].clocks if np.ndim(clock[0]) == 0),
    ]
    doubts = _doubts(times, sources["times_s"], clocks, sources["pixel_size_um"], sources)
    kept = [one for recording in ordered for one in recording.findings]
    frames = np.concatenate([np.asarray(recording.frames) for recording in ordered])
    return ImageSeries(
        frames=frames,
        name=name or _name(paths),
        pixel_size_um=pixel,
        times_s=times,
        bit_depth=depths.pop() if len(depths) == 1 else None,
        sources={key: words or "the files do not say" for key, words in sources.items()},
        paths=tuple(str(path) for path in paths),
        info=_info_of(ordered[0]),
        channels=ordered[0].channels,
        acquisition=ordered[0].acquisition,
        findings=(*_once_each(kept), *doubts, *find_blank_frames(frames)),
    )


def _in_names(recordings):
    """Return the times that the names of the files hold, where all do, and where they stood."""
    seconds = [recording.info.get("time_s") for recording in recordings]
    if None in seconds:
        return NOT_STATED
    return checked_times(np.array(seconds), "times in the names of the files")


def _info_of(recording):
    """Return what else a file holds, and the protocol where its reader knows one."""
    known = {} if recording.protocol is None else {"protocol": recording.protocol.to_dict()}
    own = {name: one for name, one in recording.info.items() if name not in _OF_PARTS}
    return own | known


def _clock_of_dates(dates, owner):
    """Return the seconds between dates, in order or not, and where they stood."""
    moments, _ = parse_dates(dates)
    if moments is None:
        return NOT_STATED
    whole = "" if any(moment.microsecond for moment in moments) else " (whole seconds)"
    return seconds_between(moments), f"DateTime tags of the {owner}{whole}"


def _doubts(times, source, clocks, pixel_source, sources):
    """Find what the files leave in doubt, and say it among the sources too."""
    doubts = []
    known = [clock for clock in clocks if clock[0] is not None]
    words = "" if times is None else find_contradiction(times, source, known)
    if words:
        sources["clocks"] = words
        remedy = "give frame_interval, or mend the file"
        doubts.append(Finding.of("clocks_disagree", words, remedy=remedy))
    if "µm wide" in pixel_source:
        doubts.append(Finding.of("pixels_not_square", pixel_source))
    return doubts


def _once_each(findings):
    """Return findings without those that say the same of another file."""
    return list(dict.fromkeys(findings))


def _dates(recordings):
    return [recording.dates[0] for recording in recordings]


def _in_time(paths, recordings):
    """Return the files in the order of their dates where that differs from that of their names."""
    moments, _ = parse_dates(_dates([recordings[path] for path in paths]))
    if moments is None or (np.diff(seconds := seconds_between(moments)) >= 0).all():
        return paths, "names of the files"
    order = np.argsort(seconds, kind="stable")
    return [paths[i] for i in order], "DateTime tags of the files, which differ from their names"


def _shared(recordings, attribute):
    """Return what all files say; raise ValueError where they contradict each other."""
    stated = {path: getattr(recording, attribute) for path, recording in recordings.items()}
    known = {path: value for path, (value, _) in stated.items() if value is not None}
    if len(known) < len(stated):
        words = next(words for value, words in stated.values() if value is None)
        return None, words or (f"only {len(known)} of {len(stated)} files say" if known else "")
    (first, expected), *rest = known.items()
    for path, value in rest:
        if not np.isclose(value, expected, rtol=1e-6, atol=0):
            raise _differ(attribute, first, expected, path, value)
    return stated[first]


def _check_same(values, what):
    """Raise ValueError naming two files whose values differ."""
    (first, expected), *rest = values.items()
    for path, value in rest:
        if value != expected:
            raise _differ(what, first, expected, path, value)


def _differ(what, first, expected, path, value):
    return ValueError(
        f"the files of a series differ in {what}: {expected} in {first}, {value} in {path}; pass "
        "only the images of one series."
    )
