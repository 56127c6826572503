"""Tables of intensities: those that microscopes, Fiji and spreadsheets write of regions."""

from skfrap.io.tables._read import looks_like_table, read_table
from skfrap.io.tables._table import IntensityTable

__all__ = ["IntensityTable", "looks_like_table", "read_table"]
