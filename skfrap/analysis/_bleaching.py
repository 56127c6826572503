"""In which frame bleaching is seen, where nobody says it."""

import numpy as np

from skfrap._checks import Argument, ArgumentError

_BLOCKS = 24  # along the shorter side
_SEEN = 8.0  # standard deviations of a block's change
_CLEAR = 2.0  # times the next largest change
_WINDOW = 3  # frames before and after, that are compared


def find_bleaching(frames):
    """Find the first frame after bleaching: that in which part of the field turns dark at once.

    Flicker of the whole field does not count.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx)

    Returns
    -------
    int
        How many frames come before it.

    Raises
    ------
    ValueError
        If no frame turns dark, or several do.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.analysis._bleaching import find_bleaching
    >>> frames = 100 + np.random.default_rng(0).normal(size=(10, 48, 48))
    >>> frames[4:, 20:30, 20:30] -= 40
    >>> find_bleaching(frames)
    4
    """
    blocks = np.stack([_block_means(frame) for frame in frames])
    level = np.median(blocks, axis=1, keepdims=True)
    if not (level > 0).all():
        raise _unclear("a frame has no light")
    relative = blocks / level
    single = -np.diff(relative, axis=0)
    spread = 1.4826 * np.median(np.abs(single - np.median(single)))
    # At once, and to stay: noise does the one, and a sample that moves the other.
    drops = [np.minimum(one, _lasting_drop(relative, k + 1)).max() for k, one in enumerate(single)]
    order = np.argsort(drops)[::-1]
    if not drops[order[0]] > _SEEN * spread:
        raise _unclear("no frame is seen in which part of the field turns dark")
    if len(order) > 1 and drops[order[0]] < _CLEAR * drops[order[1]]:
        first, second = sorted(int(k) + 1 for k in order[:2])
        raise _unclear(f"part of the field turns dark in frames {first} and {second} (from 0)")
    return int(order[0]) + 1


def _lasting_drop(relative, k):
    """Return by how much blocks are darker in some frames from k on than before."""
    before, after = relative[max(k - _WINDOW, 0) : k], relative[k : k + _WINDOW]
    return np.median(before, axis=0) - np.median(after, axis=0)


def _unclear(why):
    return ArgumentError(
        f"{why}, so that it is not clear when bleaching was: give the number of frames before "
        "bleaching (",
        Argument("n_prebleach"),
        "), and the bleach region (",
        Argument("bleach_region"),
        ", e.g. circle:15@50,50 in µm, or an image of it) if it is known.",
    )


def _block_means(frame):
    """Average a frame over blocks; what is left over at its ends is left out."""
    frame = np.asarray(frame)
    size = max(1, min(frame.shape) // _BLOCKS)
    ny, nx = (n // size for n in frame.shape)
    part = frame[: ny * size, : nx * size].reshape(ny, size, nx, size)
    return part.mean(axis=(1, 3), dtype=float).ravel()
