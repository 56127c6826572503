"""The file: a zip of JSON and NumPy arrays, whose bytes depend on its content alone."""

import json
import math
from functools import cache
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from skfrap import __version__

FORMAT = 2
SIGNATURE = "skfrap estimator"
ARRAY_KINDS = "biufcU"
_STRUCTURE = "structure.json"


def pack(structure, arrays):
    """Write a zip file without times, owners or compression, whose bytes depend on its content."""
    members = {_STRUCTURE: json.dumps(structure, allow_nan=False).encode()}
    for number, array in enumerate(arrays):
        part = BytesIO()
        np.lib.format.write_array(part, array, version=(1, 0), allow_pickle=False)
        members[f"{number}.npy"] = part.getvalue()
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_STORED) as archive:
        for name, member in members.items():
            info = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # else it tells Windows from the rest
            archive.writestr(info, member)
    return packed.getvalue()


def unpack(content):
    """Return the structure and a function that reads an array by its number."""
    archive = ZipFile(BytesIO(content))
    # A small file of compressed zeros could ask for all of the memory.
    if any(info.compress_type != ZIP_STORED for info in archive.infolist()):
        raise ValueError("it is compressed, as skfrap never does.")
    # Members that lie on one another would be more than the file holds.
    if sum(info.file_size for info in archive.infolist()) > len(content):
        raise ValueError("its parts are larger than the file.")
    if _STRUCTURE not in archive.namelist():
        raise ValueError(f"it has no {_STRUCTURE}, as skfrap.persistence.save writes.")
    structure = json.loads(archive.read(_STRUCTURE))
    if structure["what"] != SIGNATURE:
        raise ValueError(f"it holds {structure['what']!r}, not {SIGNATURE!r}.")
    if type(structure["format"]) is not int or structure["format"] < 1:
        raise ValueError(f"its format is {structure['format']!r}, which is none.")
    if structure["format"] > FORMAT:
        raise ValueError(
            f"skfrap {structure['skfrap_version']} wrote it in format {structure['format']}, and "
            f"this skfrap {__version__} reads formats up to {FORMAT}; install a newer skfrap."
        )
    names = {*archive.namelist()}

    @cache
    def array(number):
        name = f"{number}.npy"
        if name not in names:
            raise ValueError(f"array {name} is missing.")
        return _parse_array(archive.read(name))

    return structure, array


def _parse_array(content):
    stream = BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array is in another version of NumPy's format than 1.0.")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in ARRAY_KINDS:
        raise ValueError(f"an array holds {dtype}, and only numbers and strings are allowed.")
    if len(content) - stream.tell() != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"an array of shape {shape} does not have as many values.")
    order = "F" if by_columns else "C"
    return np.ndarray(shape, dtype, content, stream.tell(), order=order).copy(order="K")
