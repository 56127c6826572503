"""Where particles may be: a region with walls, even or uneven, and the rows that are measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skfrap._checks import check_choice
from skfrap.experiment._descriptions import region_from_dict, region_to_dict

__all__ = ["Compartment"]

_CONDUCTANCES = ("partition", "sites")
WHOLE = "compartment"  # the row that is the mean over all of it
BLEACHED = "bleach_region"  # the row that is always there, and first
_FORMS = "'compartment', a region, or pairs of a name and a region"


@dataclass(frozen=True, eq=False, repr=False)
class Compartment:
    """Tell where particles may be: nothing crosses the outline of a region.

    In an uneven compartment particles are as dense before bleaching as an image says. Two physical
    readings make that of it, and they differ in how fast particles get about.

    Parameters
    ----------
    region : Circle, Ellipse, Rectangle, Polygon or Mask
        Outside of it there are no particles.
    equilibrium : array-like of shape (ny, nx), default=None
        The density before bleaching, in any unit, such as the mean of the prebleach frames,
        smoothed. It must be positive in the compartment. None is an even one.
    conductance : {"partition", "sites"}, default="partition"
        What makes the compartment uneven. ``"partition"``: particles avoid some places, as of a
        potential, and diffuse alike everywhere. ``"sites"``: what is free is even, and particles
        bind fast to sites that are not; D is then that of an even compartment with as many
        sites in the mean, and where there are many sites particles are slow.

    See Also
    --------
    FRAPProtocol : Takes it as `compartment`.
    Ellipse : An outline.

    Examples
    --------
    >>> from skfrap import Circle, Compartment, Ellipse, FRAPProtocol
    >>> nucleus = Compartment(Ellipse((10.0, 7.0)))
    >>> protocol = FRAPProtocol(shape=(64, 96), pixel_size=0.25, bleach_region=Circle(2.0),
    ...                         n_bleach=1, compartment=nucleus)
    >>> round(float(protocol.compartment_mask.sum() * 0.25**2), 2)  # µm²
    219.91
    """

    region: Any
    equilibrium: np.ndarray | None = None
    conductance: str = "partition"

    def __post_init__(self):
        if not hasattr(self.region, "area_fractions"):
            raise ValueError(
                "region must be a Circle, Ellipse, Rectangle, Polygon or Mask, "
                f"got {self.region!r}."
            )
        check_choice("conductance", self.conductance, _CONDUCTANCES)
        if self.equilibrium is not None:
            image = np.array(self.equilibrium, dtype=float) + 0.0  # no negative zeros
            if image.ndim != 2 or not np.isfinite(image).all():
                raise ValueError(
                    "equilibrium must be a finite image (ny, nx), got the shape "
                    f"{image.shape}{'' if np.isfinite(image).all() else ' with NaN or infinity'}."
                )
            image.flags.writeable = False
            object.__setattr__(self, "equilibrium", image)

    @property
    def _key(self):
        image = self.equilibrium
        values = None if image is None else (image.shape, image.tobytes())
        return self.region, self.conductance, values

    def __eq__(self, other):
        if not isinstance(other, Compartment):
            return NotImplemented
        return self._key == other._key

    def __hash__(self):
        return hash(self._key)

    def __reduce__(self):
        return Compartment, (self.region, self.equilibrium, self.conductance)

    def __repr__(self):
        if self.equilibrium is None:
            return f"Compartment({self.region!r})"
        ny, nx = self.equilibrium.shape
        return f"Compartment({self.region!r}, {ny} x {nx} image, {self.conductance!r})"

    def area_fractions(self, shape, pixel_size):
        """Compute the fraction of every pixel inside, and check it against the field.

        Parameters
        ----------
        shape : tuple of int
            (ny, nx), the pixels of the field of view.
        pixel_size : float
            µm.

        Returns
        -------
        ndarray of shape (ny, nx)

        Raises
        ------
        ValueError
            If the compartment leaves the field, or its image is of another shape or not positive.
        """
        fractions = fractions_of("compartment", self.region, shape, pixel_size)
        if self.equilibrium is None:
            return fractions
        if self.equilibrium.shape != tuple(shape):
            raise ValueError(
                f"the equilibrium image of the compartment has shape {self.equilibrium.shape}, and "
                f"the protocol's field has shape {tuple(shape)} (ny, nx); the two must be equal."
            )
        lowest = self.equilibrium[fractions > 0].min()
        if lowest <= 0:
            raise ValueError(
                "the equilibrium image must be positive in the compartment, it is as low as "
                f"{lowest:.4g}; draw the outline closer, smooth the image, or subtract less "
                "background."
            )
        return fractions

    def to_dict(self):
        """Describe the compartment by plain values.

        Returns
        -------
        dict
            Plain values, which JSON knows.
        """
        image = self.equilibrium
        return {
            "region": region_to_dict(self.region),
            "equilibrium": None if image is None else image.tolist(),
            "conductance": self.conductance,
        }

    @classmethod
    def from_dict(cls, description):
        """Make the compartment that :meth:`to_dict` described.

        Parameters
        ----------
        description : dict
            As :meth:`to_dict` gives it.

        Returns
        -------
        Compartment
        """
        return cls(**description | {"region": region_from_dict(description["region"])})


def compartment_of(given):
    """Return what a protocol was given as compartment: a region is one that is even."""
    if given is None or isinstance(given, Compartment):
        return given
    if not hasattr(given, "area_fractions"):
        raise ValueError(f"compartment must be a Compartment, a region or None, got {given!r}.")
    return Compartment(given)


def fractions_of(name, region, shape, pixel_size):
    """Compute area fractions of a region that is not the bleach region, whose words say so."""
    try:
        return region.area_fractions(shape, pixel_size)
    except ValueError as error:
        raise ValueError(str(error).replace("bleach_region", name)) from None


def rows_of(given):
    """Return what is measured besides the bleach region as pairs of a name and a region.

    Parameters
    ----------
    given : None, str, region, mapping, or sequence of these or of pairs
        As a protocol takes it; the whole compartment is the region None.

    Returns
    -------
    tuple of (str, region or None), or None
    """
    if given is None:
        return None
    if isinstance(given, Mapping):
        given = [*given.items()]
    elif isinstance(given, str) or hasattr(given, "area_fractions"):
        given = [given]
    try:
        pairs = tuple(_pair(one) for one in given)
    except TypeError:
        raise ValueError(f"rows must be {_FORMS}, got {given!r}.") from None
    names = [name for name, _ in pairs]
    if len({*names}) < len(names):
        raise ValueError(f"rows must have different names, got {names}; give pairs with names.")
    return pairs or None


def _pair(row):
    if isinstance(row, str):
        name, region = row, None
    elif hasattr(row, "area_fractions"):
        name, region = "reference", row
    else:
        try:
            name, region = row
        except ValueError:
            raise ValueError(f"rows must be {_FORMS}, got {row!r}.") from None
    if isinstance(region, str):
        region = None if region == WHOLE else region
    whole = region is None and name == WHOLE
    if not isinstance(name, str) or not (whole or hasattr(region, "area_fractions")):
        raise ValueError(f"rows must be {_FORMS}, got {row!r}.")
    return name, region


def rows_to_dict(rows):
    """Describe rows by plain values."""
    return rows and [[name, WHOLE if one is None else region_to_dict(one)] for name, one in rows]


def rows_from_dict(described):
    """Make the rows that :func:`rows_to_dict` described."""
    return described and [
        (name, one if isinstance(one, str) else region_from_dict(one)) for name, one in described
    ]
