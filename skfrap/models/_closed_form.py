"""The field's closed forms: quick to write down, and right where their assumptions hold.

All take the parameters of the exact models. They know no bleaching that takes time: bleach frames
count as one flash that leaves ``alpha ** n_bleach``, and the edges of the field do not exist.
"""

from functools import cached_property

import numpy as np
from scipy.special import hyp1f1, i0e, i1e

from skfrap.experiment._frames import refuse_rows
from skfrap.models._base import CurveModel, broadcast_parameters
from skfrap.models._composed import ComposedModel
from skfrap.models.kinetics import Binding, FreeDiffusion, Reaction
from skfrap.parameters import Parameter, define

__all__ = ["ExponentialModel", "GaussianBeamModel", "ReactionModel", "SoumpasisModel"]

define(Parameter("half_time", "s", "log10", 0.0, np.inf, "time in which half has recovered"))
define(
    Parameter(
        "half_time_ratio", "", "log10", 1.0, np.inf, "second half-time over the first", "rate"
    )
)
define(
    Parameter(
        "second_half_time", "s", "log10", 0.0, np.inf, "half-time of a second term", "derived"
    )
)


class _ClosedForm(CurveModel):
    """What the closed forms share: c0 times a function of the time since the flash."""

    knows_walls = True  # of a compartment, or has no use for them

    def __init__(self, protocol):
        refuse_rows(protocol, f"a {type(self).__name__}")
        if protocol.compartment is not None and not self.knows_walls:
            raise ValueError(
                f"the protocol has a compartment, and a {type(self).__name__} assumes that there "
                "is no edge near by; use model='diffusion', or a protocol without compartment."
            )
        super().__init__(protocol)

    def _curves(self, after, c0):
        """Put prebleach frames of c0 before c0 times `after`, (n, n_postbleach)."""
        return c0[:, np.newaxis] * self.after_prebleach(after)

    def _flash(self, alpha):
        """Return what all bleach frames together leave, as a column."""
        return alpha[:, np.newaxis] ** self.protocol.n_bleach


class SoumpasisModel(_ClosedForm, name="soumpasis"):
    """Recovery of a uniformly bleached disk, watched over the same disk.

    With tau = r² / 4D the bleached particles that have left the disk are a fraction
    exp(-2 tau / t) [I0(2 tau / t) + I1(2 tau / t)] [1]_. It assumes a sharp, even disk, an
    instantaneous flash, an unbounded even sample and free diffusion. For another region the disk of
    equal area is taken.

    It agrees with the exact model of one bleach frame to 2e-3 of c0, where that has 60 pixels
    across the disk. With the four bleach frames of the default protocol and alpha = 0.7 it is wrong
    by 0.008, 0.02 and 0.06 of c0 at D = 1, 10 and 100 µm²/s: the flash was not instantaneous.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.

    See Also
    --------
    DiffusionModel : Exact, on the pixel grid.
    GaussianBeamModel : Diffusion after a Gaussian laser beam.
    ExponentialModel : No physics: one exponential.
    ReactionModel : Binding alone, without diffusion.

    References
    ----------
    .. [1] Soumpasis, Biophys. J. 41, 95-97 (1983), Eq. 15.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import SoumpasisModel
    >>> SoumpasisModel(FRAPProtocol()).curves(D=10.0, c0=1.0, alpha=0.7).shape
    (1, 110)
    """

    knows_walls = False

    @property
    def bounds(self):
        """Bounds for fits: D as in `DiffusionModel.D_range`."""
        return FreeDiffusion().bounds(self.protocol)

    def curves(self, D, c0, alpha, mobile_fraction=1.0):
        """Compute recovery curves; arguments and result as in :meth:`DiffusionModel.curves`.

        Parameters
        ----------
        D : float or array-like of shape (n,)
            Diffusion coefficient, µm²/s.
        c0 : float or array-like of shape (n,)
            Prebleach intensity.
        alpha : float or array-like of shape (n,)
            What bleaching leaves in the region.
        mobile_fraction : float or array-like of shape (n,), default=1
            Share that moves.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        values = broadcast_parameters(D=D, c0=c0, alpha=alpha, mobile_fraction=mobile_fraction)
        r_squared = self.protocol.equivalent_radius**2
        with np.errstate(divide="ignore"):
            x = r_squared / (2 * values["D"][:, np.newaxis] * self.postbleach_times)  # 2 tau / t
        recovered = np.where(np.isfinite(x), i0e(x) + i1e(x), 0.0)
        recovered *= values["mobile_fraction"][:, np.newaxis]
        return self._curves(1 - (1 - self._flash(values["alpha"])) * (1 - recovered), values["c0"])


class GaussianBeamModel(_ClosedForm, name="gaussian_beam"):
    """Recovery after a flash of a Gaussian beam, watched with the same beam.

    The flash leaves exp(-K exp(-2 x² / w²)) at a distance x of its middle, with K from what it
    leaves there, ``alpha ** n_bleach``; after a time t the signal is
    sum_n (-K)^n / n! / (1 + n (1 + 2 t / tau)) with tau = w² / 4D [1]_. It assumes Gaussian
    profiles of bleaching and of watching, an instantaneous flash, an unbounded even sample and
    free diffusion.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    width : float, default=None
        w, half width of the beam at 1/e² of its height, µm. None is the radius of the disk with
        the bleach region's area.

    See Also
    --------
    DiffusionModel : Exact, on the pixel grid.
    SoumpasisModel : Diffusion out of a disk, in closed form.
    ExponentialModel : No physics: one exponential.
    ReactionModel : Binding alone, without diffusion.

    References
    ----------
    .. [1] Axelrod et al., Biophys. J. 16, 1055-1069 (1976), Eq. 12.
    """

    knows_walls = False

    def __init__(self, protocol, width=None):
        super().__init__(protocol)
        self.width = protocol.equivalent_radius if width is None else width

    def to_state(self):
        """Return what a file keeps: ``"protocol"`` and ``"width"``.

        Returns
        -------
        dict
            By names that stay.
        """
        return super().to_state() | {"width": self.width}

    @property
    def bounds(self):
        """Bounds for fits: D as in `DiffusionModel.D_range`, alpha positive."""
        return FreeDiffusion().bounds(self.protocol) | {"alpha": (1e-3, 1.0)}

    def curves(self, D, c0, alpha, mobile_fraction=1.0):
        """Compute recovery curves; arguments and result as in :meth:`DiffusionModel.curves`.

        `alpha` must be positive: a Gaussian beam bleaches its middle completely only with infinite
        light.

        Parameters
        ----------
        D : float or array-like of shape (n,)
            Diffusion coefficient, µm²/s.
        c0 : float or array-like of shape (n,)
            Prebleach intensity.
        alpha : float or array-like of shape (n,)
            What bleaching leaves in the region.
        mobile_fraction : float or array-like of shape (n,), default=1
            Share that moves.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        values = broadcast_parameters(D=D, c0=c0, alpha=alpha, mobile_fraction=mobile_fraction)
        if (values["alpha"] == 0).any():
            raise ValueError("alpha must be positive for a Gaussian beam, got 0.")
        K = -np.log(self._flash(values["alpha"]))
        spread = 1 + 8 * values["D"][:, np.newaxis] * self.postbleach_times / self.width**2
        moving, still = _gaussian_signal(K, spread), _gaussian_signal(K, np.ones_like(spread))
        mobile = values["mobile_fraction"][:, np.newaxis]
        return self._curves(mobile * moving + (1 - mobile) * still, values["c0"])


class ExponentialModel(_ClosedForm, name="exponential"):
    """Recovery as one or two exponentials, as often fitted without a model in mind.

    The bleached particles are replaced as 1 - 2^(-t / half_time), or as a mixture of two such
    terms. The half-times say how fast a curve recovers and nothing of why.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.

    See Also
    --------
    DiffusionModel : Exact, on the pixel grid.
    SoumpasisModel : Diffusion out of a disk, in closed form.
    GaussianBeamModel : Diffusion after a Gaussian laser beam.
    ReactionModel : Binding alone, without diffusion.
    """

    @property
    def bounds(self):
        """Bounds for fits, by name: times between the first and the last frame, and somewhat more.

        The second term is the slower one, by at most the range of times.
        """
        first, last = self.postbleach_times[0, [0, -1]]
        return {
            "half_time": (1e-2 * first, 1e2 * last),
            "half_time_ratio": (1.0, max(1e1, last / first)),
        }

    def derived(self, values):
        """Compute the half-time of the second term, ``second_half_time``, where there is one.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            Parameters in natural units.

        Returns
        -------
        dict of str to ndarray of shape (n,)
        """
        if np.all(values["second_fraction"] == 0):
            return {}
        return {"second_half_time": values["half_time"] * values["half_time_ratio"]}

    def curves(
        self, half_time, c0, alpha, mobile_fraction=1.0, half_time_ratio=1.0, second_fraction=0.0
    ):
        """Compute recovery curves.

        Parameters
        ----------
        half_time : array-like
            s, > 0.
        c0, alpha, mobile_fraction : array-like
            As in :meth:`DiffusionModel.curves`.
        half_time_ratio : array-like, default=1.0
            Half-time of a second, slower term over that of the first, at least 1.
        second_fraction : array-like, default=0.0
            Share of the second term, 0 to 1.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        values = broadcast_parameters(
            half_time=half_time,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            half_time_ratio=half_time_ratio,
            second_fraction=second_fraction,
        )
        column = {name: value[:, np.newaxis] for name, value in values.items()}
        if (values["half_time"] == 0).any():
            raise ValueError("half_time must be positive, got 0.")
        halvings = self.postbleach_times / column["half_time"]
        left = (1 - column["second_fraction"]) * 2**-halvings
        left += column["second_fraction"] * 2 ** (-halvings / column["half_time_ratio"])
        recovered = column["mobile_fraction"] * (1 - left)
        return self._curves(1 - (1 - self._flash(values["alpha"])) * (1 - recovered), values["c0"])


class ReactionModel(_ClosedForm, name="reaction"):
    """Recovery limited by release alone: unbound particles diffuse away at once.

    Bleached unbound particles are gone before the first frame; bound ones, a fraction
    k_on / (k_on + k_off), are replaced as exp(-k_off t) [1]_. It assumes that diffusion over the
    bleach region is much faster than binding and release, and an unbounded sample. In a
    compartment, where what was bleached is missing in the end, it is computed on the pixel grid,
    by :class:`skfrap.models.kinetics.Reaction`.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.

    See Also
    --------
    DiffusionModel : Exact, on the pixel grid.
    SoumpasisModel : Diffusion out of a disk, in closed form.
    GaussianBeamModel : Diffusion after a Gaussian laser beam.
    ExponentialModel : No physics: one exponential.

    References
    ----------
    .. [1] Sprague, Pego, Stavreva, McNally, Biophys. J. 86, 3473-3495 (2004), Eq. 11.
    """

    kinetics = Reaction()  # the same where the sample has an end

    @cached_property
    def _inside(self):
        return _ReactionInside(self.protocol)

    @property
    def bounds(self):
        """Bounds for fits: rates as in :attr:`BindingModel.bounds`."""
        bounds = Binding().bounds(self.protocol)
        return {name: bounds[name] for name in ("k_on", "k_off")}

    def curves(self, k_on, k_off, c0, alpha, mobile_fraction=1.0):
        """Compute recovery curves; parameters as in :meth:`BindingModel.curves`, without D.

        Parameters
        ----------
        k_on : float or array-like of shape (n,)
            Rate of binding, 1/s.
        k_off : float or array-like of shape (n,)
            Rate of unbinding, 1/s.
        c0 : float or array-like of shape (n,)
            Prebleach intensity.
        alpha : float or array-like of shape (n,)
            What bleaching leaves in the region.
        mobile_fraction : float or array-like of shape (n,), default=1
            Share that moves.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        if self.protocol.compartment is not None:
            return self._inside.curves(k_on, k_off, c0, alpha, mobile_fraction)
        values = broadcast_parameters(
            k_on=k_on, k_off=k_off, c0=c0, alpha=alpha, mobile_fraction=mobile_fraction
        )
        k_on, k_off = values["k_on"][:, np.newaxis], values["k_off"][:, np.newaxis]
        bound = np.divide(k_on, k_on + k_off, out=np.zeros_like(k_on), where=k_on > 0)
        mobile = values["mobile_fraction"][:, np.newaxis]
        recovered = mobile * (1 - bound * np.exp(-k_off * self.postbleach_times))
        return self._curves(1 - (1 - self._flash(values["alpha"])) * (1 - recovered), values["c0"])


class _ReactionInside(ComposedModel):
    kinetics = Reaction()


def _gaussian_signal(K, spread):
    """Sum (-K)^n / n! / (1 + n spread) over n: Kummer's 1F1(a; a + 1; -K) with a = 1 / spread."""
    a = 1 / spread
    return hyp1f1(a, a + 1, -K)
