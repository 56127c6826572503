"""How large an experiment may be that a file describes, before any memory is taken for it."""

import numbers
from collections.abc import Mapping, Sized

MOST_PIXELS = 2**23
"""Of a field; one of 2048 x 2048 has half as many."""

MOST_GRID_PIXELS = 2**26
"""Of the field and the padding around it."""

MOST_FRAMES = 10**6
MOST_BLEACH_FRAMES = 10**4
MOST_VERTICES = 10**4
MOST_ROWS = 100


def check_sizes(description):
    """Raise ValueError where a description asks for more than an experiment has.

    Parameters
    ----------
    description : mapping
        Of a protocol, by the names of its arguments; values may be anything.
    """
    shape = description.get("shape", (256, 256))
    padding = _number(description.get("padding", 128))
    if isinstance(shape, list | tuple) and len(shape) == 2:
        ny, nx = (_number(side) for side in shape)
    else:
        ny = nx = 0  # refused later, in words of its own
    _check("shape", ny * nx, MOST_PIXELS, "pixels")
    _check("padding", (ny + 2 * padding) * (nx + 2 * padding), MOST_GRID_PIXELS, "pixels in all")
    _check("n_bleach", _number(description.get("n_bleach", 1)), MOST_BLEACH_FRAMES, "frames")
    for name in ("n_prebleach", "n_postbleach"):
        _check(name, _number(description.get(name, 1)), MOST_FRAMES, "frames")
    times = description.get("postbleach_times")
    if isinstance(times, Sized):
        _check("postbleach_times", len(times), MOST_FRAMES, "frames")
    _check_region(description.get("bleach_region"), ny, nx)
    compartment, rows = description.get("compartment"), description.get("rows")
    if isinstance(compartment, Mapping):
        _check_region(compartment.get("region"), ny, nx, "compartment")
    if isinstance(rows, list | tuple):
        _check("rows", len(rows), MOST_ROWS, "rows")
        for row in rows:
            if isinstance(row, list | tuple):
                _check_region(row[-1], ny, nx, "a region of rows")


def _check_region(region, ny, nx, name="bleach_region"):
    if isinstance(region, Mapping):
        shape, vertices = region.get("shape"), region.get("vertices")
    else:
        shape, vertices = None, getattr(region, "vertices", None)
    if isinstance(shape, list | tuple) and [*map(_number, shape)] != [ny, nx]:
        raise ValueError(
            f"{name} is a Mask of shape {tuple(shape[:5])}, and the protocol's field has "
            f"shape {(ny, nx)} (ny, nx); the two must be equal."
        )
    if isinstance(vertices, list | tuple):
        _check(name, len(vertices), MOST_VERTICES, "vertices")


def _number(value):
    """Return a number's size; what is none is refused later, in words of its own."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and value == value:
        return abs(value)
    return 0


def _check(name, asked, most, unit):
    if asked > most:
        raise ValueError(
            f"{name} asks for {asked:.4g} {unit}, more than the {most:.4g} that a file may ask "
            "for; is it damaged? Allow it with allow_large=True."
        )
