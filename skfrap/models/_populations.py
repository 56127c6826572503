"""Two kinds of particles: recovery curves and image series."""

from skfrap.models._composed import ComposedModel
from skfrap.models.kinetics import TwoPopulations


class TwoPopulationsModel(ComposedModel, name="two_populations"):
    """Compute recovery curves and image series of two kinds of particles that diffuse, exactly.

    A share ``second_fraction`` of the mobile particles diffuses with ``second_D``, the others with
    D, and none changes its kind while it is watched. Both fluoresce and are bleached alike. All
    else is as in :class:`DiffusionModel`.

    The same curves come with D and second_D exchanged and the share taken from 1. Of the two ways
    to name the kinds a fit answers with the one in which D is the larger, if all three are
    estimated; a simulator that draws all three names them in the same way. What is given in `fixed`
    says itself which kind is meant.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.

    See Also
    --------
    DiffusionModel : One kind.
    BindingModel : Kinds that turn into each other, one of which does not move.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import TwoPopulationsModel
    >>> model = TwoPopulationsModel(FRAPProtocol())
    >>> model.curves(D=100.0, second_D=1.0, second_fraction=[0.2, 0.5], c0=0.9, alpha=0.6).shape
    (2, 110)
    """

    kinetics = TwoPopulations()
