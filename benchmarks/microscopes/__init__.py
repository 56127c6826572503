"""Write files as microscopes do, as small as they can be: for tests, and to be damaged.

Written after the descriptions of the formats and after what libraries read; no microscope made
them. What they hold is told by the arguments, so that a reader's answers can be held against it.
"""

from benchmarks.microscopes._leica import leica_region, write_lif, write_lof, write_xlef
from benchmarks.microscopes._metamorph import write_stk
from benchmarks.microscopes._nikon import write_nd2
from benchmarks.microscopes._olympus import (
    oif_files,
    write_compound,
    write_oib,
    write_oif,
    write_oir,
)
from benchmarks.microscopes._zeiss import write_czi, write_lsm

__all__ = [
    "leica_region",
    "oif_files",
    "write_compound",
    "write_czi",
    "write_lif",
    "write_lof",
    "write_lsm",
    "write_nd2",
    "write_oib",
    "write_oif",
    "write_oir",
    "write_stk",
    "write_xlef",
]
