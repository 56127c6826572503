"""What a command may write over: what skfrap has made, and never what it was given."""

import os
from pathlib import Path

from skfrap.cli._output import clear_errors

_HEAD = 4096  # bytes by which files are told apart
_IMAGES = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
}
_SUFFIXES_OF_IMAGES = (
    *(".tif", ".tiff", ".lsm", ".stk", ".czi", ".lif", ".nd2", ".oif", ".oib", ".oir", ".ims"),
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"),
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def check_table(path, inputs=(), option="--out"):
    """Refuse to write a table over an input, an image, or what is no table.

    Parameters
    ----------
    path : Path or None
    inputs : sequence of path, or of lists of such
        What the command reads: files, folders or patterns.
    option : str
        That gave the path, for the message.
    """
    if path is None:
        return
    with clear_errors():
        _refuse_input(path, inputs, option)
        if path.name.lower().endswith(_SUFFIXES_OF_IMAGES):
            raise ValueError(
                f"{option} {path} has the name of an image; name a table, as results.csv. A "
                "pattern as *.tif goes before the options."
            )
        head = _head_of(path)
        if kind := _image_in(head):
            raise ValueError(f"{option} {path} is an image ({kind}); name another file.")
        if b"\0" in head and not head.startswith(_UTF_16):
            raise ValueError(
                f"{option} {path} is there and is no table; name another file, or delete it first."
            )


def check_apart(**paths):
    """Refuse to write two things into one file.

    Parameters
    ----------
    **paths : Path or None
        By the names of the options that gave them.
    """
    first = {}
    with clear_errors():
        for name, path in paths.items():
            option = f"--{name.replace('_', '-')}"
            other = option if path is None else first.setdefault(os.path.realpath(path), option)
            if other != option:
                raise ValueError(
                    f"{other} and {option} are both {path}, where only one of them can be; name "
                    "another file."
                )


def check_report(path, inputs=(), option="--report"):
    """Refuse to write a report over an input, or over what is no report of skfrap."""
    if path is None:
        return
    with clear_errors():
        _refuse_input(path, inputs, option)
        if not path.name.lower().endswith((".html", ".htm")):
            raise ValueError(f"{option} {path} must end in .html, as browsers know it.")
        head = _head_of(path)
        if head.strip() and b'<meta name="generator" content="skfrap ' not in head:
            raise ValueError(
                f"{option} {path} is there and is no report of skfrap; name another file, or "
                "delete it first."
            )


def check_rois(path, inputs=(), option="--save-rois"):
    """Refuse to write regions over an input, or over what holds none."""
    if path is None:
        return
    with clear_errors():
        if path.suffix.lower() != ".zip":
            raise ValueError(f"{option} {path} must end in .zip, as regions.zip.")
        _refuse_input(path, inputs, option)
        head = _head_of(path)
        if head and not head.startswith(b"PK"):
            raise ValueError(f"{option} {path} is there and holds no regions; name another file.")


def check_picture(path, inputs=(), option="--plot"):
    """Refuse to draw over an input, or an image that skfrap has not drawn."""
    if path is None:
        return
    with clear_errors():
        _refuse_input(path, inputs, option)
        if not _may_be_drawn(path):
            raise ValueError(
                f"{option} {path} is there and was not drawn by skfrap; name another file, or "
                "delete it first."
            )


def check_simulated(path):
    """Refuse to write a simulated series over what was not simulated."""
    if not path.exists():
        return
    from skfrap.io import read_series

    try:
        simulated = "truth" in read_series(path).info
    except Exception:  # whatever it is, it is no series of ours
        simulated = False
    with clear_errors():
        if not simulated:
            raise ValueError(
                f"{path} is there and was not simulated by skfrap; name another file, or delete it "
                "first."
            )


def may_be_drawn(path, inputs):
    """Tell whether a picture may be written there: over nothing, or a picture of ours."""
    return not _is_input(path, inputs) and _may_be_drawn(path)


def _may_be_drawn(path):
    head = _head_of(path)
    return not _image_in(head) or b"Matplotlib" in head


def _refuse_input(path, inputs, option):
    if _is_input(path, inputs):
        raise ValueError(f"{option} {path} is what is to be read; name another file.")


def _is_input(path, inputs):
    """Tell whether a path is that of an input, by whatever name."""
    if not path.exists():
        return False
    return any(os.path.samefile(path, file) for file in _files_of(inputs) if os.path.exists(file))


def _files_of(inputs):
    """List the files that inputs stand for."""
    from skfrap.io._rois import split_name

    for source in inputs:
        if isinstance(source, list | tuple):
            yield from _files_of(source)
        elif source is not None and os.path.isdir(source):
            from skfrap.io._series import image_files

            yield from image_files(Path(source))
        elif source is not None:
            found = split_name(source)
            yield found[0] if found else source


def _head_of(path):
    """Return the first bytes of a file; nothing of what is no plain file."""
    if not path.is_file():
        return b""
    with open(path, "rb") as file:
        return file.read(_HEAD)


def _image_in(head):
    """Return the kind of image that a file is, by its first bytes, or nothing."""
    return next((kind for magic, kind in _IMAGES.items() if head.startswith(magic)), "")
