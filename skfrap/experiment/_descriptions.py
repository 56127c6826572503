"""Bleach regions as text that people write, and as plain values that files keep."""

import re
from typing import Any

import numpy as np

from skfrap._checks import check_choice
from skfrap.experiment._ellipse import Ellipse
from skfrap.experiment._regions import Circle, Mask, Polygon, Rectangle


def region_to_dict(region: Any) -> dict[str, Any]:
    """Turn a region into a dictionary of plain Python values.

    Parameters
    ----------
    region : Circle, Ellipse, Rectangle, Polygon or Mask
        The region.

    Returns
    -------
    dict
        Plain values, which JSON knows.

    See Also
    --------
    region_from_dict : Makes the region again.
    """
    kind = type(region).__name__
    if isinstance(region, Mask):
        rows, columns = np.nonzero(region.array)
        first_row, first_column = (int(rows.min()), int(columns.min())) if len(rows) else (0, 0)
        box = region.array[rows.min(initial=first_row) : rows.max(initial=-1) + 1]
        box = box[:, first_column : columns.max(initial=-1) + 1]
        return {
            "type": kind,
            "shape": list(region.array.shape),
            "offset": [first_row, first_column],
            "values": box.tolist(),
        }
    return {"type": kind, **{name: getattr(region, name) for name in region.__match_args__}}


def region_from_dict(description: dict[str, Any]) -> Any:
    """Make the region that `region_to_dict` described.

    Parameters
    ----------
    description : dict
        As :func:`region_to_dict` gives it.

    Returns
    -------
    Circle, Ellipse, Rectangle, Polygon or Mask

    See Also
    --------
    region_to_dict : Makes the description.
    """
    fields = dict(description)
    kind = fields.pop("type", None)
    if kind == "Mask":
        array = np.zeros(fields["shape"])
        y, x = fields["offset"]
        values = np.array(fields["values"], dtype=float).reshape(len(fields["values"]), -1)
        array[y : y + values.shape[0], x : x + values.shape[1]] = values
        return Mask(array)
    kinds = {one.__name__: one for one in (Circle, Ellipse, Rectangle, Polygon)}
    check_choice("type of a region", kind, [*kinds, "Mask"])
    return kinds[kind](**fields)


def parse_region(text, pixel_size):
    """Read a region from a line of text.

    Parameters
    ----------
    text : str
        ``circle:RADIUS``, ``ellipse:AxB`` (semi-axes, optionally ``AxB/DEGREES``),
        ``rectangle:WIDTHxHEIGHT`` or ``polygon:X,Y;X,Y;X,Y``; all but the last optionally followed
        by ``@X,Y``, their centre. Lengths are in µm; with ``px`` after a number, in pixels.
    pixel_size : float
        µm, for lengths in pixels.

    Returns
    -------
    Circle, Ellipse, Rectangle or Polygon

    Examples
    --------
    >>> from skfrap.experiment import parse_region
    >>> parse_region("circle:3.5@28,36.5", pixel_size=0.1)
    Circle(radius=3.5, center=(28.0, 36.5))
    >>> parse_region("rectangle:10pxx20px", pixel_size=0.5)
    Rectangle(width=5.0, height=10.0, center=None)
    >>> parse_region("ellipse:10x7/30", pixel_size=0.1)
    Ellipse(semi_axes=(10.0, 7.0), angle=30.0, center=None)
    """

    def length(number):
        number = number.strip()
        if number.endswith("px"):
            return float(number.removesuffix("px")) * pixel_size
        return float(number)

    def point(pair):
        x, y = pair.split(",")
        return length(x), length(y)

    kind, _, rest = text.partition(":")
    extent, _, middle = rest.partition("@")
    try:
        center = point(middle) if middle else None
        if kind == "circle":
            return Circle(length(extent), center)
        if kind == "ellipse":
            axes, _, angle = extent.partition("/")
            first, second = re.fullmatch(r"([\d.]+(?:px)?)x([\d.]+(?:px)?)", axes).groups()
            return Ellipse((length(first), length(second)), float(angle or 0.0), center)
        if kind == "rectangle":
            width, height = re.fullmatch(r"([\d.]+(?:px)?)x([\d.]+(?:px)?)", extent).groups()
            return Rectangle(length(width), length(height), center)
        if kind == "polygon" and not middle:
            return Polygon([point(pair) for pair in rest.split(";")])
    except (ValueError, AttributeError) as error:
        if "must" in str(error):
            raise
    raise ValueError(
        f"bleach region {text!r} is not understood; write circle:RADIUS[@X,Y], "
        "ellipse:AxB[/DEGREES][@X,Y], rectangle:WIDTHxHEIGHT[@X,Y] or polygon:X,Y;X,Y;X,Y, in µm, "
        "or in pixels with px after a number."
    )
