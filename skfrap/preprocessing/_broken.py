"""What becomes of a stack that cannot be used, in a batch that goes on without it."""

import warnings

ON_ERROR = ("raise", "nan")

# What is not the fault of one stack, and would come again with the next: a package that is not
# installed, and no memory left.
OF_ALL = (ImportError, MemoryError)
_SHOWN = 10


def reason(error, name):
    """Say in words why a stack could not be used.

    Parameters
    ----------
    error : Exception
    name : str
        Of the stack: its path, or its place.

    Returns
    -------
    str
        With the name at its front.

    Raises
    ------
    ImportError, MemoryError
        If it is one of these, which no other stack would be spared.
    """
    if isinstance(error, OF_ALL):
        raise error
    words = str(error) or "no reason is given"
    if not isinstance(error, ValueError):
        words = f"{type(error).__name__}: {words}"
    return words if words.startswith(name) else f"{name}: {words}"


def result_or_reason(function, *arguments, name):
    """Return what a function returns and "", or None and why it failed."""
    try:
        return function(*arguments), ""
    except Exception as error:
        return None, reason(error, name)


def in_lines(reasons):
    """Write reasons by row as lines, the first ten of them."""
    lines = [f"row {row}: {words}" for row, words in [*reasons.items()][:_SHOWN]]
    if len(reasons) > _SHOWN:
        lines.append(f"and {len(reasons) - _SHOWN} more, see errors_")
    return "\n".join(lines)


def warn_of(reasons, n, what):
    """Warn of the rows of a batch that cannot be had; return the reasons.

    Parameters
    ----------
    reasons : dict of int to str
        By row.
    n : int
        Rows in all.
    what : str
        They are, as "curves are NaN".
    """
    if reasons:
        words = f"{len(reasons)} of {n} {what}:\n{in_lines(reasons)}"
        warnings.warn(words, UserWarning, stacklevel=3)
    return reasons
