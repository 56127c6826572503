"""What files and folders stand for: image series and tables, each a source of one result."""

import os
from pathlib import Path

from skfrap._text import visible
from skfrap.cli._output import say


def expand_mixed(files, written=()):
    """Return the series and tables that files, folders and patterns stand for.

    A folder is searched with the folders in it: files of one image each are one series, others are
    series of their own, and so are tables. What is neither is passed over, and said.

    Parameters
    ----------
    files : sequence of str
    written : sequence of Path or None
        What this very run writes: no source.

    Returns
    -------
    list of str
    """
    from skfrap.io._series import natural_key
    from skfrap.io.tables._cells import SUFFIXES

    own = {Path(one).absolute() for one in written if one is not None}
    sources = []
    for file in files:
        path = Path(file)
        if not path.is_dir():
            sources += _series_of(file, alone=path.suffix.lower() in SUFFIXES)
            continue
        folders = [path, *sorted(_folders_in(path), key=natural_key)]
        found = [one for folder in folders for one in _in_folder(folder, own)]
        sources += found or _series_of(file)  # which says what is missing
    return sources


def each_series(sources):
    """Return ``FILE::NAME`` for each series of files that hold several, and others as they are."""
    from skfrap.io.readers._registry import series_names

    found = []
    for source in sources:
        try:
            names = series_names(source) if Path(source).is_file() else [""]
        except (OSError, ValueError, ImportError):
            names = [""]  # reading it will say what is wrong
        if len(names) > 1:
            called = names if len(set(names)) == len(names) else range(len(names))
            found += [f"{source}::{one}" for one in called]
        else:
            found.append(source)
    return found


def _series_of(file, alone=False):
    from skfrap.io import find_series

    if alone:
        return [str(file)]
    try:
        return find_series(file)
    except (OSError, ValueError):
        return [str(file)]  # reading it will say what is wrong


def _folders_in(path):
    """List the folders below one, hidden ones and those of skfrap's own pictures left out."""
    found = []
    for folder, inside, _ in os.walk(path):
        # The images of an OIF file are in a folder beside it, and no series by themselves.
        inside[:] = [
            one for one in inside if not one.startswith(".") and not one.endswith(".oif.files")
        ]
        found += [Path(folder, one) for one in inside]
    return found


def _in_folder(folder, own):
    """List the sources right in a folder, by their names as people count."""
    from skfrap.io import find_series
    from skfrap.io._series import image_files, natural_key
    from skfrap.io.readers._registry import known_suffixes
    from skfrap.io.tables._cells import SUFFIXES
    from skfrap.io.tables._read import looks_like_table

    try:
        files = [one for one in folder.iterdir() if one.is_file() and not one.name.startswith(".")]
    except OSError:
        return [str(folder)]
    files = [one for one in files if one.absolute() not in own and not _is_journal(one)]
    images = [one for one in files if one.name.lower().endswith(known_suffixes())]
    tables, passed_over = [], []
    for one in files:
        if one.suffix.lower() in SUFFIXES and one not in images:
            (tables if looks_like_table(one) else passed_over).append(one)
    found = [str(one) for one in tables]
    if images or (not found and image_files(folder)):
        try:
            found += find_series(str(folder))
        except (OSError, ValueError):
            found.append(str(folder))
    if passed_over:
        names = ", ".join(visible(one.name) for one in passed_over[:5])
        more = f" and {len(passed_over) - 5} more" if len(passed_over) > 5 else ""
        say(
            f"{visible(str(folder))}: {names}{more} passed over: no tables of intensities", err=True
        )
    return sorted(found, key=natural_key)


def _is_journal(path):
    return path.name.endswith(".journal")
