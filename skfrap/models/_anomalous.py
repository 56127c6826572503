"""Anomalous diffusion: recovery curves and image series."""

from skfrap.models._composed import ComposedModel
from skfrap.models.kinetics import Anomalous, Subdiffusion


class AnomalousModel(ComposedModel, name="anomalous"):
    """Compute recovery curves and image series of Gaussian anomalous diffusion, exactly.

    The mean square displacement grows as a power of time, 4 D_at_1s t (t / 1 s)^(exponent - 1), and
    displacements are Gaussian, as those of fractional Brownian motion [1]_. An exponent of 1 is
    free diffusion. What was bleached at different times would have to be followed apart, so that
    the protocol must have one bleach frame, and ``imaging_bleach`` be 1. All else is as in
    :class:`DiffusionModel`.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment, of one bleach frame.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.

    Raises
    ------
    ValueError
        If the protocol has more than one bleach frame.

    See Also
    --------
    DiffusionModel : The exponent 1, and any number of bleach frames.
    SubdiffusionModel : Particles that rest for long.

    References
    ----------
    .. [1] Saxton, Biophys. J. 81, 2226-2240 (2001).

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import AnomalousModel
    >>> model = AnomalousModel(FRAPProtocol(n_bleach=1))
    >>> model.curves(D_at_1s=10.0, exponent=[0.6, 1.0, 1.4], c0=0.9, alpha=0.6).shape
    (3, 110)
    """

    kinetics = Anomalous()


class SubdiffusionModel(ComposedModel, name="subdiffusion"):
    """Compute recovery curves and image series of time-fractional diffusion, exactly.

    Between their steps particles rest for times so broadly distributed that they have no mean, as
    in a crowd of traps: a continuous-time random walk [1]_. The mean square displacement is
    4 D_at_1s t (t / 1 s)^(exponent - 1), with an exponent up to 1, where it is free diffusion. The
    recovery is fast at first and has a long tail. The protocol must have one bleach frame, and
    ``imaging_bleach`` be 1. All else is as in :class:`DiffusionModel`.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment, of one bleach frame.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.

    Raises
    ------
    ValueError
        If the protocol has more than one bleach frame.

    See Also
    --------
    AnomalousModel : The same displacements on average, but Gaussian.

    References
    ----------
    .. [1] Metzler, Klafter, Phys. Rep. 339, 1-77 (2000).

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import SubdiffusionModel
    >>> model = SubdiffusionModel(FRAPProtocol(n_bleach=1))
    >>> model.curves(D_at_1s=10.0, exponent=[0.6, 1.0], c0=0.9, alpha=0.6).shape
    (2, 110)
    """

    kinetics = Subdiffusion()
