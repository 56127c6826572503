"""Frames of a series as small pictures, with what was bleached and measured drawn on them."""

import base64
import struct
import zlib

import numpy as np

from skfrap.experiment import Circle, Ellipse, Polygon, Rectangle
from skfrap.report._svg import outline

_BUDGET = 40_000  # bytes of all pictures of a series in a batch, before they are packed
_SIDES = 64, 224  # pixels: least and largest side of a picture
_MANY = 24  # series up to which size plays no part
_ENDS = 1.0, 99.5  # percentiles from black to white
_N_RINGS = 4  # of a hundred or so: circles that are drawn
# Blue for too little, white, orange for too much: told apart by the colour-blind.
_DIVERGING = ((33, 102, 172), (247, 247, 247), (217, 95, 2))


def side_for(n_series, n_pictures=3):
    """Return the longest side of a picture in pixels, so that a report of many stays small."""
    low, high = _SIDES
    if n_series <= _MANY:
        return high
    return int(np.clip(np.sqrt(_BUDGET / max(n_pictures, 1)), low, high))


def shrink(image, side):
    """Average blocks of pixels until no side is longer than `side`.

    Parameters
    ----------
    image : ndarray of shape (ny, nx)
    side : int

    Returns
    -------
    ndarray
        What is left over at the lower and right edge, less than a block, is cut off.
    """
    image = np.asarray(image, dtype=float)
    block = _block(image.shape, side)
    if block == 1:
        return image
    ny, nx = (max(n // block, 1) for n in image.shape)
    image = image[: ny * block, : nx * block]
    rows, columns = (min(block, n) for n in image.shape)
    return image.reshape(ny, rows, nx, columns).mean(axis=(1, 3))


def _block(shape, side):
    """Return how many pixels in a row become one."""
    return max(1, -(-max(shape) // side))


def data_uri(pixels, palette=None):
    """Write 8-bit pixels as a PNG, and that as an address that needs no file.

    Parameters
    ----------
    pixels : ndarray of shape (ny, nx) of uint8
    palette : bytes, default=None
        Red, green and blue of each value; None is grey.

    Returns
    -------
    str
    """
    ny, nx = pixels.shape
    lines = np.zeros((ny, nx + 1), dtype=np.uint8)  # each begins with its filter, none
    lines[:, 1:] = pixels
    head = struct.pack(">IIBBBBB", nx, ny, 8, 0 if palette is None else 3, 0, 0, 0)
    chunks = [(b"IHDR", head)]
    if palette is not None:
        chunks.append((b"PLTE", palette))
    chunks += [(b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def grey(image, low, high):
    """Turn intensities into 8-bit grey, from black at `low` to white at `high`."""
    image = np.nan_to_num(image, nan=low, posinf=high, neginf=low)
    return (255 * np.clip((image - low) / max(high - low, 1e-300), 0, 1)).round().astype(np.uint8)


def diverging(image, reach):
    """Turn differences into pixels and a palette: blue below 0, white, orange above."""
    image = np.nan_to_num(image, nan=0.0, posinf=reach, neginf=-reach)
    pixels = 127.5 * (1 + np.clip(image / max(reach, 1e-300), -1, 1))
    at = np.linspace(-1, 1, 256)
    channels = [np.interp(at, (-1, 0, 1), [one[k] for one in _DIVERGING]) for k in range(3)]
    palette = np.stack(channels, axis=1).round().astype(np.uint8).tobytes()
    return pixels.round().astype(np.uint8), palette


def frames_of(analysis, side):
    """Return the frames of a series that are shown, as pictures on one scale of grey.

    Parameters
    ----------
    analysis : SeriesAnalysis
    side : int
        Longest side of a picture, pixels.

    Returns
    -------
    list of dict
        ``title``, ``picture``, and the size of what it shows in pixels of the series; none of a
        curve.
    """
    named = [
        ("before bleaching", analysis.prebleach),
        ("first after bleaching", analysis.bleached),
        ("last", analysis.last),
    ]
    small = [(title, shrink(image, side)) for title, image in named if image is not None]
    if not small:
        return []
    values = np.concatenate([image[np.isfinite(image)] for _, image in small]) + 0.0
    low, high = np.percentile(values, _ENDS) if len(values) else (0.0, 1.0)
    block = _block(named[1][1].shape, side)
    return [_picture(title, data_uri(grey(one, low, high)), one, block) for title, one in small]


def _picture(title, picture, image, block):
    height, width = (block * n for n in image.shape)
    return {"title": title, "picture": picture, "width": width, "height": height}


def residual_frames(residuals, side):
    """Return images of what a fit leaves, on one scale of colours.

    Parameters
    ----------
    residuals : sequence of (str, ndarray of shape (ny, nx))
        Titles, and measured minus fitted images.
    side : int

    Returns
    -------
    pictures : list of dict
        As :func:`frames_of` returns.
    reach : float
        Where colours end.
    """
    small = [(str(title), shrink(image, side)) for title, image in residuals]
    if not small:
        return [], 0.0
    finite = np.concatenate([np.abs(image[np.isfinite(image)]) for _, image in small])
    reach = float(np.percentile(finite, _ENDS[1])) if len(finite) else 1.0
    block = _block(np.shape(residuals[0][1]), side)
    return [_picture(t, data_uri(*diverging(one, reach)), one, block) for t, one in small], reach


def overlay_of(analysis):
    """Draw regions onto frames: the inside of an ``svg`` whose unit is a pixel of the series.

    Returns
    -------
    drawn : str
    key : list of (str, str)
        Class and name of all that is drawn.
    """
    protocol, seen = analysis.protocol, analysis.seen
    parts, key = [], []

    def draw(css, name, shape):
        parts.append(shape.replace("<", f'<g class="on-image {css}"><', 1) + "</g>")
        key.append((css, name))

    if analysis.start == "measured" and seen is not None:
        draw("seen", "bleached patch as seen, at half its depth", _shape(seen.protocol))
        if protocol.compartment is None:
            radii = np.linspace(0, seen.radii[-1], _N_RINGS + 1)[1:]
            circles = "".join(_shape(protocol, Circle(float(r), seen.center)) for r in radii)
            draw("rings", "some of the rings", circles)
        if seen.told is not None:
            draw("region", "bleach region as told", _shape(seen.told))
    else:
        draw("region", "bleach region", _shape(protocol))
    if protocol.compartment is not None:
        draw("cell", "compartment", _edges(protocol.compartment_mask))
        for k, (name, region) in enumerate(dict(protocol.rows or ()).items()):
            if region is not None:
                draw(f"drawn{k % 3 + 1}", name.replace("_", " "), _shape(protocol, region))
    return "".join(parts), key


def _shape(protocol, region=None):
    """Draw a region, in pixels: what it is, or the edges of its mask."""
    region = protocol.bleach_region if region is None else region
    pixel = protocol.pixel_size
    if isinstance(region, Circle | Rectangle | Ellipse):
        x, y = (place / pixel for place in region.center_on(protocol.shape, pixel))
    if isinstance(region, Circle):
        return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{region.radius / pixel:.2f}"/>'
    if isinstance(region, Ellipse):
        a, b = (axis / pixel for axis in region.semi_axes)
        turned = f"rotate({region.angle:.4g} {x:.2f} {y:.2f})"
        return (
            f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{a:.2f}" ry="{b:.2f}" transform="{turned}"/>'
        )
    if isinstance(region, Rectangle):
        width, height = region.width / pixel, region.height / pixel
        corner = f'x="{x - width / 2:.2f}" y="{y - height / 2:.2f}"'
        return f'<rect {corner} width="{width:.2f}" height="{height:.2f}"/>'
    if isinstance(region, Polygon):
        points = " ".join(f"{x / pixel:.2f},{y / pixel:.2f}" for x, y in region.vertices)
        return f'<polygon points="{points}"/>'
    return _edges(region.area_fractions(protocol.shape, pixel))


def _edges(mask):
    return f'<path d="{outline(mask)}"/>'
