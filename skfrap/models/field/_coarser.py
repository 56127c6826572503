"""An experiment with larger pixels, for what many pixels do not tell better."""

import numpy as np

from skfrap.experiment import Mask

_MANY = 270_000  # pixels of the padded grid, more than the default protocol has
_PARTS = 4, 2  # pixels along a side that become one
_FEWEST = 4.0  # pixels: radius of a region on the coarser grid


def coarser(protocol, parts):
    """Describe an experiment with larger pixels; what is left over at the ends is left out.

    Parameters
    ----------
    protocol : FRAPProtocol
    parts : int
        Pixels along a side that become one.

    Returns
    -------
    FRAPProtocol
    """
    ny, nx = (n // parts for n in protocol.shape)
    region = protocol.bleach_region
    if isinstance(region, Mask):
        fine = np.asarray(region.array, float)[: ny * parts, : nx * parts]
        region = Mask(fine.reshape(ny, parts, nx, parts).mean(axis=(1, 3)))
    return protocol.replace(
        shape=(ny, nx), pixel_size=protocol.pixel_size * parts, bleach_region=region,
        padding=round(protocol.padding / parts),
    )  # fmt: skip


def coarser_of_many(protocol):
    """Describe an experiment of many pixels by the same field with fewer, if it can be cut evenly.

    Returns
    -------
    FRAPProtocol or None
    """
    sides = [n + 2 * protocol.padding for n in protocol.shape]
    if np.prod(sides) < _MANY:
        return None
    radius = protocol.equivalent_radius / protocol.pixel_size
    for parts in _PARTS:
        even = all(n % parts == 0 for n in (*protocol.shape, protocol.padding))
        if even and radius >= _FEWEST * parts:
            return coarser(protocol, parts)
    return None
