"""What every reader must do, as one check for all."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skfrap._contract import must
from skfrap.io._file_frames import FileFrames
from skfrap.io._recording import Recording
from skfrap.results import Finding

if TYPE_CHECKING:  # it is told there what this check is
    from skfrap.io.readers._registry import Reader

_SHARES = (0.0005, 0.01, 0.3, 0.7, 0.99)  # of a file that was not copied to its end


def check_reader(reader: "Reader", path: str | os.PathLike[str]) -> None:
    """Check that a reader keeps to what :class:`Reader` asks for.

    Parameters
    ----------
    reader : Reader
        What is to be checked.
    path : path
        A file of its format, with one channel.

    Raises
    ------
    AssertionError
        At the first thing that the reader does wrong.
    """
    path = Path(path)
    suffix = _checked_suffix(reader, path)
    _check_can_read(reader, path, suffix)
    recording = reader.read(path)
    _check_recording(recording)
    n_frames = len(recording.frames)
    n_images = reader.n_images(path)
    must(
        (n_images == 1) == (n_frames == 1) and n_images >= 1,
        f"n_images must count the images, it is {n_images} where read finds {n_frames} frames",
    )
    same = reader.read(path, channel=0)
    must(
        np.array_equal(same.frames, recording.frames),
        "read must find the same again, and take the one channel by channel=0",
    )
    _must_refuse(reader, path, "a channel that the file lacks", channel=10_000)
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder, f"damaged{suffix}")
        whole = path.read_bytes()
        for share in _SHARES:
            damaged.write_bytes(whole[: max(1, int(share * len(whole)))])
            # What is lost may be of no use, as are the zeros at the end of many files.
            _must_refuse(reader, damaged, f"a file of which {share:.2%} is left", unless=recording)
        damaged.write_text("time,intensity\n", encoding="utf-8")
        _must_refuse(reader, damaged, "a file of another format")
        shutil.copy(path, damaged)
        reader.read(damaged)
        damaged.unlink()  # fails on some systems where the reader has left it open


def _checked_suffix(reader, path):
    suffixes = reader.suffixes
    must(
        isinstance(suffixes, tuple)
        and suffixes
        and all(one.startswith(".") and one == one.lower() for one in suffixes),
        f"suffixes must be a tuple of suffixes in lower case with their dot, got {suffixes!r}",
    )
    fitting = [suffix for suffix in suffixes if path.name.lower().endswith(suffix)]
    must(fitting, f"path must end in one of the suffixes {suffixes}, got {path.name!r}")
    return max(fitting, key=len)


def _check_can_read(reader, path, suffix):
    must(reader.can_read(path), f"can_read must be true of {path}")
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder, f"other{suffix}")
        for content in (b"?", b"time,intensity\n" * 100):
            other.write_bytes(content)
            must(not reader.can_read(other), f"can_read must be false of {content[:15]!r}")


def _check_recording(recording):
    must(isinstance(recording, Recording), f"read must return a Recording, got {recording!r}")
    frames = recording.frames
    must(
        isinstance(frames, np.ndarray | FileFrames)
        and frames.dtype.kind in "uif"
        and frames.dtype.isnative,
        "frames must be an array of integers or floats in the machine's byte order",
    )
    depth = recording.bit_depth
    must(
        depth is None or (frames.dtype.kind in "ui" and 0 < depth <= 8 * frames.dtype.itemsize),
        f"bit_depth must be what pixels of {frames.dtype} can use, got {depth!r}",
    )
    for name in ("pixel_size_um", "times_s", "interval_s"):
        value, words = getattr(recording, name)
        must(isinstance(words, str), f"{name} must be a value and words, got {words!r} as words")
        if value is None:
            continue
        must(words, f"{name} must come with words that say where it stood")
        if name == "times_s":
            value = np.diff(value)
        must(
            np.isfinite(value).all() and np.all(np.asarray(value) > 0),
            f"{name} must be positive, and times increase; got {value!r}",
        )

    for clock in recording.clocks:
        values, words = clock
        must(
            words and np.ndim(values) in (0, 1) and np.size(values) in (1, len(frames)),
            f"clocks must be a time or a time of each frame, and words, got {clock!r}",
        )
    for finding in recording.findings:
        must(isinstance(finding, Finding), f"findings must be of Finding, got {finding!r}")


def _must_refuse(reader, path, what, channel=None, unless=None):
    try:
        recording = reader.read(path, channel=channel)
    except ValueError as error:
        must(
            path.name in str(error),
            f"the error at {what} must name the file, got {str(error)!r}",
        )
    except Exception as error:
        raise AssertionError(f"{what} must raise ValueError, got {error!r}.") from error
    else:
        whole = unless is not None and np.array_equal(recording.frames, unless.frames)
        must(whole, f"{what} must raise ValueError, and was read")
