"""Recovery curves and image series of a protocol and of kinetics, whichever they are."""

from functools import reduce, wraps
from inspect import Parameter, Signature, cleandoc, signature
from operator import add

import numpy as np

from skfrap.models._base import ExactModel, broadcast_parameters, image_series, in_window
from skfrap.models._optics import optics_for
from skfrap.models.cell._engine import CompartmentEngine
from skfrap.models.field._radial import LocalReaction
from skfrap.models.field._spectral import FrameStepper, memoised
from skfrap.models.kinetics import Kinetics
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import parameter

_OF_LIGHT = {"imaging_bleach": 1.0, "bleach_blur": 0.0, "imaging_blur": 0.0}
_ALL_PARAMETERS = """\
*args, **kwargs : array-like
    The parameters, in the order of :meth:`defaults` or by name.
"""


class ComposedModel(ExactModel):
    """Base class of exact models that are made of a protocol and of kinetics.

    A subclass gives itself a name and an instance of its kinetics; see
    :class:`skfrap.models.kinetics.Kinetics` for an example. Its parameters are those of the
    kinetics, c0, alpha and mobile_fraction, imaging_bleach, bleach_blur and imaging_blur.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.

    Attributes
    ----------
    kinetics : Kinetics

    Raises
    ------
    ValueError
        If the kinetics are no semigroup and the protocol has more than one bleach frame.
    """

    kinetics: Kinetics | None = None

    def __init_subclass__(cls, name=None, **options):
        kinetics = cls.kinetics
        if kinetics is not None and not isinstance(kinetics, Kinetics):
            raise ValueError(f"{cls.__name__}.kinetics must be a Kinetics, got {kinetics!r}.")
        super().__init_subclass__(name=name, **options)
        if kinetics is None:
            return
        for of in ("simpler", "alike", "limits"):
            if of not in vars(cls):
                setattr(cls, of, getattr(kinetics, of))
        parameters = _parameters(kinetics)
        padded = Parameter("padded", Parameter.KEYWORD_ONLY, default=False)
        if "curves" not in vars(cls):
            cls.curves = _with_parameters(ComposedModel.curves, parameters)
        if "images" not in vars(cls):
            cls.images = _with_parameters(ComposedModel.images, parameters, padded)

    def __init__(self, protocol, weights=None):
        super().__init__(protocol, weights)
        if not self.kinetics.is_semigroup and protocol.n_bleach > 1:
            raise ValueError(
                f"the protocol has n_bleach={protocol.n_bleach}, and {self.kinetics} are no "
                "semigroup: they are known for one bleach frame only. Use a protocol with "
                "n_bleach=1, or another model."
            )

    @property
    def bounds(self):
        """Bounds for fits, by name: those of the kinetics, and of what all exact models share."""
        return self.kinetics.bounds(self.protocol) | super().bounds

    def derived(self, values):
        """Compute what the kinetics derive from their parameters.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            Parameters in natural units.

        Returns
        -------
        dict of str to ndarray of shape (n,)
        """
        return self.kinetics.derived(**{name: values[name] for name in self.kinetics.parameters})

    def curves(self, *args, **kwargs):
        """Compute recovery curves, the mean intensity over the bleach region in each frame.

        Parameters
        ----------
        *args, **kwargs : array-like
            The parameters, in the order of :meth:`defaults` or by name.

        Returns
        -------
        ndarray of shape (n, n_frames)
            The arguments are broadcast against each other and n is their common size.

        Raises
        ------
        ValueError
            If an argument is out of range or not finite, or if imaging bleaches where the kinetics
            are no semigroup.
        """
        return self._curves(self._broadcast(args, kwargs))

    def _after_flash(self, bleach_blur, imaging_blur, **named):
        """Return the deficits of mobile and of immobile particles after one bleach frame."""
        start = self.kinetics.start(**named)
        engine = self._engine("local", bleach_blur)
        if not engine.is_small:
            return None
        return engine.after_flash(self._symbol(named), start, imaging_blur)

    def shapes(
        self, depth, *values, imaging_bleach=1.0, bleach_blur=0.0, imaging_blur=0.0, **named
    ):
        """Compute curves of mobile and of immobile particles, c0 being 1.

        Parameters
        ----------
        depth : ndarray of shape (n,)
            1 - alpha.
        *values, **named : float
            Parameters of the kinetics, in their order or by name.
        imaging_bleach, bleach_blur, imaging_blur : float
            As in :meth:`curves`.

        Returns
        -------
        moving, still : ndarray of shape (n, n_frames)
        """
        named |= dict(zip(self.kinetics.parameters, values, strict=False))
        self._check_imaging(imaging_bleach)
        depth = np.asarray(depth, dtype=float)
        if self.protocol.compartment is not None:
            engine = self._engine("compartment", bleach_blur, imaging_blur)
            factor = self.known_factor(imaging_bleach)
            return engine.shapes(self.kinetics, named, depth, factor)
        moving, still = np.ones((2, len(depth), self.protocol.n_frames))
        if imaging_bleach == 1 and (engine := self._engine("local", bleach_blur)).is_small:
            start = self.kinetics.start(**named)
            after = slice(self.protocol.n_prebleach, None)
            moving[:, after] -= engine.mobile(self._symbol(named), start, depth, imaging_blur)
            still[:, after] -= engine.immobile(depth, imaging_blur)[:, np.newaxis]
            return moving, still
        stepper = self._engine("stepper", bleach_blur)
        for row, one in enumerate(depth):
            both = self._stepped(named, one, imaging_bleach, bleach_blur)
            for curves, frames in zip((moving, still), both, strict=True):
                curves[row] = [stepper.mean(stepper.blur(left, imaging_blur)) for left in frames]
        return moving, still

    @one_blas_thread()
    def images(self, *args, padded=False, **kwargs):
        """Compute noise-free image series of all particles, whatever their species.

        Parameters
        ----------
        *args, **kwargs : array-like
            The parameters, in the order of :meth:`defaults` or by name.
        padded : bool, default=False
            Return the whole periodic grid, padding included.

        Returns
        -------
        ndarray of shape (n, n_frames, ny, nx)
            The mean of each frame over the bleach region is the value of :meth:`curves`.
        """
        values = self._broadcast(args, kwargs)
        return image_series(self.protocol, values, self._frames, padded)

    def _broadcast(self, args, kwargs):
        """Check parameters, complete them by their defaults and broadcast them."""
        given = signature(type(self).curves).bind(self, *args, **kwargs)
        given.apply_defaults()
        _, *values = given.arguments.items()
        values = broadcast_parameters(self.limits, **dict(values))
        self._check_imaging(values["imaging_bleach"])
        return values

    def _check_imaging(self, imaging_bleach):
        if not self.kinetics.is_semigroup and np.any(np.less(imaging_bleach, 1)):
            raise ValueError(
                f"imaging_bleach must be 1 where particles follow {self.kinetics}, which are no "
                "semigroup: they are known for one bleach frame only, and imaging would bleach in "
                f"every frame; got {np.min(imaging_bleach):g}."
            )

        within = self.protocol.compartment is not None
        if within and not self.kinetics.is_closed and np.any(np.less(imaging_bleach, 1)):
            raise ValueError(
                f"imaging_bleach must be 1 where particles follow {self.kinetics} in a compartment:"
                " imaging would bleach evenly what is replaced in the meantime, which is not known "
                f"there; got {np.min(imaging_bleach):g}. Correct for fading before."
            )

    def _symbol(self, values):
        return lambda k_squared, times: self.kinetics.symbol(k_squared, times, **values)

    def _frames(
        self, window, alpha, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur, **values
    ):
        """Yield what is left in a window of the padded grid after each recorded frame."""
        if self.protocol.compartment is not None:
            engine = self._engine("compartment", bleach_blur, imaging_blur)
            factor = imaging_bleach**self._n_imaged
            frames = engine.frames(self.kinetics, values, 1 - alpha, mobile_fraction, factor)
            yield from in_window(frames, self.protocol, window)
            return
        stepper = self._engine("stepper", bleach_blur)
        both = self._stepped(values, 1 - alpha, imaging_bleach, bleach_blur)
        for moving, still in zip(*both, strict=True):
            left = mobile_fraction * moving + (1 - mobile_fraction) * still
            yield stepper.grid.whole(stepper.blur(left, imaging_blur))[window]

    def _stepped(self, values, depth, imaging_bleach, bleach_blur):
        """Return what is left of mobile and of immobile particles, two iterators over frames."""
        stepper = self._engine("stepper", bleach_blur)
        start = self.kinetics.start(**values)
        propagate = _propagator(stepper.grid.k_squared, self._symbol(values))
        if not self.kinetics.is_closed:
            propagate = _of_deficits(stepper.grid, start, propagate)
        if self.kinetics.is_semigroup:
            mobile = stepper.frames(start, propagate, depth, imaging_bleach)
        else:
            mobile = _since_bleaching(stepper, start, propagate, depth)
        return mobile, stepper.still_frames(depth, imaging_bleach)

    def _make_engine(self, kind, bleach_blur, imaging_blur=0.0):
        if kind == "compartment":
            return CompartmentEngine(self.protocol, bleach_blur, imaging_blur, self._weights)
        optics = optics_for(self.protocol, bleach_blur, self._weights)
        if kind == "stepper":
            return FrameStepper(self.protocol, optics)
        return LocalReaction(self.protocol, optics.bleach, optics.weights)


def _propagator(k_squared, symbol):
    """Return a function that carries the modes of all species on by a time."""

    @memoised
    def matrix(time):
        return symbol(k_squared, [time])[0]

    def propagate(modes, time):
        return np.stack(
            [reduce(add, (part * mode for part, mode in zip(row, modes, strict=True)))
             for row in matrix(time)]
        )  # fmt: skip

    return propagate


def _of_deficits(grid, start, propagate):
    """Let a propagator act on what bleaching has taken: it is that which others replace."""
    even = grid.forward(start[:, np.newaxis, np.newaxis] * np.ones(grid.shape))
    return lambda modes, time: even + propagate(modes - even, time)


def _since_bleaching(stepper, start, propagate, depth):
    """Yield what is left after each recorded frame, each from the one bleach frame at once."""
    protocol, grid = stepper.protocol, stepper.grid
    for _ in range(protocol.n_prebleach):
        yield np.ones(grid.shape)
    bleached = grid.forward(start[:, np.newaxis, np.newaxis] * (depth * stepper.bleach))
    for time in protocol.times[protocol.n_prebleach :]:
        yield 1 - grid.backward(propagate(bleached, time).sum(axis=0))


def _parameters(kinetics):
    """List the arguments of a model with some kinetics, and their defaults."""
    required = [name for name in kinetics.parameters if name not in kinetics.defaults]
    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter(name, kind) for name in ("self", *required, "c0", "alpha")]
    parameters.append(Parameter("mobile_fraction", kind, default=1.0))
    for name, default in (kinetics.defaults | _OF_LIGHT).items():
        parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default))
    return parameters


def _with_parameters(method, parameters, *others):
    """Give a method, which takes any arguments, the signature of one that takes these."""

    @wraps(method)
    def with_these(self, *args, **kwargs):
        return method(self, *args, **kwargs)

    described = "".join(
        f"{one.name} : array-like{_default(one)}\n    {_meaning(one.name)}\n"
        for one in parameters[1:]
    )
    with_these.__signature__ = Signature([*parameters, *others])
    with_these.__doc__ = cleandoc(method.__doc__).replace(_ALL_PARAMETERS, described)
    return with_these


def _default(argument):
    return "" if argument.default is Parameter.empty else f", default={argument.default}"


def _meaning(name):
    entry = parameter(name)
    unit = f", {entry.unit}" if entry.unit else ""
    return f"{entry.meaning[0].upper()}{entry.meaning[1:]}{unit}."
