"""What installed packages bring to skfrap, by entry points, each imported when it is asked for.

The command line answers errors at once, so nothing heavy is imported here.
"""

from functools import cache

MODELS = "skfrap.models"
"""Group of the entry points by which packages bring models, each named as its model."""

READERS = "skfrap.readers"
"""Group of the entry points by which packages bring readers, each named by a suffix, no dot."""


@cache
def installed(group):
    """Return what installed packages bring of a kind.

    Parameters
    ----------
    group : str
        Of the entry points.

    Returns
    -------
    tuple of EntryPoint
        Of which several packages may have given one name to theirs.
    """
    from importlib.metadata import entry_points

    return tuple(entry_points(group=group))


def load_installed(entry_point, needed):
    """Import what a package brings.

    Parameters
    ----------
    entry_point : EntryPoint
    needed : str
        What needs it, and as what, to begin a message with.

    Returns
    -------
    object

    Raises
    ------
    ImportError
        If it cannot be imported, whatever somebody else's module raises.
    """
    try:
        return entry_point.load()
    except Exception as error:
        raise ImportError(
            f"{needed} {entry_point.value}, which cannot be imported "
            f"({type(error).__name__}: {error}); install what it needs, or remove its package."
        ) from error
