"""The dataset generator: recovery curves and image series with known parameters."""

import numbers
from functools import cached_property

import numpy as np
from scipy.special import ndtri
from sklearn.utils import Bunch, check_random_state

from skfrap.models import model_for, surrogate_for
from skfrap.parameters import PARAMETERS, parameter, table_1_prior
from skfrap.protocol import FRAPProtocol

__all__ = ["FRAPSimulator"]

_TARGETS = ("D", "c0", "alpha")
_PIXEL_TYPES = {8: np.uint8, 12: np.uint16, 16: np.uint16}
_DRAWN = (*_TARGETS, "mobile_fraction", "a", "b")
_DRAWS = 16  # numbers set aside for the parameters of a sample
_BLOCK = 512
_NOISE_KINDS = ("constant", "proportional", "none")


class FRAPSimulator:
    """Generate noisy FRAP recovery curves and image series with known parameters.

    Parameters are drawn from a prior, curves computed by the exact model (through its
    interpolation, error below 1e-8, where D lies in its range) and Gaussian noise is added, of
    variance ``a + b * intensity`` in each pixel (Eq. 5 of [1]_). A curve's value is a weighted mean
    of pixels, so its noise is drawn with variance ``sum(w**2 * (a + b * c))``: the same
    distribution as averaging noisy pixels, at a thousandth of the cost.

    Sample i depends on `random_state` and i alone: not on how many samples are asked for, nor
    on the chunks they come in.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        None is the paper's protocol.
    prior : dict, default=None
        Distributions by parameter name: ``D`` (µm²/s), ``c0``, ``alpha``, ``mobile_fraction``, and
        of the noise ``a`` and ``b``. A frozen `scipy.stats` distribution or a fixed number. What is
        not given is taken from Table 1 of the paper, with a mobile fraction of 1 and b
        distributed as a.
    noise : {"constant", "proportional", "none"}, default="constant"
        Variance a, variance a + b * intensity, or no noise.
    random_state : int, RandomState instance or None, default=None
        Seed. With None every simulator differs.
    bit_depth : {8, 12, 16}, default=None
        Round images to integers as a detector of that many bits does, intensity 1 being full
        scale. None leaves them as floats.
    background : ndarray of shape (ny, nx), default=None
        Added to every frame of an image series, e.g. uneven illumination. Curves have none.

    Attributes
    ----------
    target_names : list of str
        Columns of the targets.

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), section 2.3.

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
        protocol=None,
        prior=None,
        *,
        noise="constant",
        random_state=None,
        bit_depth=None,
        background=None,
    ):
        self.protocol = FRAPProtocol() if protocol is None else protocol
        if noise not in _NOISE_KINDS:
            raise ValueError(f"noise must be one of {_NOISE_KINDS}, got {noise!r}.")
        if bit_depth is not None and bit_depth not in _PIXEL_TYPES:
            raise ValueError(f"bit_depth must be 8, 12, 16 or None, got {bit_depth!r}.")
        if background is not None and np.shape(background) != self.protocol.shape:
            raise ValueError(
                f"background must have the field's shape {self.protocol.shape}, "
                f"got {np.shape(background)}."
            )
        self.noise = noise
        self.bit_depth = bit_depth
        self.background = background
        self.random_state = random_state
        self.prior = self._complete_prior(prior)
        # A varying mobile fraction is something to estimate, a fixed one is not.
        varies = hasattr(self.prior["mobile_fraction"], "ppf")
        self._targets = (*_TARGETS, "mobile_fraction") if varies else _TARGETS
        self.target_names = [PARAMETERS[name].target_name for name in self._targets]
        seed = random_state
        if not isinstance(seed, numbers.Integral) and seed is not None:
            seed = check_random_state(seed).randint(2**31)
        streams = np.random.SeedSequence(seed).spawn(3)
        keys = [stream.generate_state(2, np.uint64) for stream in streams]
        self._parameter_key, self._curve_key, self._image_key = keys

    def __repr__(self):
        return f"FRAPSimulator({self.protocol!r}, noise={self.noise!r})"

    def sample(self, n_samples, return_X_y=False, *, start=0):
        """Draw noisy recovery curves.

        Parameters
        ----------
        n_samples : int
        return_X_y : bool, default=False
            Return ``(data, target)`` only.
        start : int, default=0
            Index of the first sample.

        Returns
        -------
        Bunch
            ``data`` (n_samples, n_frames); ``target`` (n_samples, n_targets); ``sample_weight``
            (n_samples,), proportional to 1/a (with proportional noise 1/(a + b * c0)), with mean 1
            over these samples (Eq. 9);
            ``noise_variance`` (n_samples,), a; ``parameters``, a dict of all parameters in natural
            units; ``feature_names``; ``target_names``.
        """
        # Matrix products round differently for different numbers of rows: always compute the same
        # whole blocks of samples, so that sample i is the same to the last bit.
        _check_count("n_samples", n_samples, 1)
        _check_count("start", start, 0)
        before = start % _BLOCK
        n_blocks = -(-(before + n_samples) // _BLOCK)
        parameters = self._draw_parameters(n_blocks * _BLOCK, start - before)
        wanted = slice(before, before + n_samples)
        data = np.empty((n_blocks * _BLOCK, self.protocol.n_frames))
        for first in range(0, len(data), _BLOCK):
            rows = slice(first, first + _BLOCK)
            block = {name: values[rows] for name, values in parameters.items()}
            curves = self._clean_curves(block)
            if self.noise != "none":
                noise = _standard_normal(self._curve_key, start - before + first, *curves.shape)
                noise *= np.sqrt(self._curve_variance(block))
                curves += noise
            data[rows] = curves
        parameters = {name: values[wanted] for name, values in parameters.items()}
        return self._bunch(data[wanted], parameters, return_X_y)

    def sample_images(self, n_samples, return_X_y=False, *, start=0):
        """Draw noisy image series, of the same parameters as the curves of :meth:`sample`.

        Parameters
        ----------
        n_samples, return_X_y, start
            As in :meth:`sample`.

        Returns
        -------
        Bunch
            As from :meth:`sample`, with ``data`` of shape (n_samples, n_frames, ny, nx): float32,
            or uint8 or uint16 with `bit_depth`.
        """
        _check_count("n_samples", n_samples, 1)
        _check_count("start", start, 0)
        parameters = self._draw_parameters(n_samples, start)
        protocol = self.protocol
        dtype = np.float32 if self.bit_depth is None else _PIXEL_TYPES[self.bit_depth]
        data = np.empty((n_samples, protocol.n_frames, *protocol.shape), dtype)
        for k in range(n_samples):
            chunk = {name: values[k : k + 1] for name, values in parameters.items()}
            images = self._clean_images(chunk)[0]
            if self.noise != "none":
                noise = _standard_normal(self._image_key, start + k, 1, images.size)
                noise = noise.reshape(images.shape)
                noise *= np.sqrt(self._pixel_variance(chunk, images))
                images += noise
            if self.background is not None:
                images += self.background
            data[k] = images if self.bit_depth is None else self._quantise(images)
        return self._bunch(data, parameters, return_X_y)

    def iter_samples(self, n_samples=None, chunk_size=4096, *, start=0):
        """Yield Bunches as from :meth:`sample`, `chunk_size` samples at a time.

        Together the chunks hold the curves that one call of :meth:`sample` would, for data larger
        than memory. Sample weights have mean 1 in each chunk.

        Parameters
        ----------
        n_samples : int, default=None
            None goes on forever.
        chunk_size : int, default=4096
        start : int, default=0
            Index of the first sample.

        Yields
        ------
        Bunch
        """
        _check_count("chunk_size", chunk_size, 1)
        if n_samples is not None:
            _check_count("n_samples", n_samples, 1)
        done = 0
        while n_samples is None or done < n_samples:
            size = chunk_size if n_samples is None else min(chunk_size, n_samples - done)
            yield self.sample(size, start=start + done)
            done += size

    def curves(self, theta):
        """Compute noise-free curves.

        Parameters
        ----------
        theta : array-like of shape (n, n_targets)
            Columns as in `target_names`: log10 of D in µm²/s, c0, alpha.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        return self._clean_curves(self._from_targets(theta))

    def images(self, theta):
        """Compute noise-free image series, (n, n_frames, ny, nx); `theta` as in :meth:`curves`."""
        return self._clean_images(self._from_targets(theta))

    def _complete_prior(self, prior):
        complete = table_1_prior()
        complete["mobile_fraction"] = 1.0
        complete["b"] = complete["a"]
        for name, distribution in (prior or {}).items():
            description = parameter(name)
            if name not in _DRAWN:
                raise ValueError(f"prior can be given for {_DRAWN}, got {name!r}.")
            if hasattr(distribution, "ppf"):
                lowest, highest = distribution.support()
            elif isinstance(distribution, numbers.Real):
                lowest = highest = float(distribution)
            else:
                raise ValueError(
                    f"prior[{name!r}] must be a frozen scipy.stats distribution or a number, "
                    f"got {distribution!r}."
                )
            positive = description.scale == "log10" and name != "b"
            inside = description.lowest <= lowest <= highest <= description.highest
            if not inside or (positive and highest <= 0):
                allowed = "be positive" if positive else f"lie between {description.lowest} and "
                allowed += "" if positive else f"{description.highest}"
                raise ValueError(
                    f"prior[{name!r}] must {allowed}, got values from {lowest} to {highest}."
                )
            complete[name] = distribution
        return complete

    def _draw_parameters(self, n_samples, start):
        # Every parameter has its own column of draws, whether it varies or not, so that fixing one
        # leaves the others as they were.
        uniforms = _uniform(self._parameter_key, start, n_samples, _DRAWS)
        drawn = {}
        for name, column in zip(_DRAWN, uniforms.T, strict=False):
            distribution = self.prior[name]
            drawn[name] = (
                np.asarray(distribution.ppf(column), dtype=float)
                if hasattr(distribution, "ppf")
                else np.full(n_samples, float(distribution))
            )
        if self.noise != "proportional":
            drawn["b"] = np.zeros(n_samples)
        return drawn

    def _from_targets(self, theta):
        theta = np.atleast_2d(np.asarray(theta, dtype=float))
        if theta.ndim != 2 or theta.shape[1] != len(self._targets):
            raise ValueError(
                f"theta must have the columns {self.target_names}, got shape {theta.shape}."
            )
        values = {
            name: PARAMETERS[name].from_target(column)
            for name, column in zip(self._targets, theta.T, strict=True)
        }
        values.setdefault("mobile_fraction", self.prior["mobile_fraction"])
        return values

    def _clean_curves(self, values, *, weights="mean"):
        arguments = {name: values[name] for name in (*_TARGETS, "mobile_fraction")}
        surrogate = surrogate_for(self.protocol, weights=weights)
        lowest, highest = surrogate.D_range
        if np.min(arguments["D"]) >= lowest and np.max(arguments["D"]) <= highest:
            return surrogate.curves(**arguments)
        return model_for(self.protocol, weights).curves(**arguments)

    def _curve_variance(self, values):
        """Compute the noise variance sum(w**2 * (a + b * c)) of each value of curves."""
        if self.noise == "constant":
            return self.protocol.noise_gain * values["a"][:, np.newaxis]
        intensity = self._clean_curves(values, weights="noise")
        return self.protocol.noise_gain * self._pixel_variance(values, intensity)

    def _clean_images(self, values):
        arguments = {name: values[name] for name in (*_TARGETS, "mobile_fraction")}
        return self._model.images(**arguments)

    @cached_property
    def _model(self):
        return model_for(self.protocol)

    def _pixel_variance(self, values, intensity):
        shape = (-1,) + (1,) * (intensity.ndim - 1)
        variance = values["a"].reshape(shape)
        if self.noise == "proportional":
            variance = variance + values["b"].reshape(shape) * np.maximum(intensity, 0)
        return variance

    def _quantise(self, images):
        full_scale = 2**self.bit_depth - 1
        return np.rint(np.clip(images, 0.0, 1.0) * full_scale)

    def _bunch(self, data, parameters, return_X_y):
        target = np.column_stack(
            [PARAMETERS[name].to_target(parameters[name]) for name in self._targets]
        )
        if return_X_y:
            return data, target
        weight = 1 / (parameters["a"] + parameters["b"] * parameters["c0"])
        return Bunch(
            data=data,
            target=target,
            sample_weight=weight / weight.mean(),
            noise_variance=parameters["a"],
            parameters=parameters,
            feature_names=self.protocol.feature_names,
            target_names=self.target_names,
        )


def _check_count(name, value, lowest):
    if not isinstance(value, numbers.Integral) or value < lowest:
        raise ValueError(f"{name} must be a whole number of at least {lowest}, got {value!r}.")


def _uniform(key, first, n_rows, n_columns):
    """Draw uniforms on (0, 1); row `first + k` of a key is always the same."""
    blocks = -(-n_columns // 4)  # one step of the counter gives four numbers
    generator = np.random.Philox(key=key, counter=first * blocks)
    bits = generator.random_raw((n_rows, 4 * blocks))[:, :n_columns]
    # 53 bits, and half a unit to keep away from 0.
    return ((bits >> np.uint64(11)) + 0.5) * 2.0**-53


def _standard_normal(key, first, n_rows, n_columns):
    """Draw standard normals by inversion: a fixed number of draws each, stable across versions."""
    return ndtri(_uniform(key, first, n_rows, n_columns))
