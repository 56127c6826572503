"""What readers of microscopes' own files share: packages, damage, channels, series, XML."""

import importlib
import logging
import os
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from skfrap._checks import Argument, ArgumentError

EXTRA = "skfrap[microscopy]"
_MOST_XML = 64 * 2**20  # bytes of a text


class FileError(ValueError):
    """A file that is damaged, not whole, or takes a guess to understand; it is named."""


def import_for(path, module, needs=""):
    """Import the library that reads a file, or say how to install it.

    Parameters
    ----------
    path : path
        That is to be read.
    module : str
        Its name is that of the package, too.
    needs : str, default=""
        What else it needs, in words.

    Raises
    ------
    ImportError
        Naming the file, the package and the extra.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # what is half installed raises anything
        raise ImportError(
            f"{path} needs the package {module}, which cannot be imported ({error}): "
            f"pip install '{EXTRA}'{needs}."
        ) from error


@contextmanager
def reading(path, what="it"):
    """Turn whatever a library raises at a damaged file into an error that names the file.

    Parameters
    ----------
    path : path
    what : str, default="it"
        What is being read.
    """
    try:
        yield
    except (FileError, ArgumentError, ImportError):
        raise
    except MemoryError as error:
        raise FileError(
            f"{path} needs more memory than there is: it is damaged or too large; crop it."
        ) from error
    except Exception as error:
        if str(path) in str(error) and type(error) is ValueError:
            raise
        words = " ".join(str(error).split())[:200]
        words = f"{type(error).__name__}: {words}" if words else type(error).__name__
        raise FileError(
            f"{path} is damaged, or of a kind that is not known: {what} cannot be read ({words}); "
            "copy it again from the microscope, or export it as OME-TIFF, which keeps times."
        ) from error


@contextmanager
def quietly(name):
    """Keep a library from telling its log of what is looked at here anyway."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def begins_with(path, *beginnings):
    """Tell whether a file's first bytes are one of some."""
    try:
        with open(path, "rb") as file:
            head = file.read(max(map(len, beginnings)))
    except OSError:
        return False
    return head.startswith(beginnings)


class KnownByFirstBytes:
    """What readers have in common whose files begin with bytes of their own."""

    _beginnings: tuple[bytes, ...] = ()

    def can_read(self, path: str | os.PathLike[str]) -> bool:
        """Tell whether a file begins as those of this format do.

        Parameters
        ----------
        path : path
            Of a file.

        Returns
        -------
        bool
        """
        return self._knows(path)

    def _knows(self, path):
        return begins_with(path, *self._beginnings)


def chosen_channel(names, channel, path):
    """Return the number of the channel that is meant.

    Parameters
    ----------
    names : sequence of str
        Of all channels.
    channel : int or None
    path : path

    Raises
    ------
    ValueError
        If there are several and none is chosen, or there is no such channel.
    """
    n_channels = max(1, len(names))
    if channel is None and n_channels > 1:
        listed = ", ".join(f"{k} {name}" for k, name in enumerate(names))
        raise ArgumentError(
            f"{path} has {n_channels} channels ({listed}); say which with ",
            Argument("channel", f"channel=0 … {n_channels - 1}", f"0 … {n_channels - 1}"),
            ".",
        )
    if channel is not None and not 0 <= channel < n_channels:
        raise FileError(
            f"channel must be from 0 to {n_channels - 1} for {path}, which has {n_channels} of "
            f"them, got channel={channel}."
        )
    return channel or 0


def chosen_series(names, series, path):
    """Return the number of the series that is meant.

    Parameters
    ----------
    names : sequence of str
        Of all series in the file.
    series : int or str or None
        A number from 0, or a name, or the end of one.
    path : path

    Raises
    ------
    ValueError
        If there are several and none is chosen, or there is no such series.
    """
    if not names:
        raise FileError(f"{path} holds no image series.")
    if series is None:
        if len(names) == 1:
            return 0
        raise ArgumentError(
            f"{path} holds {len(names)} series ({listed(names)}); say which with ",
            Argument("series", f"series=0 … {len(names) - 1} or a name", "NUMBER or NAME"),
            ", or put parts of one experiment together with ",
            Argument("join", "join=True"),
            ".",
        )
    if isinstance(series, str) and series not in names and series.isdecimal():
        series = int(series)
    if isinstance(series, int | np.integer):
        if 0 <= series < len(names):
            return int(series)
    else:
        for fits in (lambda name: name == series, lambda name: name.endswith(series)):
            found = [k for k, name in enumerate(names) if fits(name)]
            if len(found) == 1:
                return found[0]
    raise FileError(
        f"series must be a number from 0 to {len(names) - 1} or one of the names in {path} "
        f"({listed(names)}), got series={series!r}."
    )


def listed(names, most=12):
    """Return names with their numbers, as a text."""
    shown = ", ".join(f"{k} {name}".strip() for k, name in enumerate(names[:most]))
    return shown + (", ..." if len(names) > most else "")


def refuse_axes(sizes, path):
    """Raise ValueError where there is more than time, besides channels and pixels.

    Parameters
    ----------
    sizes : dict of str to int
        Length of each axis.
    path : path
    """
    long = {axis: int(n) for axis, n in sizes.items() if axis not in ("T", "C", "Y", "X") and n > 1}
    if long:
        described = ", ".join(f"{axis}={n}" for axis, n in long.items())
        raise FileError(
            f"{path} has more than one axis besides Y and X ({described}), expected time alone; "
            "project or pick one depth, position or tile, and save it as a time series."
        )


def parsed_xml(text, path, what="its metadata"):
    """Return the root of an XML text.

    Raises
    ------
    ValueError
        If it cannot be read, or is too large to be what it should be.
    """
    if len(text) > _MOST_XML:
        raise FileError(f"{path} is damaged, {what} takes {len(text) / 1e6:.0f} MB.")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise FileError(
            f"{path} is damaged, {what} cannot be read ({error}); copy it again."
        ) from error


def number(text):
    """Return a finite number, or None where a text is none.

    Examples
    --------
    >>> from skfrap.io.readers._vendors import number
    >>> number("2.5e-7"), number("-1.#QNAN"), number(None)
    (2.5e-07, None, None)
    """
    try:
        value = float(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if np.isfinite(value) else None


def whole(text):
    """Return a whole number that is not negative, or None where a text is none."""
    value = number(text)
    return int(value) if value is not None and value >= 0 and value == int(value) else None


def text_at(element, place):
    """Return the text at a place below an XML element, stripped; empty where there is none."""
    found = None if element is None else element.find(place)
    return "" if found is None or found.text is None else found.text.strip()


def stem(path):
    """Return the name of a file without its last suffix."""
    return Path(path).stem
