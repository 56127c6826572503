"""Reading series, in a process of its own: from what was uploaded to files that all can have."""

import pickle
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from skfrap._text import visible
from skfrap.analysis._simulated import DEMO, write_simulated
from skfrap.analysis._tables import is_table
from skfrap.experiment import FRAPProtocol
from skfrap.io import ImageSeries, find_series, read_series
from skfrap.io._series import natural_key
from skfrap.io.readers._registry import series_names
from skfrap.io.tables._read import looks_like_table

_SHOWN = ("|u1", "<u2", "<f4")  # kinds of pixels that the page reads as they are


def write_demo(path: str) -> None:
    """Write a series whose truth is known, the same as `skfrap demo` does.

    Parameters
    ----------
    path : str
    """
    write_simulated(Path(path), FRAPProtocol(), DEMO)


def list_series(folder: str) -> list[tuple[str, str, str, int | None]]:
    """Find the series and tables in a folder, and in the folders in it; or those of a file.

    Parameters
    ----------
    folder : str
        Its path.

    Returns
    -------
    list of (str, str, str, int or None)
        What to read, the name of the file, that of the series, and which it is of several.

    Raises
    ------
    ValueError
        If there is none.
    """
    root, sources = Path(folder), []
    why: Exception | None = None
    # What belongs to an .oif file stands in a folder beside it.
    inside = [one for one in sorted(root.rglob("*")) if one.is_dir() and one.suffix != ".files"]
    for place in (root, *inside):
        found, tables = [], _tables_in(place)
        try:
            found = [] if is_table(place) else find_series(place)
        except FileNotFoundError as error:
            why = error
            if place.is_dir() and not tables:
                # A format without a reader says more when it is read.
                found = [str(one) for one in sorted(place.iterdir()) if one.is_file()][:1]
        except ValueError as error:
            why = error
        sources += sorted([*found, *tables], key=natural_key)
    if not sources:
        raise ValueError("no file is here that can be read") from why
    listed: list[tuple[str, str, str, int | None]] = []
    for source in sources:
        name = root.name if source == folder else str(Path(source).relative_to(root))
        names = _series_in(source)
        if len(names) < 2:
            listed.append((source, name, name, None))
        else:
            listed += [(source, name, f"{name}, {one or k}", k) for k, one in enumerate(names)]
    return listed


def _tables_in(place):
    """List the tables of intensities right in a folder; a file that is one, if it is named."""
    if not place.is_dir():
        return [str(place)] if is_table(place) else []
    files = [one for one in place.iterdir() if one.is_file()]
    return [
        str(one) for one in files if is_table(one) and (len(files) == 1 or looks_like_table(one))
    ]


def _series_in(source):
    """Name the series of a file; what cannot be read says so when it is opened."""
    if is_table(source) or not Path(source).is_file():
        return [""]
    try:
        return series_names(source)
    except (ValueError, OSError, ImportError):
        return [""]


def open_series(
    source: str | list[str], series: int | None, join: bool, channel: int | None, keep: str
) -> dict[str, Any]:
    """Read a series, and keep it in files that all processes can have; of a table its path.

    Parameters
    ----------
    source : str or list of str
        As of :func:`skfrap.io.read_series`.
    series : int or None
        Which of several.
    join : bool
        Whether the files are parts of one experiment.
    channel : int or None
    keep : str
        Path of the files to write, without their suffix.

    Returns
    -------
    dict
        What the page shows of it.
    """
    if is_table(source):
        Path(f"{keep}.pkl").write_bytes(pickle.dumps(source))
        nothing: dict[str, Any] = {
            "shape": None,
            "pixel_size": None,
            "times": None,
            "said": {},
            "truth": None,
        }
        return {"name": Path(str(source)).stem, "table": True, "findings": [], **nothing}
    read = read_series(source, channel=channel, series=series, join=join)
    np.save(f"{keep}.npy", np.ascontiguousarray(read.frames), allow_pickle=False)
    with open(f"{keep}.pkl", "wb") as file:
        pickle.dump(replace(read, frames=read.frames[:0]), file)
    frames = read.frames
    sample = frames[:: max(1, len(frames) // 12), ::4, ::4]
    finite = sample[np.isfinite(sample)]
    low, high = np.percentile(finite, [0.05, 99.9]) if finite.size else (0.0, 1.0)
    truth = read.info.get("truth") if isinstance(read.info, dict) else None
    return {
        "name": read.name,
        "table": False,
        "shape": list(frames.shape),
        "kind": read.frames.dtype.newbyteorder("<").str if _is_shown(frames) else "<f4",
        "range": [float(low), float(high)],
        "limits": [float(finite.min()), float(finite.max())] if finite.size else [0.0, 1.0],
        "pixel_size": read.pixel_size_um,
        "times": None if read.times_s is None else [float(t) for t in read.times_s],
        "said": {key: visible(str(words)) for key, words in read.sources.items()},
        "findings": [one.to_dict() for one in read.findings],
        "truth": {k: v for k, v in truth.items() if isinstance(v, int | float | str)}
        if isinstance(truth, dict)
        else None,
    }


def _is_shown(frames):
    return frames.dtype.newbyteorder("<").str in _SHOWN


@lru_cache(maxsize=2)
def kept(keep: str) -> Any:
    """Take a series that was opened, its frames mapped into memory; of a table its path.

    Parameters
    ----------
    keep : str
        As of :func:`open_series`.

    Returns
    -------
    ImageSeries or str
    """
    with open(f"{keep}.pkl", "rb") as file:
        series = pickle.load(file)
    if isinstance(series, str):
        return series
    return replace(series, frames=np.load(f"{keep}.npy", mmap_mode="r"))


def kept_images(keep: str) -> ImageSeries:
    """Take a series that was opened, where it has images.

    Parameters
    ----------
    keep : str
        As of :func:`open_series`.

    Returns
    -------
    ImageSeries

    Raises
    ------
    ValueError
        If it is a table.
    """
    series = kept(keep)
    if isinstance(series, str):
        raise ValueError("a table has no images, in which this could be seen or drawn.")
    return series
