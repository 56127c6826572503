"""Readers of file formats: what they are asked for, those there are, and a place for others."""

from importlib import import_module

from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers._check import check_reader
from skfrap.io.readers._registry import Reader, register_reader
from skfrap.io.readers.tiff import TIFFReader

# Readers of microscopes' own files, each imported when it is asked for.
_LAZY = {
    "CZIReader": "czi",
    "LIFReader": "lif",
    "LSMReader": "lsm",
    "ND2Reader": "nd2",
    "OIFReader": "oif",
    "OIRReader": "oir",
    "PictureReader": "pictures",
    "STKReader": "lsm",
}


def __getattr__(name):
    if name in _LAZY:
        return getattr(import_module(f"skfrap.io.readers.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CZIReader",
    "LIFReader",
    "LSMReader",
    "ND2Reader",
    "OIFReader",
    "OIRReader",
    "PictureReader",
    "Reader",
    "Recording",
    "STKReader",
    "TIFFReader",
    "check_memory",
    "check_reader",
    "register_reader",
]
