"""The simulator of recovery curves, and what its series of images are drawn from."""

import numbers
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state

from skfrap._checks import check_choice, check_count
from skfrap.datasets._write import DatasetWriter
from skfrap.experiment import NOISE_KINDS, FRAPProtocol
from skfrap.models import (
    MOST_INTERPOLATED,
    ExactModel,
    InterpolationError,
    light_weights,
    model_for,
    shared_ranges,
    surrogate_for,
)
from skfrap.numerics._draws import in_chunks, normal_rows, uniform_rows
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import complete_prior, finite_ends, is_uncertain, parameter
from skfrap.parameters._priors import named_in_order
from skfrap.simulator._images import PIXEL_TYPES, ImageSampler
from skfrap.simulator._noise import noise_of, unsaturated_c0

__all__ = ["FRAPSimulator"]

_DRAWN_FIRST = ("D", "c0", "alpha", "mobile_fraction", "a", "b")
_DRAWS = 16  # numbers set aside for the parameters of a sample
_RARE = 1e-9  # values beyond such quantiles are computed without interpolation
_BLOCK = 512
_NOISE_KINDS = (*NOISE_KINDS, "none")


class FRAPSimulator(ImageSampler, DatasetWriter):
    """Generate noisy FRAP recovery curves and image series with known parameters.

    Parameters are drawn from a prior, curves computed by the model (an exact one with one or two
    varying parameters besides c0, alpha and the mobile fraction through its interpolation, error
    below 1e-8 and 1e-6) and Gaussian noise is added, of
    variance ``a + b * intensity`` in each pixel (Eq. 5 of [1]_). A curve's value is a weighted mean
    of pixels, so its noise is drawn with variance ``sum(w**2 * (a + b * c))``: the same
    distribution as averaging noisy pixels, at a thousandth of the cost.

    Sample i depends on `random_state` and i alone: not on how many samples are asked for, nor
    on the chunks they come in.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        None is the paper's protocol. The bleach region told is what is bleached, whatever the
        protocol's `start` says, which is how data are read: so one protocol serves a simulator and
        the estimators that are tried on it.
    prior : dict, default=None
        Distributions by name of the model's parameters, as ``D`` (µm²/s), ``c0``, ``alpha``,
        ``mobile_fraction``, ``imaging_bleach``, and of the noise ``a`` and ``b``: a frozen
        `scipy.stats` distribution or a fixed number. What is not given is taken from Table 1 of the
        paper, with b distributed as a; what is not there has the model's default, or, where that
        has none, is uniform (on the parameter's scale) over the model's bounds.
    model : str, subclass of CurveModel or CurveModel, default="diffusion"
        As in :class:`skfrap.LeastSquaresFRAP`.
    noise : {"constant", "proportional", "none"}, default="constant"
        Variance a, variance a + b * intensity, or no noise.
    random_state : int, RandomState instance or None, default=None
        Seed. With None every simulator differs.
    bit_depth : {8, 12, 16}, default=None
        Round images to integers as a detector of that many bits does, intensity 1 being full
        scale. None leaves them as floats. Table 1 has c0 up to 1, where noise would saturate half
        of the pixels: as nobody records so, the default prior of c0 then ends where, with the
        largest noise of its prior, a pixel in two hundred is beyond full scale (0.74); without
        noise, a count below it.
    interpolate : bool or "auto", default="auto"
        Whether curves are interpolated between those of the model, to a part in a million. "auto"
        does so where up to two varying parameters shape the curve, besides c0, alpha and the mobile
        fraction. True does so for more, as for binding, where that can be had: it takes some
        seconds, and then a curve a fiftieth of the time. False never does.
    background : ndarray of shape (ny, nx), default=None
        Added to every frame of an image series, e.g. uneven illumination; it has its share of
        proportional noise. Curves have none.

    Attributes
    ----------
    target_names : list of str
        Columns of the targets: the parameters without a default, and all that vary.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), sections 2.1, 2.2
       and 3.1.

    Examples
    --------
    >>> from skfrap import FRAPSimulator
    >>> simulator = FRAPSimulator(random_state=0)
    >>> X, y = simulator.sample(1000, return_X_y=True)
    >>> X.shape, y.shape
    ((1000, 110), (1000, 3))
    >>> simulator.target_names
    ['log10_D', 'c0', 'alpha']
    """

    def __init__(
        self,
        protocol: FRAPProtocol | None = None,
        prior: Mapping[str, Any] | None = None,
        *,
        model: Any = "diffusion",
        noise: str = "constant",
        random_state: Any = None,
        bit_depth: int | None = None,
        interpolate: bool | str = "auto",
        background: ArrayLike | None = None,
    ):
        self.protocol = FRAPProtocol() if protocol is None else protocol
        check_choice("noise", noise, _NOISE_KINDS)
        check_choice("bit_depth", bit_depth, (*PIXEL_TYPES, None))
        check_choice("interpolate", interpolate, (True, False, "auto"))
        if background is not None and np.shape(background) != self.protocol.shape:
            raise ValueError(
                f"background must have the field's shape {self.protocol.shape}, "
                f"got {np.shape(background)}."
            )
        self.noise = noise
        self.bit_depth = bit_depth
        self.interpolate = interpolate
        self.background = background
        self.random_state = random_state
        self.model = model
        self._model = model_for(self.protocol, model)
        defaults = self._model.defaults()
        self.prior = complete_prior(prior, self._model)
        if bit_depth is not None and "c0" in self.prior and "c0" not in (prior or {}):
            self.prior["c0"] = unsaturated_c0(self.prior, noise, bit_depth, background)
        # What varies is something to estimate, what is fixed to a model's default is not.
        self._targets = tuple(
            name
            for name, default in defaults.items()
            if default is None or is_uncertain(self.prior[name])
        )
        self.target_names = [parameter(name).target_name for name in self._targets]
        factors = (name for name in defaults if parameter(name).dependence == "factor")
        self._factor = next(factors, None)
        seed = random_state
        if not isinstance(seed, numbers.Integral) and seed is not None:
            seed = check_random_state(seed).randint(2**31)
        streams = np.random.SeedSequence(seed).spawn(4)
        keys = [stream.generate_state(2, np.uint64) for stream in streams]
        self._by_weights: dict[str, Any] = {}
        self._parameter_key, self._curve_key, self._image_key, self._score_key = keys

    def __repr__(self):
        return f"FRAPSimulator({self.protocol!r}, model={self.model!r}, noise={self.noise!r})"

    @one_blas_thread()
    def sample(
        self,
        n_samples: int,
        return_X_y: bool = False,
        *,
        start: int = 0,
        as_frame: bool = False,
        dtype: Any = np.float64,
    ) -> Any:
        """Draw noisy recovery curves.

        Parameters
        ----------
        n_samples : int
            How many.
        return_X_y : bool, default=False
            Return ``(data, target)`` only.
        start : int, default=0
            Index of the first sample.
        as_frame : bool, default=False
            Let ``data`` and ``target`` be DataFrames with the names of columns, which takes pandas,
            and ``frame`` one of both.
        dtype : {float64, float32}, default=float64
            Of ``data``. Single precision takes half the memory; its rounding is a ten thousandth
            of the least noise.

        Returns
        -------
        Bunch
            ``data`` (n_samples, n_frames); ``target`` (n_samples, n_targets); ``sample_weight``
            (n_samples,), proportional to 1/a (with proportional noise 1/(a + b * c0), c0 being 1 in
            a model without it), with mean 1 over these samples;
            ``noise_variance`` (n_samples,), a; ``parameters``, a dict of all parameters in natural
            units; ``feature_names``; ``target_names``.
        """
        # Matrix products round differently for different numbers of rows: always compute the same
        # whole blocks of samples, so that sample i is the same to the last bit.
        check_count("n_samples", n_samples, 1)
        check_count("start", start, 0)
        before = start % _BLOCK
        n_blocks = -(-(before + n_samples) // _BLOCK)
        parameters = self._draw_parameters(n_blocks * _BLOCK, start - before)
        wanted = slice(before, before + n_samples)
        dtype = np.dtype(check_choice("dtype", np.dtype(dtype).name, ("float64", "float32")))
        data = np.empty((n_blocks * _BLOCK, self.protocol.n_values), dtype)
        clean = self._clean_blocks(parameters)
        for first in range(0, len(data), _BLOCK):
            rows = slice(first, first + _BLOCK)
            block = {name: values[rows] for name, values in parameters.items()}
            curves = clean(rows)
            if self.noise != "none":
                noise = normal_rows(self._curve_key, start - before + first, *curves.shape)
                noise *= self._curve_deviations(block)
                curves += noise
            data[rows] = curves
        parameters = {name: values[wanted] for name, values in parameters.items()}
        return self._bunch(data[wanted], parameters, return_X_y, as_frame=as_frame)

    def iter_samples(
        self,
        n_samples: int | None = None,
        chunk_size: int = 4096,
        *,
        start: int = 0,
        as_frame: bool = False,
        dtype: Any = np.float64,
    ) -> Iterator[Any]:
        """Yield Bunches as from :meth:`sample`, `chunk_size` samples at a time.

        Together the chunks hold the curves that one call of :meth:`sample` would, for data larger
        than memory. Sample weights have mean 1 in each chunk.

        Parameters
        ----------
        n_samples : int, default=None
            None goes on forever.
        chunk_size : int, default=4096
            Samples in each.
        start : int, default=0
            Index of the first sample.
        as_frame : bool, default=False
            As in :meth:`sample`.
        dtype : dtype, default=float64
            As in :meth:`sample`.

        Yields
        ------
        Bunch
        """
        draw = partial(self.sample, as_frame=as_frame, dtype=dtype)
        yield from in_chunks(draw, n_samples, chunk_size, start)

    def curves(self, theta: ArrayLike) -> np.ndarray:
        """Compute noise-free curves.

        Parameters
        ----------
        theta : array-like of shape (n, n_targets)
            Columns as in `target_names`, by default log10 of D in µm²/s, c0, alpha.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        return self._clean_curves(self._from_targets(theta))

    def _draw_parameters(self, n_samples, start):
        # Every parameter has its own column of draws, whether it varies or not, so that fixing one
        # leaves the others as they were.
        drawn = [*dict.fromkeys((*_DRAWN_FIRST, *self.prior))]
        uniforms = uniform_rows(self._parameter_key, start, n_samples, max(_DRAWS, len(drawn)))
        values = {}
        for name, distribution in self.prior.items():
            values[name] = (
                np.asarray(distribution.ppf(uniforms[:, drawn.index(name)]), dtype=float)
                if is_uncertain(distribution)
                else np.full(n_samples, float(distribution))
            )
        if self.noise != "proportional":
            values["b"] = np.zeros(n_samples)
        return named_in_order(values, self._model.alike, self.prior)

    def _from_targets(self, theta):
        theta = np.atleast_2d(np.asarray(theta, dtype=float))
        if theta.ndim != 2 or theta.shape[1] != len(self._targets):
            raise ValueError(
                f"theta must have the columns {self.target_names}, got shape {theta.shape}."
            )
        values = {
            name: parameter(name).from_target(column)
            for name, column in zip(self._targets, theta.T, strict=True)
        }
        others = {name: self.prior[name] for name in self._parameters if name not in values}
        return values | {name: np.full(len(theta), value) for name, value in others.items()}

    @property
    def _parameters(self):
        return [name for name in self.prior if name not in ("a", "b")]

    def _clean_curves(self, values, *, weights="mean"):
        arguments = {name: values[name] for name in self._parameters}
        surrogate, model = self._interpolated(weights)
        if _covers(surrogate, arguments):
            return surrogate.curves(**arguments)
        return model.curves(**arguments)

    def _clean_blocks(self, values):
        """Return a function of rows that computes their curves; all rows are checked at once."""
        arguments = {name: values[name] for name in self._parameters}
        surrogate, _ = self._interpolated("mean")
        if _covers(surrogate, arguments):
            checked = surrogate.checked(**arguments)
            return lambda rows: surrogate.curves_of(*(column[rows] for column in checked))
        # Blocks are interpolated or not each for itself.
        return lambda rows: self._clean_curves({name: arguments[name][rows] for name in arguments})

    def _interpolated(self, weights):
        """Return the interpolated model, None where there is none, and the model itself."""
        if weights not in self._by_weights:
            model = model_for(self.protocol, self.model, weights)
            self._by_weights[weights] = self._interpolate(model, weights), model
        return self._by_weights[weights]

    def _interpolate(self, model, weights):
        varying = [
            name
            for name in self._parameters
            if parameter(name).is_shaping and is_uncertain(self.prior[name])
        ]
        worthwhile = len(varying) <= MOST_INTERPOLATED if self.interpolate == "auto" else True
        if not isinstance(model, ExactModel) or not (self.interpolate and worthwhile):
            return None
        ends = {name: finite_ends(name, self.prior[name]) for name in varying}
        ranges = shared_ranges(model, ends)
        fixed = {
            name: self.prior[name]
            for name in self._parameters
            if parameter(name).is_shaping and name not in varying
        }
        try:
            return surrogate_for(self.protocol, self.model, ranges, fixed, weights)
        except InterpolationError:
            return None

    def _curve_deviations(self, values):
        """Compute the noise's standard deviation in each value of curves."""
        noise = noise_of(values, self.protocol.noise_gains)
        if noise.is_constant:
            return noise.standard_deviation(np.zeros((len(noise.a), 1)))
        light = self._clean_curves(values, weights=light_weights(self._model))
        return noise.standard_deviation(light)

    def _bunch(self, data, parameters, return_X_y, *, as_frame=False):
        target = np.column_stack(
            [parameter(name).to_target(parameters[name]) for name in self._targets]
        )
        frame = None
        if as_frame:
            import pandas as pd

            data = pd.DataFrame(data, columns=self.protocol.feature_names)
            target = pd.DataFrame(target, columns=self.target_names)
            frame = pd.concat([data, target], axis=1)
        if return_X_y:
            return data, target
        light = 1.0 if self._factor is None else parameters[self._factor]
        weight = noise_of(parameters).weights(light)
        return Bunch(
            data=data,
            target=target,
            sample_weight=weight / weight.mean(),
            noise_variance=parameters["a"],
            parameters=parameters,
            feature_names=self.protocol.feature_names,
            target_names=self.target_names,
            **({} if frame is None else {"frame": frame}),
        )


def _covers(surrogate, arguments):
    """Tell whether there is an interpolation, and all values lie in its ranges."""
    if surrogate is None:
        return False
    return surrogate.covers({name: (v.min(), v.max()) for name, v in arguments.items()})
