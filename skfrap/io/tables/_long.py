"""Tables with a row for each region and frame, as Fiji's: regions are put side by side."""

import re

import numpy as np

from skfrap.io.tables._layout import Block
from skfrap.io.tables._roles import is_time

_LABEL = re.compile(r"^label$", re.IGNORECASE)
_FRAME = re.compile(r"^(slice|frame)s?$", re.IGNORECASE)
_MEAN = re.compile(r"^mean( ?(gray|grey))?( ?(intensity|value))?( *[\[(].*[\])])?$", re.IGNORECASE)
_REGION = re.compile(
    r"^(roi|region|object|item)s?([ _]?(id|name|number|no\.?|#))?$|^name$", re.IGNORECASE
)  # of NIS-Elements, Volocity
_IN_LABEL = re.compile(r"^(?P<image>.*?):(?P<region>[^:]*):(?P<frame>.*)$")
_NUMBER = re.compile(r"t:(\d+)/|^(\d+)")


def side_by_side(block, path):
    """Put the regions of a table side by side, where each has rows of its own.

    Parameters
    ----------
    block : Block
    path : Path

    Returns
    -------
    Block
        The same one, where each row is a frame.

    Raises
    ------
    ValueError
        If regions do not have as many frames, or not the same.
    """
    mean = next((k for k, name in enumerate(block.names) if _MEAN.match(name)), None)
    if mean is None:
        return block
    keys, frames = _keys(block)
    if keys is None:
        return block
    regions = [*dict.fromkeys(keys)]
    if len(regions) < 2:
        return block
    of = {one: np.flatnonzero([key == one for key in keys]) for one in regions}
    lengths = {one: len(rows) for one, rows in of.items()}
    if len({*lengths.values()}) > 1:
        shown = ", ".join(f"{one!r}: {n}" for one, n in [*lengths.items()][:6])
        raise ValueError(
            f"{path} has rows of several regions, and not as many of each ({shown}); measure all "
            "regions in all frames (Multi Measure)."
        )
    first = of[regions[0]]
    if frames is not None:
        for one, rows in of.items():
            if (
                not np.array_equal(frames[rows], frames[first])
                or (np.diff(frames[rows]) <= 0).any()
            ):
                raise ValueError(
                    f"the rows of the region {one!r} in {path} are not of the same frames as those "
                    f"of {regions[0]!r}, in order; measure all regions in all frames."
                )
    others = [k for k in range(len(block.names)) if k != mean]
    same = [
        k
        for k in others
        if all(
            np.array_equal(block.values[rows, k], block.values[first, k], equal_nan=True)
            for rows in of.values()
        )
    ]
    names = [block.names[k] for k in same] + [f"Mean({one})" for one in regions]
    values = [block.values[first, k] for k in same] + [
        block.values[of[one], mean] for one in regions
    ]
    texts = [[block.texts[k][row] for row in first] for k in same] + [[""] * len(first)] * len(
        regions
    )
    words = f"{len(regions)} regions, each with rows of its own"
    words = f"{block.words}; {words}" if block.words else words
    per_cent = tuple(name for name in block.per_cent if name in names)
    if block.names[mean] in block.per_cent:
        per_cent += tuple(f"Mean({one})" for one in regions)
    return Block(names, np.column_stack(values), texts, block.lines[first], words, True, per_cent)


def _keys(block):
    """Return which region each row is of, and which frame where that is said."""
    label = next((k for k, name in enumerate(block.names) if _LABEL.match(name)), None)
    frame = next((k for k, name in enumerate(block.names) if _FRAME.match(name)), None)
    frames = None if frame is None else block.values[:, frame]
    if label is not None:
        found = [_IN_LABEL.match(one) for one in block.texts[label]]
        if all(found):
            keys = [one["region"] for one in found]
            numbers = [_NUMBER.match(one["frame"]) for one in found]
            if frames is None and all(numbers):
                frames = np.array([float(one[1] or one[2]) for one in numbers])
            if len({*keys}) > 1:
                return keys, frames
    of_region = [k for k, name in enumerate(block.names) if _REGION.match(name)]
    if len(of_region) == 1:
        (k,) = of_region
        pairs = zip(block.texts[k], block.values[:, k], strict=True)
        keys = [text or f"{value:g}" for text, value in pairs]
        if 1 < len({*keys}) <= len(keys) // 4:
            time = next((j for j, name in enumerate(block.names) if is_time(name)), None)
            return keys, frames if time is None else block.values[:, time]
    if frames is None or not np.isfinite(frames).all() or len(np.unique(frames)) == len(frames):
        return None, None
    # Rows of one frame follow each other, or those of one region do: the order numbers regions.
    seen, keys = {}, []
    for one in frames:
        seen[one] = seen.get(one, 0) + 1
        keys.append(str(seen[one]))
    return keys, frames
