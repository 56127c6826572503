"""What all pixels of an experiment are expected to tell, beside its curve."""

import numpy as np

from skfrap.inference.fitting._images import ImageFitter
from skfrap.models import DiffusionModel, image_surrogate_for
from skfrap.parameters import ParameterSpace

_AROUND = 3.0  # times the guesses of D: how far images are interpolated
_STEPS, _TOLERANCE = 20, 1e-12  # of fits that start where they end
_KNOWN = "D", "c0", "alpha", "mobile_fraction"


def check_images(model, space, noise):
    """Check that what is planned can be estimated from all pixels.

    Parameters
    ----------
    model : CurveModel
    space : ParameterSpace
    noise : str

    Raises
    ------
    ValueError
        It names the argument.
    """
    if type(model) is not DiffusionModel or model.protocol.compartment is not None:
        raise ValueError(
            f"model must be 'diffusion' on an open field with data='images', got {model.name!r} of "
            f"{model.protocol!r}; plan with data='curve'."
        )
    others = [name for name in space.free if name not in _KNOWN]
    if others or noise != "constant":
        raise ValueError(
            f"data='images' is planned for {', '.join(_KNOWN)} and noise='constant', got "
            f"{', '.join(others) or repr(noise)}; plan with data='curve'."
        )


def image_errors(model, space, values, a, b):
    """Compute the covariance of fits of all pixels in a window, by noise alone.

    Levels of frames are free, and light is divided by that before bleaching.

    Parameters
    ----------
    model : DiffusionModel
        Of the experiment.
    space : ParameterSpace
        What is estimated.
    values : dict of str to ndarray of shape (n,)
        All parameters in natural units.
    a, b : float
        Noise variance of a pixel, and that per intensity, which is taken for as large everywhere as
        before bleaching.

    Returns
    -------
    ndarray of shape (n, n_free, n_free)
        On the targets' scales.
    """
    D = values["D"]
    ends = float(D.min() / _AROUND), float(D.max() * _AROUND)
    fixed = {k: v for k, v in space.fixed.items() if k in ("bleach_blur", "imaging_blur")}
    surrogate = image_surrogate_for(model.protocol, {"D": ends}, fixed)
    near = ParameterSpace.of(model, space.free, space.fixed, {"D": ends})
    fitter = ImageFitter(surrogate, near, max_nfev=_STEPS, tol=_TOLERANCE)
    rows = surrogate.curves(**{name: values[name] for name in ("c0", *surrogate.names)})
    # What pixels hold besides: noise of that variance.
    rows[:, -1] = np.sqrt((a + b * values["c0"]) * surrogate.freedom(len(near.free)))
    fits = fitter.fit_from_estimates(rows, near.theta(values))
    return fitter.covariance(fits, rows.shape[1])
