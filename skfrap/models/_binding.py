"""Diffusion and binding: recovery curves and image series of reaction-diffusion."""

from skfrap.models._composed import ComposedModel
from skfrap.models.kinetics import Binding


class BindingModel(ComposedModel, name="binding"):
    """Compute recovery curves and image series of particles that diffuse and bind, exactly.

    Unbound particles U diffuse, bound ones B do not, and U turns into B at the rate ``k_on`` and
    back at the rate ``k_off``. Both fluoresce and are bleached alike, and they start at
    equilibrium, with a fraction k_off / (k_on + k_off) unbound. The immobile fraction neither
    diffuses nor takes part in binding. All else is as in :class:`DiffusionModel` [1]_. Where
    exchange is fast against diffusion over the bleach region the curve is that of free diffusion
    with D * k_off / (k_on + k_off); where it is slow, that of two separate populations.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.

    See Also
    --------
    DiffusionModel : Without binding.
    ReactionModel : Without diffusion.
    skfrap.models.kinetics.effective_diffusion : What fast binding looks like.

    References
    ----------
    .. [1] Röding et al., Biophys. J. 116, 1348-1361 (2019).

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import BindingModel
    >>> model = BindingModel(FRAPProtocol())
    >>> model.curves(D=[100.0, 100.0], k_on=[0.1, 1.0], k_off=0.5, c0=0.9, alpha=0.6).shape
    (2, 110)
    """

    kinetics = Binding()
