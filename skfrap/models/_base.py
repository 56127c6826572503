"""What fits, simulators and interpolations ask of a model, and what models share.

A model is a class with a method `curves`. The names of its arguments are the model's parameters,
those without a default are what a fit estimates unless told otherwise: nothing else has to be said
of a new parameter but its unit and scale (:func:`skfrap.parameters.define`).
"""

import inspect
from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType

import numpy as np

from skfrap.models._named import enter_model, model_named, model_names
from skfrap.models._optics import optics_for
from skfrap.models.cell import geometry_of
from skfrap.numerics._magnitude import as_real, check_magnitude
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import parameter

_MOST_ENGINES = 16
_LARGEST_GROUP = 2**18  # depths times pixels of the bleach region's box, computed at once


class CurveModel:
    """Base class of models of recovery curves.

    A subclass gives itself a name, by which :class:`skfrap.LeastSquaresFRAP` and
    :class:`skfrap.FRAPSimulator` then know it, and defines ``curves(**parameters)``, of shape
    (n, n_frames) and proportional to `c0`. That is all it takes; :class:`ExactModel` has what can
    be interpolated.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.

    Examples
    --------
    >>> from skfrap import FRAPProtocol, LeastSquaresFRAP
    >>> from skfrap.models import CurveModel, broadcast_parameters
    >>> class PowerLawModel(CurveModel, name="power_law"):
    ...     def curves(self, half_time, c0, alpha):
    ...         values = broadcast_parameters(half_time=half_time, c0=c0, alpha=alpha)
    ...         half_time, c0, alpha = (value[:, None] for value in values.values())
    ...         left = half_time / (half_time + self.postbleach_times)
    ...         return c0 * self.after_prebleach(1 - (1 - alpha) * left)
    ...
    ...     @property
    ...     def bounds(self):
    ...         return {"half_time": (0.1, 100.0)}
    >>> model = PowerLawModel(FRAPProtocol())
    >>> X = model.curves([1.0, 5.0], 0.9, 0.5)
    >>> estimator = LeastSquaresFRAP(FRAPProtocol(), model="power_law").fit(X)
    >>> estimator.target_names_
    ['log10_half_time', 'c0', 'alpha']
    >>> (10 ** estimator.predict(X)[:, 0]).round(6).tolist()
    [1.0, 5.0]
    """

    name: str | None = None
    simpler: str | None = None  # a model that is nested in this one, if the data ask for no more
    # Two parameters, and the share of the second if there is one, if curves are the same with both
    # exchanged.
    alike: tuple[str, ...] = ()
    limits: Mapping = MappingProxyType({})  # of parameters, where tighter than the parameter's own
    curves = None

    def __init_subclass__(cls, name=None, **options):
        super().__init_subclass__(**options)
        if name is not None:
            enter_model(name, cls)
            cls.name = name

    def __init__(self, protocol):
        self.protocol = protocol

    def to_state(self):
        """Return what a file keeps of the model: the arguments of its constructor.

        Returns
        -------
        dict
            By names that stay.
        """
        return {"protocol": self.protocol}

    @classmethod
    def from_state(cls, state):
        """Make the model that :meth:`to_state` described.

        Parameters
        ----------
        state : dict
            As :meth:`to_state` gave it.

        Returns
        -------
        CurveModel
        """
        return cls(**state)

    @classmethod
    def defaults(cls):
        """Return all parameters by name: their defaults, or None for those that have none."""
        arguments = [*inspect.signature(cls.curves).parameters.values()][1:]
        return {
            argument.name: None if argument.default is argument.empty else argument.default
            for argument in arguments
        }

    @property
    def bounds(self):
        """Bounds for fits, ``{name: (lowest, highest)}``, where tighter than the parameter's."""
        return {}

    def check_free(self, names):
        """Refuse to estimate together what no curve of the protocol can tell; here nothing.

        Parameters
        ----------
        names : sequence of str
            What is to be estimated.

        Raises
        ------
        ValueError
            If it cannot be.
        """

    def derived(self, values):
        """Compute what follows from the parameters and interests a user, by name.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n,)
            All parameters in natural units.

        Returns
        -------
        dict of str to ndarray of shape (n,)
            The names are entered by :func:`skfrap.parameters.define`.
        """
        return {}

    @property
    def postbleach_times(self):
        """Times of the frames after bleaching, s, (1, n_postbleach)."""
        return self.protocol.times[np.newaxis, self.protocol.n_prebleach :]

    def after_prebleach(self, postbleach):
        """Put prebleach frames of 1 before curves: (n, n_postbleach) to (n, n_frames).

        Parameters
        ----------
        postbleach : ndarray of shape (n, n_postbleach)
            After bleaching, relative to before.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        return np.pad(postbleach, [(0, 0), (self.protocol.n_prebleach, 0)], constant_values=1.0)


class ExactModel(CurveModel):
    """Base class of models on the pixel grid, whose particles may in part be immobile.

    A subclass defines ``shapes(depth, **others)``: the curves of mobile and of immobile particles,
    c0 being 1, at bleach depths ``1 - alpha``, for one value of each other parameter. They are
    polynomials of degree n_bleach in the depth.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves. None is the mean over the bleach region.
    """

    shapes = None
    _make_engine = None
    _after_flash = None

    def __init__(self, protocol, weights=None):
        super().__init__(protocol)
        self._check_weights(weights)
        self._weights = weights
        self._engines = {}
        n_prebleach = protocol.n_prebleach
        self._n_imaged = np.arange(1, protocol.n_frames + 1)
        self._n_imaged[n_prebleach:] += protocol.n_bleach

    def _check_weights(self, weights):
        protocol = self.protocol
        if protocol.compartment is None:
            optics_for(protocol, weights=weights)
        elif weights is not None and np.shape(weights) != protocol.row_weights.shape:
            raise ValueError(
                "weights must have the shape (n_rows, ny, nx) of the protocol's rows, "
                f"{protocol.row_weights.shape}, got {np.shape(weights)}."
            )

    @property
    def bounds(self):
        """Bounds for fits, by name, of what all exact models share."""
        protocol = self.protocol
        widest = protocol.equivalent_radius / 3
        return {
            # A tenth of the light is left at the end.
            "imaging_bleach": (0.1 ** (1 / self._n_imaged[-1]), 1.0),
            # Within half a pixel a spread of the beam is not seen.
            "bleach_blur": (0.5 * protocol.pixel_size, widest),
            "imaging_blur": (0.0, widest),
        }

    def to_state(self):
        """Return what a file keeps: ``"protocol"`` and ``"weights"``.

        Returns
        -------
        dict
            By names that stay.
        """
        return super().to_state() | {"weights": self._weights}

    def known_factor(self, imaging_bleach=1.0, **others):
        """Return what the shapes are nearly proportional to, by "power" parameters: (n_frames,).

        Imaging bleaches the field of view by a power of `imaging_bleach`; what is left to
        interpolate is what comes in from outside of it.

        Parameters
        ----------
        imaging_bleach : float
            What is left after imaging one frame.
        **others
            Other parameters, which it does not depend on.

        Returns
        -------
        ndarray of shape (n_values,)
            By which curves are multiplied.
        """
        return np.tile(imaging_bleach**self._n_imaged, self.protocol.n_rows)

    def __getstate__(self):
        # Engines are quick to make again and would only swell a pickle.
        return self.__dict__ | {"_engines": {}}

    def _engine(self, kind, *optics):
        """Make what computes, for one way of bleaching and looking, or take it from earlier.

        A subclass makes it in ``_make_engine(kind, *optics)``.
        """
        key = (kind, *optics)
        engine = self._engines.get(key)
        if engine is None:
            engine = self._make_engine(kind, *optics)
            if len(self._engines) >= _MOST_ENGINES:
                self._engines.clear()
            self._engines[key] = engine
        return engine

    def geometry(self, bleach_blur=0.0, imaging_blur=0.0):
        """Return what the sample's outline and the regions mean for curves, whatever the kinetics.

        Parameters
        ----------
        bleach_blur, imaging_blur : float, default=0.0
            As of curves.

        Returns
        -------
        LanczosGeometry, ReducedGeometry or FourierGeometry
            Its `error` is the largest that was seen when it was made.

        Raises
        ------
        ValueError
            If the protocol has several bleach frames and no compartment: such curves are computed
            without a geometry.
        """
        return geometry_of(self.protocol, bleach_blur, imaging_blur, self._weights)

    def _curves(self, values):
        """Compute curves from broadcast parameters."""
        in_open_field = self.protocol.compartment is None
        is_flash = self.protocol.n_bleach == 1 and (values["imaging_bleach"] == 1).all()
        if self._after_flash is not None and in_open_field and is_flash:
            curves = self._flash_curves(values)
            if curves is not None:
                return curves
        depth, mobile = 1 - values["alpha"], values["mobile_fraction"]
        others = [name for name in values if parameter(name).is_shaping]
        curves = np.empty((len(depth), self.protocol.n_values))
        largest = max(1, _LARGEST_GROUP // self.protocol.bleach_mask[self.protocol.roi_box].size)
        for point, rows in groups(*(values[name] for name in others)):
            point = dict(zip(others, point, strict=True))
            for first in range(0, len(rows), largest):
                some = rows[first : first + largest]
                fraction = mobile[some, np.newaxis]
                moving, still = self.shapes(depth[some], **point)
                curves[some] = fraction * moving + (1 - fraction) * still
        return curves * values["c0"][:, np.newaxis]

    @one_blas_thread()
    def _flash_curves(self, values):
        """Compute curves of one bleach frame, in whose depth they are straight lines.

        ``_after_flash(**others)`` returns the deficits of mobile and of immobile particles over the
        depth, or None where it cannot.
        """
        others = [n for n in values if parameter(n).is_shaping and n != "imaging_bleach"]
        left = np.ones((len(values["c0"]), self.protocol.n_frames))
        for point, rows in groups(*(values[name] for name in others)):
            found = self._after_flash(**dict(zip(others, point, strict=True)))
            if found is None:
                return None
            moving, still = found
            mobile = values["mobile_fraction"][rows, np.newaxis]
            depth = 1 - values["alpha"][rows, np.newaxis]
            deficit = mobile * moving + (1 - mobile) * still
            left[rows, self.protocol.n_prebleach :] -= depth * deficit
        return values["c0"][:, np.newaxis] * left


def model_for(protocol, model="diffusion", weights="mean"):
    """Make a model of a protocol's curves.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment.
    model : str, CurveModel or subclass of it, default="diffusion"
        A name in `MODELS`, a class, or a model of this protocol, which is returned as it is.
    weights : {"mean", "noise"}, default="mean"
        The region's mean, or the mean by squared weights: the noise variance of a curve's value is
        that of the pixels' noise variances. Closed forms know no pixels and make no difference.

    Returns
    -------
    CurveModel

    Raises
    ------
    ValueError
        If there is no such model, or it is one of another protocol.
    """
    if isinstance(model, CurveModel):
        if model.protocol != protocol:
            raise ValueError(
                f"model is one of another protocol, {model.protocol!r}; expected {protocol!r}."
            )
        if weights == "mean":
            return model
        model = type(model)
    if isinstance(model, str):
        model = model_named(model)
    if not (isinstance(model, type) and issubclass(model, CurveModel)):
        raise ValueError(
            f"model must be one of {model_names()}, a CurveModel or a subclass of it, "
            f"got {model!r}."
        )
    if weights == "noise" and issubclass(model, ExactModel):
        return model(protocol, _noise_weights(protocol))
    return model(protocol)


def _noise_weights(protocol):
    """Return the weights of the light that noise goes by: one row, or those of a compartment."""
    if protocol.compartment is None:
        return protocol.roi_weights**2 / protocol.noise_gain
    return protocol.row_weights**2 / protocol.row_noise_gains[:, np.newaxis, np.newaxis]


def image_series(protocol, values, frames, padded):
    """Fill an array of image series, frame by frame.

    Parameters
    ----------
    protocol : FRAPProtocol
    values : dict
        Parameters by name, each of shape (n,), as from `broadcast_parameters`.
    frames : callable
        ``frames(window, **point)`` yields what is left of an intensity of 1 in a window of the
        padded grid after each frame, for one value of every parameter but c0.
    padded : bool
        Show the whole padded grid.

    Returns
    -------
    ndarray of shape (n, n_frames, ny, nx)
    """
    window = window_of(protocol, padded)
    shape = tuple(part.stop - part.start for part in window)
    images = np.empty((len(values["c0"]), protocol.n_frames, *shape))
    for series, row in zip(images, zip(*values.values(), strict=True), strict=True):
        point = dict(zip(values, row, strict=True))
        c0 = point.pop("c0")
        for image, left in zip(series, frames(window, **point), strict=True):
            np.multiply(left, c0, out=image)
    return images


def window_of(protocol, padded):
    """Return the rows and columns of the padded grid that images show, two slices."""
    padding = protocol.padding
    return tuple(
        slice(0, n + 2 * padding) if padded else slice(padding, padding + n) for n in protocol.shape
    )


def groups(*columns):
    """Yield each distinct combination of values and the rows that hold it."""
    table = np.column_stack(columns)
    distinct, index = np.unique(table, axis=0, return_inverse=True)
    index = index.ravel()
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(len(distinct) + 1))
    for values, start, stop in zip(distinct, starts[:-1], starts[1:], strict=True):
        yield tuple(values.tolist()), order[start:stop]


def broadcast_parameters(limits=None, /, **given):
    """Check parameters against their ranges and broadcast them to 1-D, by name.

    Parameters
    ----------
    limits : dict, default=None
        ``{name: (lowest, highest)}`` where a model's range is tighter than the parameter's own.
    **given : float or array-like of shape (n,)
        Values by name.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        All of one length.

    Raises
    ------
    ValueError
        If one is out of range or not finite, or they do not broadcast.
    """
    for name, value in given.items():
        value = as_real(name, value)
        own = parameter(name).lowest, parameter(name).highest
        lowest, highest = (limits or {}).get(name, own)
        if value.size and not _within(value, lowest, highest):
            raise ValueError(
                f"{name} must be finite and between {lowest} and {highest}, "
                f"got values from {np.min(value)} to {np.max(value)}."
            )
        given[name] = check_magnitude(name, value)
    try:
        columns = np.broadcast_arrays(*given.values())
    except ValueError:
        shapes = {name: value.shape for name, value in given.items()}
        raise ValueError(f"parameters must broadcast against each other, got {shapes}.") from None
    return {name: column.ravel() for name, column in zip(given, columns, strict=True)}


def _within(value, lowest, highest):
    """Tell whether all values are finite and between the ends; what is not a number is not."""
    least, most = value.min(), value.max()
    return lowest <= least and most <= highest and isfinite(least) and isfinite(most)


def in_window(images, protocol, window):
    """Yield images of the field as a window of the padded grid shows them, without light outside.

    Parameters
    ----------
    images : iterable of ndarray of shape (ny, nx)
    protocol : FRAPProtocol
    window : tuple of two slices

    Yields
    ------
    ndarray
    """
    for image in images:
        yield np.pad(image, protocol.padding)[window]
