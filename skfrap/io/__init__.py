"""Read image series and single images from microscope files, and write series."""

from skfrap.io._bleaching import BleachEvent, BleachingRecord, DrawnRegion
from skfrap.io._file_frames import FileFrames
from skfrap.io._recording import ImageSeries, Recording
from skfrap.io._series import find_series, load_stack, read_image, read_series
from skfrap.io._write import write_series

__all__ = [
    "BleachEvent",
    "BleachingRecord",
    "DrawnRegion",
    "FileFrames",
    "ImageSeries",
    "Recording",
    "find_series",
    "load_stack",
    "read_image",
    "read_series",
    "write_series",
]
