"""What a measured start is expected to tell of D: the information that rings hold."""

import numpy as np

from skfrap.experiment import RingLayout, TileLayout
from skfrap.inference.starts._compartment import CompartmentFitter
from skfrap.inference.starts._sample import SampleFitter
from skfrap.judging._starts import describe_starts
from skfrap.models import DiffusionModel
from skfrap.preprocessing import CompartmentExtractor, RingExtractor

_BOUNDS = (10**-2.5, 1e3)  # of D in µm²/s, as of MeasuredStartFRAP


def check_free_diffusion(model, noise):
    """Check that what is planned is what a measured start knows.

    Parameters
    ----------
    model : CurveModel
    noise : str

    Raises
    ------
    ValueError
        It names the argument.
    """
    if type(model) is not DiffusionModel:
        raise ValueError(
            f"model must be 'diffusion' where the protocol's start is measured, got "
            f"{model.name!r}: MeasuredStartFRAP knows free diffusion only. Plan with start='told'."
        )
    if noise != "constant":
        raise ValueError(
            "noise must be 'constant' where the protocol's start is measured: MeasuredStartFRAP "
            f"takes it so; got {noise!r}."
        )


def start_errors(model, values, a, b, bounds, level):
    """Compute the errors of D that fits of a measured start are expected to have.

    Parameters
    ----------
    model : DiffusionModel
        Of the experiment; its region is bleached.
    values : dict of str to ndarray of shape (n,)
        All parameters in natural units.
    a, b : float
        Noise variance of a pixel, and that per intensity.
    bounds : dict or None
        Of D.
    level : float

    Returns
    -------
    D, errors, lower, upper : ndarray of shape (n,)
        The guesses, standard errors of log10 D, and ends of intervals in µm²/s.
    findings : tuple of n tuples of Finding
    """
    protocol, seen = model.protocol, model.protocol.times[model.protocol.n_prebleach :]
    ends = tuple(map(float, (bounds or {}).get("D", _BOUNDS)))
    if protocol.compartment is None:
        layout = RingLayout.of_field(protocol.shape, 1)
        fitter = SampleFitter(protocol, layout, ends)
        extractor = RingExtractor(protocol, center=_middle(protocol), n_sectors=1)
        shape = protocol.n_postbleach, 1, layout.n_rings
    else:
        layout = TileLayout.of_compartment(protocol)
        fitter = CompartmentFitter(protocol, layout, ends)
        extractor = CompartmentExtractor(protocol)
        shape = protocol.n_postbleach, layout.n_tiles
    estimates = []
    for point in zip(*values.values(), strict=True):  # one series of images in memory
        one = dict(zip(values, point, strict=True))
        means = extractor.fit_transform(model.images(**one)).reshape(shape)
        variance = (a + b * one["c0"]) / one["c0"] ** 2
        estimates.append(fitter.fit(means, level, variance))
    findings, _ = describe_starts(estimates, ends, seen[-1] - seen[0])
    errors = np.array([one.best.standard_error for one in estimates])
    lower, upper = 10 ** np.array([one.noise_ends for one in estimates]).T
    return values["D"], errors, lower, upper, findings


def _middle(protocol):
    """Return the middle of the region told, (x, y) in µm."""
    mask = protocol.bleach_mask
    y, x = (np.sum((place + 0.5) * mask) / mask.sum() for place in np.indices(mask.shape))
    return float(x * protocol.pixel_size), float(y * protocol.pixel_size)
