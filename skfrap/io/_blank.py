"""Frames that hold nothing, as where a file was not written, or not copied, to its end."""

import numpy as np

from skfrap.results import Finding

_LEAST_ROWS = 4
_LEAST_SHARE = 0.125  # of the rows


def find_blank_frames(frames):
    """Find frames of one value, and frames whose last rows are zero where those of others are not.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx)

    Returns
    -------
    list of Finding
        One, or none.
    """
    blank = np.array([_is_blank(frames, k) for k in range(len(frames))])
    if blank.all():
        # Even light without noise is of a simulation, or of a test.
        blank = blank & ~np.array([frame.any() for frame in frames])
    else:
        n_zero = np.array([_zero_rows_at_end(frames, k) for k in range(len(frames))])
        least = max(_LEAST_ROWS, int(_LEAST_SHARE * frames.shape[1]))
        blank |= (n_zero >= least) & (n_zero > np.median(n_zero[~blank]))
    found = np.flatnonzero(blank)
    if not len(found):
        return []
    some = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
    words = f"{len(found)} of {len(frames)} frames are blank, or in part: {some} (from 0)"
    return [Finding.of("blank_frames", words, remedy="see whether the file is whole")]


def _is_blank(frames, k):
    """Tell whether a frame holds one value; two of its rows mostly tell, without the others."""
    last, middle = frames[k, -1], frames[k, frames.shape[1] // 2]
    if not (last == last[0]).all() or not (middle == last[0]).all():
        return False
    frame = frames[k]
    return frame.min() == frame.max()


def _zero_rows_at_end(frames, k):
    """Count the rows at the end of a frame in which all pixels are zero."""
    if frames[k, -1].any():
        return 0
    frame = frames[k]
    filled = np.flatnonzero(frame.any(axis=1))
    return len(frame) - 1 - int(filled[-1]) if len(filled) else len(frame)
