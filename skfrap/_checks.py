"""Checks of arguments, each kind in one place: one of several, a whole number, a number, a level.

Each takes the name of the argument, for the message, and raises ValueError. What comes back is of
Python's own type.
"""

import numbers

import numpy as np


def check_choice(name, value, allowed):
    """Check that an argument is one of several values; return it."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {tuple(allowed)}, got {value!r}.")
    return value


def check_count(name, value, lowest=1, highest=np.inf):
    """Check that an argument is a whole number of at least `lowest`, and at most `highest`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        ends = f"of at least {lowest}"
        if highest < np.inf:
            ends = f"between {lowest} and {highest}"
        raise ValueError(f"{name} must be a whole number {ends}, got {value!r}.")
    return int(value)


def check_level(level, name="level"):
    """Check the level of intervals; return it as a float."""
    if not (isinstance(level, numbers.Real) and 0 < level < 1):
        raise ValueError(f"{name} must lie between 0 and 1, got {level!r}.")
    return float(level)


def check_number(name, value, lowest=-np.inf, what="number"):
    """Check that an argument is a finite number, of at least `lowest`; `what` says of what."""
    if not _is_finite(value) or value < lowest:
        least = f", at least {lowest:g}" if np.isfinite(lowest) else ""
        raise ValueError(f"{name} must be a {what}{least}, got {value!r}.")
    return float(value)


def check_positive(name, value, what="number"):
    """Check that an argument is a positive finite number; `what` says of what."""
    if not _is_finite(value) or value <= 0:
        raise ValueError(f"{name} must be a positive {what}, got {value!r}.")
    return float(value)


def check_range(name, value, lowest, highest, *, with_lowest=True, with_highest=False):
    """Check that an argument is a finite number between two; whether with them, the options say."""
    inside = _is_finite(value) and lowest <= value <= highest
    if inside and not with_lowest:
        inside = value > lowest
    if inside and not with_highest:
        inside = value < highest
    if not inside:
        raise ValueError(f"{name} must be a number between {lowest} and {highest}, got {value!r}.")


def _is_finite(value):
    return isinstance(value, numbers.Real) and bool(np.isfinite(value))
