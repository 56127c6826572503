"""Checks of arguments, each kind in one place: one of several, a whole number, a number, a level.

Each takes the name of the argument, for the message, and raises ValueError. Numbers come back as
Python's own. The command line answers errors at once, so nothing heavy is imported here.
"""

import math
import numbers
from dataclasses import dataclass


@dataclass(frozen=True)
class Argument:
    """An argument within an error's words, which a caller may know by another name.

    Parameters
    ----------
    name : str
    words : str, default=None
        What the library writes; None is the name itself.
    value : str, default=None
        What it should be, for those who have to write that as well.
    """

    name: str
    words: str | None = None
    value: str | None = None

    def __str__(self):
        return self.name if self.words is None else self.words


class ArgumentError(ValueError):
    """Say what is wrong, in parts: words, and the arguments that they speak of."""

    def __str__(self):
        return self.spell(str)

    def spell(self, write):
        """Join the parts, the arguments as ``write(argument)`` has them."""
        return "".join(write(one) if isinstance(one, Argument) else one for one in self.args)


def check_choice(name, value, allowed):
    """Check that an argument is one of several values; return it."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {tuple(allowed)}, got {value!r}.")
    return value


def check_count(name, value, lowest=1, highest=math.inf):
    """Check that an argument is a whole number of at least `lowest`, and at most `highest`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        ends = f"of at least {lowest}"
        if highest < math.inf:
            ends = f"between {lowest} and {highest}"
        raise ValueError(f"{name} must be a whole number {ends}, got {value!r}.")
    return int(value)


def check_level(level, name="level"):
    """Check the level of intervals; return it as a float."""
    if not (isinstance(level, numbers.Real) and 0 < level < 1):
        raise ValueError(f"{name} must lie between 0 and 1, got {level!r}.")
    return float(level)


def check_number(name, value, lowest=-math.inf, what="number"):
    """Check that an argument is a finite number, of at least `lowest`; `what` says of what."""
    if not _is_finite(value) or value < lowest:
        least = f", at least {lowest:g}" if math.isfinite(lowest) else ""
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
    return isinstance(value, numbers.Real) and math.isfinite(value)
