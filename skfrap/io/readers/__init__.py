"""Readers of file formats: what they are asked for, those there are, and a place for others."""

from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers._check import check_reader
from skfrap.io.readers._registry import Reader, register_reader
from skfrap.io.readers.tiff import TIFFReader

__all__ = [
    "Reader",
    "Recording",
    "TIFFReader",
    "check_memory",
    "check_reader",
    "register_reader",
]
