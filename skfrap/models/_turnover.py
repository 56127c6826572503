"""Exchange with an unbleached pool: recovery curves and image series."""

from skfrap.models._composed import ComposedModel
from skfrap.models.kinetics import Turnover


class TurnoverModel(ComposedModel, name="turnover"):
    """Compute recovery curves and image series of particles that diffuse and are replaced, exactly.

    Particles diffuse with D, and at the rate ``exchange_rate`` each is replaced by one from a pool
    that is not bleached, such as a membrane's from the cytosol. What is there before bleaching
    stays: as much comes as goes. The immobile fraction neither diffuses nor is replaced. All else
    is as in :class:`DiffusionModel`. With ``fixed={"D": 0.0}`` there is exchange alone, and the
    curve is an exponential.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.

    See Also
    --------
    DiffusionModel : Without exchange.
    ReactionModel : Exchange with what diffuses away at once.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import TurnoverModel
    >>> model = TurnoverModel(FRAPProtocol())
    >>> model.curves(D=[1.0, 0.0], exchange_rate=0.1, c0=0.9, alpha=0.6).shape
    (2, 110)
    """

    kinetics = Turnover()
