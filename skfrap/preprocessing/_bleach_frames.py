"""In which frames bleaching is seen, where nobody says it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skfrap._checks import Argument, ArgumentError

__all__ = ["FoundBleachFrames", "find_bleach_frames"]

_BLOCKS = 24, 12, 6  # along the shorter side
_LIT = 0.3  # of the usual light: where there is less nothing is seen to turn dark
_NEAR = 15  # frames, that are like a frame
_SEEN = 7.0  # standard deviations of a block's change
_CLEAR = 2.0  # times the next largest change
_WINDOW = 3  # frames before and after, that are compared
_MOST_RECORDED = 20  # frames, that are recorded while bleaching
_OTHER_LIGHT = (
    0.5,
    1.6,
)  # of the usual light of a frame: what has less, or more, shows something else
_FLASH = 0.5  # of the usual light, by which blocks shine while they are bleached
_PATCH = 0.5  # of the largest lasting drop: what belongs to the dark patch
_SURE, _UNSURE = 5.0, 3.0  # standard deviations of the patch's depth
_HIDDEN = 0.25  # of the depth, that noise may hide in a frame
_DEEPER = 0.08  # of the depth: by less it is no bleaching that goes on


@dataclass(frozen=True)
class FoundBleachFrames:
    """Hold when bleaching is seen.

    Attributes
    ----------
    n_prebleach : int
        Frames before bleaching.
    n_recorded : int
        Frames after these that were recorded while bleaching: dark, flashing, or with a patch that
        still deepens. They are to be left out.
    reason : str
        What was seen, for people.
    """

    n_prebleach: int
    n_recorded: int
    reason: str


def find_bleach_frames(frames: Any) -> FoundBleachFrames:
    """Find the frames in which bleaching is seen: part of the field turns dark at once, and stays.

    Flicker of the whole field does not count. Frames that were recorded while bleaching are told
    from those after it: the shutter is closed in them, the laser flashes, or the patch deepens on.

    Parameters
    ----------
    frames : array-like of shape (n_frames, ny, nx)
        Intensities.

    Returns
    -------
    FoundBleachFrames

    Raises
    ------
    ValueError
        If no frame turns dark, several do, or noise hides in which it began or ended.

    See Also
    --------
    find_bleach_region : Where it was.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.preprocessing import find_bleach_frames
    >>> frames = 100 + np.random.default_rng(0).normal(size=(10, 48, 48))
    >>> frames[4:, 20:30, 20:30] -= 40
    >>> found = find_bleach_frames(frames)
    >>> found.n_prebleach, found.n_recorded
    (4, 0)
    >>> found.reason
    'the field turns dark in part, for good, in frame 4 (from 0)'
    """
    looks = []
    for n_blocks in _BLOCKS:
        relative, other = _relative(frames, n_blocks)
        looks.append((relative, other, *_drops(relative[~other])))
    # Whichever shows it most clearly.
    relative, other, drops, run, clarity = max(looks, key=lambda look: look[-1])
    places = np.flatnonzero(~other)
    first = _first_dark(drops, run, clarity, places)
    begun, ended = places[first - 1] + 1, places[first]
    if ended - begun > _MOST_RECORDED:
        raise _unclear(f"frames {begun} to {ended - 1} (from 0) show something else")
    k, deeper = _deepening(relative[places], first)
    begun = min(begun, places[k])
    ended = places[first + deeper]
    return FoundBleachFrames(int(begun), int(ended - begun), _words(begun, ended, other))


def _relative(frames, n_blocks):
    """Return means of blocks over the light of each frame, where there is light.

    Returns
    -------
    relative : ndarray of shape (n_frames, n_blocks)
    other : ndarray of shape (n_frames,) of bool
        Frames that show something else than the sample.
    """
    blocks = np.stack([_block_means(frame, n_blocks) for frame in frames])
    if not np.isfinite(blocks).all():
        raise _unclear("frames have pixels that are not finite")
    if len(blocks) < 2:
        raise _unclear("there are too few frames")
    mean = np.median(blocks, axis=0)
    lit = mean > _LIT * np.percentile(mean, 95)
    level = np.median(blocks[:, lit], axis=1) if lit.any() else np.zeros(len(blocks))
    if not np.median(level) > 0:
        raise _unclear("frames have no light")
    other = _of_other_light(blocks[:, lit], level)
    if (~other).sum() < 2:
        raise _unclear("most frames have another light than those next to them")
    return blocks[:, lit] / np.where(level > 0, level, np.median(level))[:, np.newaxis], other


def _words(begun, ended, other):
    words = f"the field turns dark in part, for good, in frame {ended} (from 0)"
    n = ended - begun
    if not n:
        return words
    how = "show another light" if other[begun:ended].all() else "show a patch that still deepens"
    if other[begun:ended].any() and not other[begun:ended].all():
        how = "show another light, or a patch that still deepens"
    one = f"frame {begun} was" if n == 1 else f"frames {begun} to {ended - 1} were"
    how = how.replace("show", "shows") if n == 1 else how
    return f"{words}; {one} recorded while bleaching, since {'it' if n == 1 else 'they'} {how}"


def _of_other_light(blocks, level):
    """Tell which frames are black or flash: bleaching itself is seen, or something went wrong."""
    low, high = _OTHER_LIGHT
    # A frame is held against those next to it: light may fade over a long series.
    n = len(level)
    other = np.zeros(n, bool)
    for k in range(n):
        usual = np.median(level[max(k - _NEAR, 0) : k + _NEAR + 1])
        other[k] = not low * usual < level[k] < high * usual
        if k:
            sides = blocks[max(k - _NEAR, 0) : k], blocks[k + 1 : k + _NEAR + 1]
            brightest = [np.percentile(side, 25, axis=0) for side in sides if len(side)]
            other[k] |= bool((blocks[k] > np.max(brightest, axis=0) + _FLASH * usual).any())
    return other


def _drops(relative):
    """Measure by how much part of the field turns dark in each frame, at once and for good.

    Returns
    -------
    drops : ndarray of shape (n_frames - 1,)
        From each frame to the next.
    run : set of int
        The largest, and those next to it in the same place.
    clarity : float
        The largest, in standard deviations of noise.
    """
    single = -np.diff(relative, axis=0)
    spread = max(1.4826 * np.median(np.abs(single - np.median(single))), np.finfo(float).eps)
    # At once, and to stay: noise does the one, and a sample that moves the other.
    both = [np.minimum(one, _lasting_drop(relative, k + 1)) for k, one in enumerate(single)]
    drops = np.array([one.max() for one in both])
    largest = int(drops.argmax())
    # While bleaching goes on one frame after the other turns dark, in one place.
    place, run = both[largest].argmax(), {largest}
    least = max(_SEEN / 2 * spread, _DEEPER * drops[largest])
    for way in (-1, 1):
        k = largest + way
        while 0 <= k < len(single) and single[k, place] > least:
            run.add(k)
            k += way
    return drops, run, drops[largest] / spread


def _first_dark(drops, run, clarity, places):
    """Return the first frame in which part of the field is dark for good, if that is clear."""
    if not clarity > _SEEN:
        raise _unclear("no frame is seen in which part of the field turns dark")
    largest = int(drops.argmax())
    others = [k for k in np.argsort(drops)[::-1] if k not in run]
    if others and drops[largest] < _CLEAR * drops[others[0]]:
        pair = sorted(int(places[k + 1]) for k in (largest, others[0]))
        raise _unclear(f"part of the field turns dark in frames {pair[0]} and {pair[1]} (from 0)")
    return int(min(run)) + 1


def _deepening(relative, first):
    """See whether the patch is darker before that frame already, or deepens after it.

    Returns
    -------
    begun : int
        The first frame that is darker.
    deeper : int
        Frames from `first` on, in which it still deepens.
    """
    after = relative[first : first + _WINDOW + 2].min(axis=0)
    drop = np.median(relative[max(first - _WINDOW, 0) : first], axis=0) - after
    patch = drop > _PATCH * drop.max()
    depth = 1 - relative[:, patch].mean(axis=1) / relative[:first, patch].mean()
    # What varies from frame to frame, where the patch recovers smoothly.
    second = np.diff(depth, 2)
    noise = 1.4826 * np.median(np.abs(second)) / np.sqrt(6) if len(second) else 0.0
    noise = max(noise, np.finfo(float).eps)
    if _UNSURE * noise > _HIDDEN * depth[first:].max():
        raise _unclear("noise hides in which frame bleaching began or ended")
    before = depth[:first]
    if first > 1:
        off = (before[-1] - before[:-1].mean()) / (noise * np.sqrt(1 + 1 / (first - 1)))
        large = before[-1] - before[:-1].mean() > _DEEPER * depth[first:].max()
        if off > _SURE and large:
            return first - 1, _steps(depth, first, noise)
        if off > _UNSURE and large:
            raise _unclear(f"noise hides whether frame {first - 1} (from 0) is darker already")
    return first, _steps(depth, first, noise)


def _steps(depth, first, noise):
    """Return in how many frames from one on a patch still deepens."""
    n, unit = 0, noise * np.sqrt(2)
    while first + n + 1 < len(depth) and n < _MOST_RECORDED:
        step = depth[first + n + 1] - depth[first + n]
        if step < _DEEPER * depth[first + n] or step < _UNSURE * unit:
            break
        if step < _SURE * unit:
            raise _unclear(
                f"noise hides whether the patch deepens after frame {first + n} (from 0)"
            )
        n += 1
    return n


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


def _block_means(frame, n_blocks):
    """Average a frame over blocks; what is left over at its ends is left out."""
    frame = np.asarray(frame)
    size = max(1, min(frame.shape) // n_blocks)
    ny, nx = (n // size for n in frame.shape)
    part = frame[: ny * size, : nx * size].reshape(ny, size, nx, size)
    return part.mean(axis=(1, 3), dtype=float).ravel()
