"""Several measurements of one sample: means with intervals, and comparisons."""

from skfrap.replicates._replicates import (
    Comparisons,
    ReplicateSummary,
    compare_groups,
    compare_methods,
    summarise_replicates,
)

__all__ = [
    "Comparisons",
    "ReplicateSummary",
    "compare_groups",
    "compare_methods",
    "summarise_replicates",
]
