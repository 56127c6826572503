"""Checks of arguments, each kind in one place: one of several, a whole number, a level."""

import numbers

import numpy as np


def check_choice(name, value, allowed):
    """Check that an argument is one of several values.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : object
    allowed : sequence

    Raises
    ------
    ValueError
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {tuple(allowed)}, got {value!r}.")


def check_count(name, value, lowest=1):
    """Check that an argument is a whole number of at least `lowest`."""
    if not isinstance(value, numbers.Integral) or value < lowest:
        raise ValueError(f"{name} must be a whole number of at least {lowest}, got {value!r}.")


def check_level(level, name="level"):
    """Check the level of intervals; return it as a float."""
    if not (isinstance(level, numbers.Real) and 0 < level < 1):
        raise ValueError(f"{name} must lie between 0 and 1, got {level!r}.")
    return float(level)


def check_range(name, value, lowest, highest, *, with_lowest=True):
    """Check that an argument is a number from `lowest` up to, but not including, `highest`."""
    inside = isinstance(value, numbers.Real) and lowest <= value < highest and not np.isnan(value)
    if not inside or (value == lowest and not with_lowest):
        raise ValueError(f"{name} must be a number between {lowest} and {highest}, got {value!r}.")
