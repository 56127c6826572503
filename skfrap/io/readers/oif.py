"""OIF and OIB files of Olympus microscopes (FluoView): images beside texts that describe them."""

import io
import os
import re
from pathlib import Path

import numpy as np

from skfrap.experiment import Circle, Ellipse, Polygon, Rectangle
from skfrap.io._bleaching import BleachingRecord, DrawnRegion
from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers._compound import MAGIC, CompoundFile
from skfrap.io.readers._stated import (
    S_PER_UNIT,
    UM_PER_UNIT,
    checked_times,
    square_pixel,
    unit_factor,
)
from skfrap.io.readers._tiff_series import import_tifffile
from skfrap.io.readers._vendors import (
    FileError,
    KnownByFirstBytes,
    begins_with,
    chosen_channel,
    number,
    reading,
    refuse_axes,
    whole,
)
from skfrap.results import Finding

__all__ = ["OIFReader"]

_TEXTS = (b"\xff\xfe[\0", b"[")  # that OIF files begin with
_IMAGE = re.compile(r"[^/\\]*?_((?:[A-Z]\d{3,6})+)\.tif", re.I)
_AXIS = re.compile(r"([A-Z])(\d+)", re.I)
_MOST_TEXT = 2**24
_MOST_FILES = 10**6
_RECTANGLE, _CIRCLE, _ELLIPSE, _POLYGON = "5", "6", "7", "8"
_SETTINGS = {
    "objective": "ObjectiveLens Name",
    "objective NA": "ObjectiveLens NAValue",
    "magnification": "Magnification",
    "zoom": "ZoomValue",
    "scan mode": "ScanMode",
    "pinhole, µm": "PinholeDiameter",
}


class OIFReader(KnownByFirstBytes):
    """Read OIF and OIB files of Olympus microscopes.

    An OIF file has its images in the folder beside it, ``NAME.oif.files``; an OIB file holds all.

    Examples
    --------
    >>> from skfrap.io.readers import OIFReader
    >>> OIFReader().suffixes
    ('.oif', '.oib')
    """

    suffixes = (".oif", ".oib")

    def _knows(self, path):
        if begins_with(path, MAGIC):
            return True
        return begins_with(path, *_TEXTS) and Path(path).suffix.lower() == ".oif"

    def n_images(self, path: str | os.PathLike[str]) -> int:
        """Count the images of a file, without decoding them.

        Parameters
        ----------
        path : path
            Of an OIF or OIB file.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the file is damaged or ends early.
        """
        with _Folder(path) as folder:
            return len(folder.images())

    def read(self, path: str | os.PathLike[str], channel: int | None = None) -> Recording:
        """Read the frames of one file, and what it says of them.

        Parameters
        ----------
        path : path
            OIF or OIB file with at least one image.
        channel : int, default=None
            Which channel, from 0; needed where there are several.

        Returns
        -------
        Recording

        Raises
        ------
        ValueError
            If the file is damaged or incomplete, or holds something else than one series of images.
        ImportError
            If tifffile is not installed.
        """
        path = Path(path)
        with _Folder(path) as folder, reading(path):
            return _read(folder, path, channel)


class _Folder:
    """The files of one recording: in a folder beside an OIF file, or within an OIB file."""

    def __init__(self, path):
        self.path = Path(path)
        self._file = None

    def __enter__(self):
        if not begins_with(self.path, MAGIC, *_TEXTS):
            raise FileError(f"{self.path} does not begin as OIF or OIB files do; copy it again.")
        try:
            with reading(self.path):
                self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        if self._file is not None:
            self._file.close()

    def _open(self):
        if begins_with(self.path, MAGIC):
            self._file = self.path.open("rb")
            self._compound = CompoundFile(self._file, self.path)
            info = settings_of(self._compound.read("OibInfo.txt")).get("OibSaveInfo", {})
            own = {name.rpartition("/")[2]: name for name in self._compound.names()}
            self._names = {
                value.replace("\\", "/").rpartition("/")[2]: own.get(key, key)
                for key, value in info.items()
                if key.startswith("Stream")
            }
            main = info.get(info.get("MainFileName", ""), "")
            self.main = settings_of(self.read(main.replace("\\", "/").rpartition("/")[2]))
            return
        self._compound = None
        beside = self.path.with_name(f"{self.path.name}.files")
        if not beside.is_dir():
            raise FileError(
                f"{self.path} has its images in the folder {beside.name}, which is not beside it; "
                "copy that as well."
            )
        self._names = {one.name: one for one in list(beside.iterdir())[:_MOST_FILES]}
        self.main = settings_of(self.path.read_bytes()[:_MOST_TEXT])

    def names(self):
        return [*self._names]

    def read(self, name):
        if name not in self._names:
            raise FileError(f"{self.path} is damaged, it lacks {name!r}; copy it again.")
        place = self._names[name]
        return place.read_bytes() if self._compound is None else self._compound.read(place)

    def images(self):
        """Return the name of each image by its places on the axes."""
        found = {}
        for name in self._names:
            match = _IMAGE.fullmatch(name)
            if match:
                places = tuple(sorted((a.upper(), int(n)) for a, n in _AXIS.findall(match[1])))
                found[places] = name
        if not found:
            raise FileError(f"{self.path} holds no images, or has lost them; copy it again.")
        return found


def settings_of(content):
    r"""Return the settings that a text lists: section by section, value by name.

    Examples
    --------
    >>> from skfrap.io.readers.oif import settings_of
    >>> settings_of(b'[Axis 4 Parameters]\r\nUnitName="ms"\r\n')
    {'Axis 4 Parameters': {'UnitName': 'ms'}}
    """
    content = content[:_MOST_TEXT]
    text = content.decode("utf-16" if content.startswith(b"\xff\xfe") else "utf-8", "replace")
    found, section = {}, {}
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
        elif "=" in line:
            name, _, value = line.partition("=")
            section[name.strip()] = value.strip().strip("\"'")
    return found


def _read(folder, path, channel):
    axes = _axes_of(folder.main)
    images = folder.images()
    used = {axis for places in images for axis, _ in places}
    sizes = {axis: len({dict(p).get(axis) for p in images}) for axis in used}
    refuse_axes(sizes, path)
    numbers = sorted({dict(places).get("C", 1) for places in images})
    names = [_name_of(folder.main, k) for k in numbers]
    chosen = chosen_channel(names, channel, path)
    own = {
        dict(places).get("T", 1): name
        for places, name in images.items()
        if dict(places).get("C", 1) == numbers[chosen]
    }
    moments = sorted(own)
    if moments != [*range(moments[0], moments[0] + len(moments))]:
        raise FileError(f"{path} is damaged or not whole, it lacks images; copy it again.")
    n_frames, findings = len(moments), []
    counted = axes.get("T", {}).get("size") or 1
    if counted != n_frames:
        words = f"the header counts {counted} frames, and the file holds {n_frames} images"
        findings.append(Finding.of("image_count_disagrees", words))
    frames = _frames_of(folder, [own[k] for k in moments], path)
    stated = [axes.get(axis, {}).get("size") for axis in "YX"]
    if any(n not in (None, own) for n, own in zip(stated, frames.shape[1:], strict=True)):
        raise FileError(
            f"{path} is damaged, its images have {frames.shape[1:]} pixels, and its header says "
            f"{stated}; copy it again."
        )
    reference = folder.main.get("Reference Image Parameter", {})
    bits, room = whole(reference.get("ValidBitCounts")), 8 * frames.dtype.itemsize
    times, interval = (None, ""), (None, "")
    if n_frames > 1:
        times = _times_of(folder, [own[k] for k in moments], axes)
        step = axes.get("T", {}).get("step")
        interval = (step, "OIF axis of time") if step else interval
    pixel = _pixel_of(reference, axes)
    return Recording(
        frames=frames,
        pixel_size_um=pixel,
        times_s=times,
        interval_s=interval,
        clocks=[interval] if interval[0] else [],
        bit_depth=None if frames.dtype.kind == "f" else min(bits or room, room),
        findings=findings,
        bleaching=BleachingRecord(regions=_regions_of(folder)),
        channels=names,
        acquisition=_acquisition_of(folder.main),
        start=_date_of(folder.main),
    )


def _axes_of(main):
    """Return size, and step in units of skfrap, of each axis by its letter."""
    found = {}
    for k in range(8):
        axis = main.get(f"Axis {k} Parameters Common", {})
        code, size = axis.get("AxisCode"), whole(axis.get("MaxSize"))
        if not code or not size:
            continue
        unit = axis.get("UnitName") or axis.get("PixUnit") or ""
        factor = unit_factor(unit, S_PER_UNIT if code == "T" else UM_PER_UNIT)
        ends = [number(axis.get(name)) for name in ("StartPosition", "EndPosition")]
        step = None
        if factor and None not in ends and size > 1:
            step = abs(ends[1] - ends[0]) * factor / (size - (code == "T")) or None
        found[code] = {"size": size, "step": step, "number": k}
    return found


def _pixel_of(reference, axes):
    x, y = (number(reference.get(f"{one}ConvertValue")) for one in ("Width", "Height"))
    unit = unit_factor(reference.get("WidthUnit") or "um", UM_PER_UNIT)
    if x and unit:
        return square_pixel(x * unit, y and y * unit, "OIF WidthConvertValue")
    x, y = (axes.get(axis, {}).get("step") for axis in "XY")
    return square_pixel(x, y, "OIF axes") if x else (None, "")


def _times_of(folder, images, axes):
    """Return the time of each frame by the text beside its image."""
    axis = axes.get("T", {}).get("number")
    if axis is None:
        return None, ""
    found = []
    for name in images:
        text = f"{name[:-4]}.pty"
        if text not in folder.names():
            return None, ""
        settings = settings_of(folder.read(text)).get(f"Axis {axis} Parameters", {})
        value = number(settings.get("AbsPositionValue"))
        factor = unit_factor(settings.get("AbsPositionUnitName") or "ms", S_PER_UNIT)
        if value is None or not factor:
            return None, ""
        found.append(value * factor)
    return checked_times(np.array(found), "OIF AbsPositionValue of the images")


def _frames_of(folder, images, path):
    tifffile = import_tifffile()
    frames = None
    for k, name in enumerate(images):
        content = folder.read(name)
        with tifffile.TiffFile(io.BytesIO(content)) as tif:
            page = tif.pages.first
            shape = (int(page.imagelength), int(page.imagewidth))
            dtype = np.dtype(page.dtype or "u1")
            if page.samplesperpixel != 1 or dtype.kind not in "uif":
                raise FileError(f"{path} holds colours, expected intensities; export raw channels.")
            if frames is None:
                n_bytes = len(images) * int(np.prod(shape)) * dtype.itemsize
                check_memory(n_bytes, path, len(content) * len(images))
                frames = np.empty((len(images), *shape), dtype.newbyteorder("="))
            if shape != frames.shape[1:] or dtype.newbyteorder("=") != frames.dtype:
                raise FileError(f"{path} is damaged, its frames differ in size or kind.")
            places, counts = page.dataoffsets, page.databytecounts
            plain = page.compression == 1
            if any(a + n > len(content) for a, n in zip(places, counts, strict=True)) or (
                plain and sum(counts) < np.prod(shape) * dtype.itemsize
            ):
                raise FileError(
                    f"{path} is damaged or not whole, {name} ends early; copy it again."
                )
            frames[k] = page.asarray().reshape(shape)
    return frames


def _name_of(main, k):
    for section in (f"GUI Channel {k} Parameters", f"Channel {k} Parameters"):
        for name in ("DyeName", "CH Name", "Name"):
            if main.get(section, {}).get(name):
                return main[section][name]
    return f"channel {k}"


def _acquisition_of(main):
    found = {}
    for section, values in main.items():
        for name, key in _SETTINGS.items():
            if values.get(key):
                found.setdefault(name, (values[key], f"OIF {section}"))
    return found


def _date_of(main):
    common = main.get("Acquisition Parameters Common", {})
    date = common.get("ImageCaputreDate") or common.get("ImageCaptureDate") or ""
    ms = whole(common.get("ImageCaputreDate+MilliSec")) or 0
    return f"{date.strip()}.{ms:03d}" if date.strip() else ""


def _regions_of(folder):
    """Return the regions that were drawn; the file does not say what for."""
    regions = []
    for name in sorted(folder.names()):
        if not name.lower().endswith(".roi"):
            continue
        for section, values in settings_of(folder.read(name)).items():
            region = _region(values) if "ROI" in section.upper() else None
            if region is not None:
                regions.append(DrawnRegion(region, "unknown", values.get("Name", ""), "OIF ROI"))
    return regions


def _region(values):
    try:
        x, y = (np.array([float(one) for one in values.get(axis, "").split(",")]) for axis in "XY")
        if len(x) != len(y) or len(x) < 2 or not np.isfinite([x, y]).all():
            return None
        low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
        sides = (high - low).tolist()
        middle = tuple((0.5 * (low + high)).tolist())
        shape = values.get("SHAPE", "")
        if shape == _CIRCLE:
            return Circle(0.5 * max(sides), middle)
        if shape == _ELLIPSE:
            return Ellipse((0.5 * sides[0], 0.5 * sides[1]), 0.0, middle)
        if shape == _RECTANGLE:
            return Rectangle(sides[0], sides[1], middle)
        if shape == _POLYGON and len(x) > 2:
            return Polygon(tuple(zip(x.tolist(), y.tolist(), strict=True)))
    except (ValueError, OverflowError):
        return None
    return None
