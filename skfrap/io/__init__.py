"""Read image series, single images and tables of intensities, and write series."""

from skfrap.io._bleaching import BleachEvent, BleachingRecord, DrawnRegion
from skfrap.io._file_frames import FileFrames
from skfrap.io._recording import ImageSeries, Recording
from skfrap.io._rois import read_rois, write_rois
from skfrap.io._series import find_series, load_stack, read_image, read_series
from skfrap.io._write import write_series
from skfrap.io.tables import IntensityTable, read_table

__all__ = [
    "BleachEvent",
    "BleachingRecord",
    "DrawnRegion",
    "FileFrames",
    "ImageSeries",
    "IntensityTable",
    "Recording",
    "find_series",
    "load_stack",
    "read_image",
    "read_rois",
    "read_series",
    "read_table",
    "write_rois",
    "write_series",
]
