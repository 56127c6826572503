"""The part of the field that images are compared in."""

import numpy as np

from skfrap._checks import check_count

_REACH = 3.3  # radii of a circle; at D = 100 µm²/s a wider one tells hardly more
_FEWEST = 8  # pixels


def window_of(protocol, window):
    """Choose the part of the field of view that images are compared in.

    Parameters
    ----------
    protocol : FRAPProtocol
    window : {"auto", "field"} or int
        ``"auto"`` reaches 2.3 radii beyond the bleach region, an int is the side of a square in
        pixels; both are about the middle of the bleach region and end where the field does. In a
        compartment ``"auto"`` is all of it.

    Returns
    -------
    tuple of two slices
        Rows and columns.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if window == "field":
        return tuple(slice(0, n) for n in protocol.shape)
    if isinstance(window, str) and window != "auto":
        raise ValueError(f"window must be 'auto', 'field' or a number of pixels, got {window!r}.")
    if window != "auto":
        check_count("window", window, _FEWEST)
    elif protocol.compartment is not None:
        return _with_margin(protocol.compartment_mask > 0)
    lit = protocol.bleach_mask > 0
    radius = protocol.equivalent_radius / protocol.pixel_size
    window_parts = []
    for axis, n in enumerate(protocol.shape):
        places = np.flatnonzero(lit.any(axis=1 - axis))
        first, last = int(places[0]), int(places[-1]) + 1
        if window == "auto":
            beyond = int(np.ceil((_REACH - 1) * radius))
        else:  # as wide as asked, and about the middle to half a pixel
            beyond = max(0, (window - (last - first)) // 2)
        # Cut alike on both sides, so that what is even stays so, where that costs little.
        room = min(first, n - last)
        if room < beyond <= 2 * room:
            beyond = room
        window_parts.append(slice(max(0, first - beyond), min(n, last + beyond)))
    return tuple(window_parts)


def _with_margin(mask):
    """Return the rows and columns of what is inside of a mask, and two more on each side."""
    parts = []
    for axis, n in enumerate(mask.shape):
        places = np.flatnonzero(mask.any(axis=1 - axis))
        parts.append(slice(max(0, int(places[0]) - 2), min(n, int(places[-1]) + 3)))
    return tuple(parts)
