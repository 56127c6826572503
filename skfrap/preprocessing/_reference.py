"""A region that was not bleached, by whose light each frame is divided."""

from typing import Any

import numpy as np

from skfrap.experiment import FRAPProtocol
from skfrap.preprocessing._corrector import StackCorrector
from skfrap.preprocessing._protocols import protocol_at, shared_protocol


class ReferenceCorrector(StackCorrector):
    """Divide each frame by the light of a reference region, over that before bleaching.

    The double normalisation of papers [1]_, as a correction of images: fading, and with a whole
    cell as the region also the light that bleaching takes from it, are undone in all pixels. Where
    the region is a cell and D is wanted, a row of the model, ``FRAPProtocol(compartment=...,
    rows="compartment")``, does the same without adding the noise of the region.

    Parameters
    ----------
    region : Circle, Ellipse, Rectangle, Polygon or Mask
        Where the reference is, in light above the dark level.
    protocol : FRAPProtocol, default=None
        Gives the pixel size and the frames before bleaching. None is that of each sample, where
        samples bring theirs, else the paper's.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where each sample has its own.

    See Also
    --------
    FadingCorrector : The same by all of the field that is far from the bleach region.
    Normalizer : The same of curves.

    References
    ----------
    .. [1] Phair, Gorski, Misteli, Methods Enzymol. 375, 393-414 (2004).

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import Circle, FRAPProtocol
    >>> from skfrap.preprocessing import ReferenceCorrector
    >>> protocol = FRAPProtocol(shape=(32, 32), pixel_size=1.0, bleach_region=Circle(4.0),
    ...                         n_prebleach=2, n_postbleach=4)
    >>> fading = 0.9 ** np.arange(6.0)[:, np.newaxis, np.newaxis] * np.ones((1, 6, 32, 32))
    >>> reference = ReferenceCorrector(Circle(3.0, (5.0, 5.0)), protocol)
    >>> bool(np.ptp(reference.fit_transform(fading)[0]) < 1e-9)
    True
    """

    def __init__(self, region: Any, protocol: FRAPProtocol | None = None):
        self.region = region
        self.protocol = protocol

    def learn(self, stacks):
        """Check the region against the protocol."""
        if not hasattr(self.region, "area_fractions"):
            raise ValueError(f"region must be a region, as Circle(2.0), got {self.region!r}.")
        self.protocol_ = shared_protocol(self.protocol, stacks)
        if self.protocol_ is not None:
            self._weights(self.protocol_)

    def _weights(self, protocol):
        try:
            return self.region.area_fractions(protocol.shape, protocol.pixel_size)
        except ValueError as error:
            raise ValueError(str(error).replace("bleach_region", "region")) from None

    def prepare(self, view):
        """Measure the light of the region in each frame, over that before bleaching."""
        protocol = protocol_at(self.protocol, self.protocol_, view.protocol, type(self).__name__)
        weights = self._weights(protocol)
        rows, columns = (
            slice(int(places.min()), int(places.max()) + 1) for places in np.nonzero(weights)
        )
        light = view.read(rows=rows, columns=columns)
        means = np.tensordot(light, weights[rows, columns], axes=2) / weights.sum()
        before = means[: protocol.n_prebleach].mean()
        if not (means > 0).all():
            raise ValueError(
                f"the reference region {self.region!r} has no light in frame "
                f"{int(np.argmin(means))} (from 0); is it outside of the sample, or the dark level "
                "wrong?"
            )
        return means / before

    def apply(self, block, state, frames, rows, columns):
        """Divide frames by the light of the reference."""
        block /= state[frames, np.newaxis, np.newaxis]
