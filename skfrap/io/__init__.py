"""Read image series and single images from microscope files, and write series."""

from ._series import ImageSeries, find_series, load_stack, read_image, read_series
from ._write import write_series

__all__ = ["ImageSeries", "find_series", "load_stack", "read_image", "read_series", "write_series"]
