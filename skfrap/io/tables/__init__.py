"""Tables of intensities: those that microscopes, Fiji and spreadsheets write of regions."""

from skfrap.io.tables._read import read_table
from skfrap.io.tables._table import IntensityTable

__all__ = ["IntensityTable", "read_table"]
