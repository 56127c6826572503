"""Read image series, single images and tables of intensities, and write series."""

from skfrap.io._recording import ImageSeries, Recording
from skfrap.io._series import find_series, load_stack, read_image, read_series
from skfrap.io._write import write_series
from skfrap.io.tables import IntensityTable, read_table

__all__ = [
    "ImageSeries",
    "IntensityTable",
    "Recording",
    "find_series",
    "load_stack",
    "read_image",
    "read_series",
    "read_table",
    "write_series",
]
