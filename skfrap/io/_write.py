"""Write an image series so that every program can open it and skfrap gets back what it was."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skfrap._checks import check_positive
from skfrap._files import replacing
from skfrap.io.readers._tiff_series import import_tifffile
from skfrap.io.readers._tiff_tags import INFO_KEY

_DTYPES = ("uint8", "uint16", "float32")


def write_series(
    path: str | os.PathLike[str],
    frames: np.ndarray,
    *,
    pixel_size_um: float,
    times_s: ArrayLike | None = None,
    frame_interval_s: float | None = None,
    info: dict[str, Any] | None = None,
) -> None:
    """Write one image series as an ImageJ hyperstack.

    `read_series` gives back the same frames, pixel size, times (from the first frame on) and info.

    Parameters
    ----------
    path : path
        File to write, .tif or .tiff; if it exists it is replaced, at once.
    frames : ndarray of shape (n_frames, ny, nx)
        Two frames or more, of dtype uint8, uint16 or float32.
    pixel_size_um : float
        Side of a pixel in µm.
    times_s : array-like of shape (n_frames,), default=None
        Time of each frame in s, strictly increasing. Give these or `frame_interval_s`.
    frame_interval_s : float, default=None
        Time from each frame to the next in s.
    info : dict, default=None
        Anything that JSON can hold, such as the settings of the microscope.

    Raises
    ------
    ValueError
        If the frames, the pixel size or the times cannot be stored as they are.

    Notes
    -----
    Pixel size and a regular interval are in the tags that ImageJ reads and shows. ImageJ has none
    for irregular times, so the text 'Info' of the file holds a line ``skfrap_series = {...}``, in
    JSON, with ``version``, ``pixel_size_um`` to the last digit, ``info``, and ``times_s`` where
    they are irregular. `read_series` sets aside what no longer agrees with the file's own tags,
    such as times of a series that ImageJ has shortened since.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> from skfrap.io import read_series, write_series
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "cell1.tif"
    >>> frames = np.zeros((3, 4, 5), dtype=np.uint8)
    >>> write_series(path, frames, pixel_size_um=0.3, times_s=[0, 10, 60], info={"dye": "FITC"})
    >>> series = read_series(path)
    >>> series.times_s, series.info
    (array([ 0., 10., 60.]), {'dye': 'FITC'})
    """
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"path must end in .tif or .tiff, got {str(path)!r}.")
    frames = _checked_frames(frames)
    pixel_size_um = check_positive("pixel_size_um", pixel_size_um)
    interval, times = _clock(len(frames), times_s, frame_interval_s)
    stored = {
        "version": 1,
        "pixel_size_um": pixel_size_um,
        "info": _checked_info(info),
    }
    metadata = {"axes": "TYX", "unit": "um"}
    if times is None:
        metadata["finterval"] = interval
    else:
        stored["times_s"] = times
    metadata["Info"] = f"{INFO_KEY} = {json.dumps(stored, allow_nan=False)}\n"
    imwrite = import_tifffile().imwrite
    with replacing(path) as beside:
        imwrite(
            beside,
            frames,
            imagej=True,
            photometric="minisblack",
            resolution=(1 / pixel_size_um, 1 / pixel_size_um),
            metadata=metadata,
        )


def _checked_frames(frames):
    frames = np.asarray(frames)
    if frames.ndim != 3 or len(frames) < 2 or 0 in frames.shape:
        raise ValueError(
            "frames must have the shape (n_frames, ny, nx), with two frames or more, got "
            f"{frames.shape}."
        )
    if frames.dtype.name not in _DTYPES:
        raise ValueError(
            f"frames must be of dtype {', '.join(_DTYPES)}, as ImageJ has no other, got "
            f"{frames.dtype}; convert them, e.g. frames.astype(np.float32)."
        )
    return frames


def _clock(n_frames, times_s, frame_interval_s):
    """Return the interval of regular times, or the list of irregular ones."""
    if frame_interval_s is not None and times_s is None:
        return check_positive("frame_interval_s", frame_interval_s), None
    if times_s is None or frame_interval_s is not None:
        got = "none" if times_s is None else "both"
        raise ValueError(f"one of times_s and frame_interval_s must be given, got {got}.")
    times = np.asarray(times_s, dtype=float)
    if times.shape != (n_frames,):
        raise ValueError(
            f"times_s must have the shape ({n_frames},), a time per frame, got {times.shape}."
        )
    if not np.isfinite(times).all() or (np.diff(times - times[0]) <= 0).any():
        raise ValueError(
            "times_s must be finite and strictly increasing, in s, got "
            f"{times[:5].tolist()}{'...' * (len(times) > 5)}."
        )
    times = times - times[0]
    interval = float(times[-1] / (n_frames - 1))
    if np.allclose(times, np.arange(n_frames) * interval, rtol=1e-12, atol=0):
        return interval, None
    return None, times.tolist()


def _checked_info(info):
    info = {} if info is None else dict(info)
    try:
        same = json.loads(json.dumps(info, allow_nan=False)) == info
    except (TypeError, ValueError) as error:
        raise ValueError(f"info must be what JSON can hold, got {info!r}: {error}.") from error
    if not same:
        raise ValueError(
            f"info must come back from JSON unchanged, got {info!r}; use str keys, and lists in "
            "place of tuples."
        )
    return info
