"""JPEG, PNG and BMP pictures: one frame each, with a time from EXIF or from its name."""

import os
import re
from pathlib import Path

import numpy as np

from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers._stated import S_PER_UNIT
from skfrap.io.readers._vendors import (
    FileError,
    KnownByFirstBytes,
    chosen_channel,
    import_for,
    reading,
)

__all__ = ["PictureReader"]

_EXIF, _TAKEN, _FRACTION, _CHANGED = 0x8769, 0x9003, 0x9291, 0x0132
_DATE = re.compile(
    r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})[T_ -]+(\d{2})[-_.:h]?(\d{2})[-_.:m]?(\d{2})"
    r"(?:[.,_](\d{1,6}))?(?!\d)"
)
_SECONDS = re.compile(r"(?:^|[_ =-]|t)(\d+(?:[.,]\d+)?) ?(ms|s|sec|min)(?=$|[_ .-])", re.I)
_GREY = {"L": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4", "1": "u1", "P": "u1"}


class PictureReader(KnownByFirstBytes):
    """Read JPEG, PNG and BMP pictures, by the package Pillow: one frame in each.

    A folder of them is a series. Their times are those of EXIF, with its fractions of a second, or
    those in their names: a date as 2024-05-06_10-00-05.250, or seconds as cell_12.5s. What JPEG
    loses is lost; record uncompressed where you can.

    Examples
    --------
    >>> from skfrap.io.readers import PictureReader
    >>> PictureReader().suffixes
    ('.jpg', '.jpeg', '.png', '.bmp')
    """

    suffixes = (".jpg", ".jpeg", ".png", ".bmp")
    _beginnings = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM")

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the images of a file: one.

        Parameters
        ----------
        path : path
            Of a picture.

        Returns
        -------
        int
        """
        return 1

    def read(self, path: str | os.PathLike[str], channel: int | None = None) -> Recording:
        """Read a picture, and when it was taken.

        Parameters
        ----------
        path : path
            Grey picture; of colours that are all alike one is taken.
        channel : int, default=None
            Which colour, from 0, where they are not alike.

        Returns
        -------
        Recording

        Raises
        ------
        ValueError
            If the file is damaged or ends early, or holds colours and none is chosen.
        ImportError
            If Pillow is not installed.
        """
        path = Path(path)
        import_for(path, "PIL")
        from PIL import Image

        if not self.can_read(path):
            raise FileError(f"{path} does not begin as a picture does; copy or export it again.")
        with reading(path), Image.open(path, formats=("JPEG", "PNG", "BMP")) as picture:
            width, height = picture.size
            check_memory(16 * width * height, path, path.stat().st_size)
            date = _date_of(picture)
            picture.load()
            frame = _grey(picture, channel, path)
        info = {}
        if not date:
            date, seconds = times_in_name(path.stem)
            info = {} if seconds is None else {"time_s": seconds}
        return Recording(
            frames=np.ascontiguousarray(frame)[np.newaxis],
            dates=[date or None],
            bit_depth=None if frame.dtype.kind == "f" else 8 * frame.dtype.itemsize,
            info=info,
            start=date or "",
        )


def _grey(picture, channel, path):
    if picture.mode in _GREY:
        chosen_channel([], channel, path)
        pixels = np.asarray(picture.convert("L") if picture.mode in "1P" else picture)
        return pixels.astype(_GREY[picture.mode], copy=False)
    colours = np.asarray(picture.convert("RGB"))
    if channel is None and (colours == colours[..., :1]).all():
        return colours[..., 0].copy()
    return colours[..., chosen_channel(["red", "green", "blue"], channel, path)].copy()


def _date_of(picture):
    """Return the date and time in EXIF, with its fraction of a second; empty without any."""
    try:
        exif = picture.getexif()
        inner = exif.get_ifd(_EXIF)
    except Exception:  # a broken list of tags does not harm the picture
        return ""
    date = str(inner.get(_TAKEN) or exif.get(_CHANGED) or "").strip("\0 ")
    fraction = str(inner.get(_FRACTION) or "").strip("\0 ")
    return f"{date}.{fraction}" if date and fraction.isdecimal() else date


def times_in_name(name):
    """Return the date and the seconds that a name holds: ISO 8601 or '', and s or None.

    Examples
    --------
    >>> from skfrap.io.readers.pictures import times_in_name
    >>> times_in_name("cell_2024-05-06_10-00-05.250")
    ('2024-05-06 10:00:05.250', None)
    >>> times_in_name("cell1_12.5s")
    ('', 12.5)
    """
    match = _DATE.search(name)
    if match:
        year, month, day, hour, minute, second, fraction = match.groups()
        date = f"{year}-{month}-{day} {hour}:{minute}:{second}"
        return (f"{date}.{fraction}" if fraction else date), None
    match = _SECONDS.search(name)
    if match is None:
        return "", None
    return "", float(match[1].replace(",", ".")) * S_PER_UNIT[match[2].lower()]
