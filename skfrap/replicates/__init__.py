"""Several measurements of one sample: means with intervals, and comparisons."""

from skfrap.replicates._nested import NestedSummary, summarise_nested
from skfrap.replicates._replicates import (
    Comparisons,
    ReplicateSummary,
    compare_groups,
    compare_methods,
    summarise_replicates,
)

__all__ = [
    "Comparisons",
    "NestedSummary",
    "ReplicateSummary",
    "compare_groups",
    "compare_methods",
    "summarise_nested",
    "summarise_replicates",
]
