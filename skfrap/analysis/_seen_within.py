"""What the images show of the start within a compartment: tiles in place of rings."""

import numpy as np
from scipy.ndimage import gaussian_filter, label

from skfrap.analysis._seen import SeenStart, bounds_of
from skfrap.estimators import MeasuredStartFRAP
from skfrap.experiment import Circle
from skfrap.inference.starts._seen import profiles_of
from skfrap.models.starts import tile_modes
from skfrap.preprocessing import CompartmentExtractor

_SMALLEST = 2.0  # pixels: radius of a region
_SMOOTH = 1.5  # pixels


def see_start_within(corrected, before, after, protocol, options):
    """Measure the start of one stack in its compartment.

    Parameters
    ----------
    corrected : StackSequence
        Of one stack.
    before, after : ndarray of shape (ny, nx)
        Average frame before bleaching, and the first after it.
    protocol : FRAPProtocol
        With a compartment.
    options : ExperimentOptions

    Returns
    -------
    SeenStart

    Raises
    ------
    ValueError
        If a part of the compartment has no light, or the patch lies at the border of the field.
    """
    protocol = protocol.replace(rows=None)
    extractor = CompartmentExtractor(protocol)
    X = extractor.fit_transform(corrected)
    estimator = MeasuredStartFRAP(protocol, bounds_of(protocol, options)).fit(X)
    (measure,) = estimator.measure(X, options.level)
    means = X.reshape(protocol.n_postbleach, -1)
    profiles = profiles_of(measure, (means, range(len(means))), extractor.layout_, protocol)
    center = _middle(before, after, protocol)
    room = min(*center, *(n * protocol.pixel_size - c for n, c in _ends(protocol, center)))
    radius = np.clip(measure.half_radius, _SMALLEST * protocol.pixel_size, room)
    patch = protocol.replace(bleach_region=Circle(float(radius), center))
    side = extractor.layout_.side
    return SeenStart(
        protocol=patch,
        told=None,
        estimates=estimator.estimates_of([measure], options.level),
        measure=measure,
        radii=profiles.radii,
        times=profiles.times,
        missing=1 - profiles.measured,
        fitted=1 - profiles.fitted,
        left=_left(measure, means, patch, side),
    )


def _ends(protocol, center):
    return zip(protocol.shape[::-1], center, strict=True)


def _middle(before, after, protocol):
    """Find the middle of the darkest patch of a compartment, (x, y) in µm."""
    inside = protocol.compartment_mask
    light, left = (gaussian_filter(one * inside, _SMOOTH) for one in (before, after))
    some = (inside > 0.5) & (light > 0)
    missing = np.where(some, 1 - left / np.where(some, light, 1.0), 0.0)
    missing = np.where(some, missing - np.median(missing[some]), 0.0)
    patches, _ = label(missing > 0.5 * missing.max())
    patch = patches == patches[np.unravel_index(missing.argmax(), missing.shape)]
    weights = np.where(patch, missing, 0.0)
    rows, columns = (np.sum(weights * one) / weights.sum() for one in np.indices(inside.shape))
    return tuple(float((place + 0.5) * protocol.pixel_size) for place in (columns, rows))


def _left(measure, means, protocol, side):
    """Return what the fit leaves of the mean over the bleach region, (n_postbleach,)."""
    modes = tile_modes(protocol, side)
    tiles = modes.tiles
    within = tiles.index >= 0
    weights = np.bincount(
        tiles.index[within], protocol.roi_weights[within], minlength=means.shape[1]
    )
    times = protocol.times[protocol.n_prebleach :]
    pattern = measure.best.missing(times - times[0]) @ modes.modes.T
    fitted = (means @ tiles.shares)[:, np.newaxis] * (1 - pattern)
    return (means - fitted) @ weights / weights.sum()
