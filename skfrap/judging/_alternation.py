"""Whether other images stand between the frames of a series, as of a second channel or depth."""

import numpy as np

from skfrap.results import Finding

_LONGEST = 6  # frames, after which the images of one kind follow each other
_FEWEST = 4  # rounds of that
_APART = 0.03  # of the light: differences from frame to frame
_ALIKE = 0.2  # of these, what frames of one kind may differ by


def find_alternation(frames):
    """Find that the light of frames repeats after some frames, rather than from one to the next.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx)

    Returns
    -------
    list of Finding
        One, or none.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.judging._alternation import find_alternation
    >>> light = np.random.default_rng(0).normal(100, 1, (30, 16, 16))
    >>> find_alternation(light)
    []
    >>> light[1::2] *= 0.5
    >>> find_alternation(light)[0].code
    'frames_alternate'
    """
    step = 1 + min(frames.shape[1:]) // 64
    levels = np.array([np.mean(one[::step, ::step], dtype=float) for one in frames])
    scale = np.median(np.abs(levels))
    if not (np.isfinite(levels).all() and scale > 0):
        return []
    change = _change(levels, 1)
    if not change > _APART * scale:
        return []
    for period in range(2, min(_LONGEST, len(levels) // _FEWEST) + 1):
        if _change(levels, period) < _ALIKE * change:
            words = (
                f"the light of the frames repeats after {period} frames, and changes by "
                f"{100 * change / scale:.2g} % from one to the next: are other channels or depths "
                "among them?"
            )
            return [Finding.of("frames_alternate", words)]
    return []


def _change(levels, apart):
    """Return by how much levels that are some frames apart differ, as a rule."""
    return float(np.median(np.abs(levels[apart:] - levels[:-apart])))
