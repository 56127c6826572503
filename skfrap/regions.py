"""Another name of what is in :mod:`skfrap.experiment` about regions."""

from skfrap.experiment import (
    Circle,
    Mask,
    Polygon,
    Rectangle,
    parse_region,
    region_from_dict,
    region_to_dict,
)

__all__ = [
    "Circle",
    "Mask",
    "Polygon",
    "Rectangle",
    "parse_region",
    "region_from_dict",
    "region_to_dict",
]
