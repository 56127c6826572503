"""Free diffusion: recovery curves and image series."""

from functools import lru_cache

import numpy as np

from skfrap._threads import one_blas_thread
from skfrap.models._local import LocalDiffusion
from skfrap.models._optics import optics_for
from skfrap.models._spectral import FrameStepper
from skfrap.parameters import PARAMETERS

_MOST_ENGINES = 8
_LARGEST_GROUP = 2**18  # depths times pixels of the bleach region's box, computed at once


class DiffusionModel:
    """Compute recovery curves and image series of free diffusion, exactly.

    Particles diffuse freely in two dimensions on the field of view extended by the protocol's
    padding, with periodic boundaries; a fraction may be immobile. Each bleach frame leaves
    ``alpha`` of the fluorescence in the bleach region, and imaging a frame, bleach frames
    included, leaves ``imaging_bleach`` of that in the field of view [1]_, [2]_. Both happen in an
    instant within the frame.

    Parameters
    ----------
    protocol : FRAPProtocol
    weights : ndarray of shape (ny, nx), default=None
        Pixel weights of the curves, zero outside the bleach region. None is the mean over it,
        `protocol.roi_weights`.

    Attributes
    ----------
    D_range : tuple of float
        Diffusion coefficients in µm²/s that the protocol can tell apart: at the lower end
        the recovery by the last frame is a few percent, at the upper end it is complete
        before the first.

    References
    ----------
    .. [1] Röding et al., Biophys. J. 116, 1348-1361 (2019).
    .. [2] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021), Eqs. 1-4.

    Examples
    --------
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.models import DiffusionModel
    >>> model = DiffusionModel(FRAPProtocol())
    >>> model.curves(D=[10.0, 100.0], c0=0.9, alpha=0.6).shape
    (2, 110)
    """

    def __init__(self, protocol, weights=None):
        self.protocol = protocol
        if weights is not None:
            weights = optics_for(protocol, weights=weights).weights[window_of(protocol, False)]
            if weights[protocol.bleach_mask == 0].any():
                raise ValueError("weights must be zero outside the bleach region.")
        self._weights = weights
        self._engines = {}

    @property
    def D_range(self):
        r_squared = self.protocol.equivalent_radius**2
        first, last = self.protocol.times[[self.protocol.n_prebleach, -1]]
        return 1e-3 * r_squared / (4 * last), 1e2 * r_squared / (4 * first)

    def curves(
        self,
        D,
        c0,
        alpha,
        mobile_fraction=1.0,
        *,
        imaging_bleach=1.0,
        bleach_blur=0.0,
        imaging_blur=0.0,
    ):
        """Compute recovery curves, the mean intensity over the bleach region in each frame.

        Parameters
        ----------
        D : array-like
            Diffusion coefficient, µm²/s, >= 0.
        c0 : array-like
            Prebleach intensity; with bleaching by imaging, that before the first frame.
        alpha : array-like
            What one bleach frame leaves of the fluorescence in the bleach region, 0 to 1.
        mobile_fraction : array-like, default=1.0
            Fraction of the particles that diffuse, 0 to 1.
        imaging_bleach : array-like, default=1.0
            What imaging one frame leaves of the fluorescence in the field of view, 0 to 1.
        bleach_blur : array-like, default=0.0
            Standard deviation of the Gaussian spread of the bleaching beam, µm.
        imaging_blur : array-like, default=0.0
            Standard deviation of the Gaussian spread of the detection, µm.

        Returns
        -------
        ndarray of shape (n, n_frames)
            The arguments are broadcast against each other and n is their common size.

        Raises
        ------
        ValueError
            If an argument is out of range or not finite.

        Notes
        -----
        Without bleaching by imaging a curve takes about a millisecond; with it the whole grid is
        stepped from frame to frame, which takes a hundred times longer.
        """
        values = broadcast_parameters(
            D=D,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )
        depth, mobile = 1 - values["alpha"], values["mobile_fraction"]
        curves = np.empty((len(depth), self.protocol.n_frames))
        keys = ("imaging_bleach", "bleach_blur", "imaging_blur", "D")
        for (imaging, *blurs, D), rows in groups(*(values[name] for name in keys)):
            if imaging == 1:
                curves[rows] = self._local_curves(D, depth[rows], mobile[rows], *blurs)
                continue
            for row in rows:
                frames = self._stepped(D, depth[row], mobile[row], imaging, *blurs)
                mean = self._engine("stepper", blurs[0]).mean
                curves[row] = [mean(frame) for frame in frames]
        return curves * values["c0"][:, np.newaxis]

    @one_blas_thread()
    def images(
        self,
        D,
        c0,
        alpha,
        mobile_fraction=1.0,
        *,
        imaging_bleach=1.0,
        bleach_blur=0.0,
        imaging_blur=0.0,
        padded=False,
    ):
        """Compute noise-free image series.

        Parameters
        ----------
        D, c0, alpha, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur : array-like
            As in :meth:`curves`.
        padded : bool, default=False
            Return the whole periodic grid, padding included; without bleaching by imaging total
            intensity is conserved on it from the first postbleach frame on.

        Returns
        -------
        ndarray of shape (n, n_frames, ny, nx)
            The mean of each frame over the bleach region is the value of :meth:`curves`.
        """
        values = broadcast_parameters(
            D=D,
            c0=c0,
            alpha=alpha,
            mobile_fraction=mobile_fraction,
            imaging_bleach=imaging_bleach,
            bleach_blur=bleach_blur,
            imaging_blur=imaging_blur,
        )
        return image_series(self.protocol, values, self._frames, padded)

    def recovery(self, D, depth):
        """Compute the mean deficit of mobile particles in the bleach region, over the depth.

        Without imaging bleach and blur the postbleach curve is ``c0 * (1 - depth * recovery)``; in
        ``depth`` the result is a polynomial of degree n_bleach - 1.

        Parameters
        ----------
        D : float
            µm²/s.
        depth : ndarray of shape (n,)
            1 - alpha.

        Returns
        -------
        ndarray of shape (n, n_postbleach)
        """
        return self._engine("local").recovery(D, depth)

    def immobile(self, depth):
        """Compute the mean deficit of immobile particles over the depth, shape (n,)."""
        return self._engine("local").immobile(depth)

    def _local_curves(self, D, depth, mobile_fraction, bleach_blur, imaging_blur):
        engine = self._engine("local", bleach_blur, imaging_blur)
        curves = np.ones((len(depth), self.protocol.n_frames))
        largest = max(1, _LARGEST_GROUP // engine.n_pixels)
        for start in range(0, len(depth), largest):
            part = slice(start, start + largest)
            deficit = engine.recovery(D, depth[part])
            fraction = mobile_fraction[part, np.newaxis]
            if (fraction < 1).any():
                immobile = engine.immobile(depth[part])[:, np.newaxis]
                deficit = fraction * deficit + (1 - fraction) * immobile
            curves[part, self.protocol.n_prebleach :] -= depth[part, np.newaxis] * deficit
        return curves

    def _frames(self, window, D, alpha, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur):
        """Yield what is left in a window of the padded grid after each recorded frame."""
        depth = 1 - alpha
        if imaging_bleach == 1:
            engine = self._engine("local", bleach_blur, imaging_blur)
            yield from engine.left(D, depth, mobile_fraction, window)
            return
        whole = self._engine("stepper", bleach_blur).grid.whole
        for frame in self._stepped(
            D, depth, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur
        ):
            yield whole(frame)[window]

    def _stepped(self, D, depth, mobile_fraction, imaging_bleach, bleach_blur, imaging_blur):
        """Yield what is left on the stepper's grid after each recorded frame."""
        stepper = self._engine("stepper", bleach_blur)

        @lru_cache(maxsize=4)  # frames come at few different intervals
        def decay(time):
            return np.exp(-D * time * stepper.grid.k_squared)

        def propagate(modes, time):
            modes *= decay(time)
            return modes

        mobile = stepper.frames(np.ones(1), propagate, depth, imaging_bleach)
        immobile = stepper.still_frames(depth, imaging_bleach)
        for moving, still in zip(mobile, immobile, strict=True):
            left = mobile_fraction * moving + (1 - mobile_fraction) * still
            yield stepper.blur(left, imaging_blur)

    def _engine(self, kind, *blurs):
        """Make the engine for one way of bleaching and looking, or take it from earlier."""
        key = (kind, *blurs)
        engine = self._engines.get(key)
        if engine is None:
            bleach_blur, imaging_blur = (*blurs, 0.0, 0.0)[:2]
            optics = optics_for(self.protocol, bleach_blur, self._weights)
            engine = (
                FrameStepper(self.protocol, optics)
                if kind == "stepper"
                else LocalDiffusion(self.protocol, optics.bleach, optics.weights, imaging_blur)
            )
            if len(self._engines) >= _MOST_ENGINES:
                self._engines.clear()
            self._engines[key] = engine
        return engine


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


def broadcast_parameters(**given):
    """Check parameters against their ranges and broadcast them to 1-D, by name.

    Raises
    ------
    ValueError
        If one is out of range or not finite, or they do not broadcast.
    """
    for name, value in given.items():
        value = np.asarray(value, dtype=float)
        lowest, highest = PARAMETERS[name].lowest, PARAMETERS[name].highest
        if not np.isfinite(value).all() or (value < lowest).any() or (value > highest).any():
            raise ValueError(
                f"{name} must be finite and between {lowest} and {highest}, "
                f"got values from {np.min(value)} to {np.max(value)}."
            )
        given[name] = value
    try:
        columns = np.broadcast_arrays(*given.values())
    except ValueError:
        shapes = {name: value.shape for name, value in given.items()}
        raise ValueError(f"parameters must broadcast against each other, got {shapes}.") from None
    return {name: column.ravel() for name, column in zip(given, columns, strict=True)}
