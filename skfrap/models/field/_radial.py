"""Exact diffusion with reactions on the bleach region's box, by kernels that are isotropic.

As in :mod:`skfrap.models.field._local` the deficit is a sum of deposits, each spread for the time
since its bleach frame. But the particles come in several species, and what spreads them and turns
them into each other is no product of one-dimensional operators. It carries on the species of a mode
by a matrix that depends on nothing but k² of the mode: the symbol. Over log k² symbols are smooth,
and a hundred nodes interpolate them to rounding. So any kernel is the sum over nodes of the symbol
there times a kernel known beforehand, and the recovery takes no more of the deposits than their
products with the detection weights spread by each of these.
"""

from functools import cached_property, lru_cache, partial

import numpy as np
from scipy.fft import dctn, idctn, irfft2, rfft2

from skfrap.models.field._local import bounding_box
from skfrap.numerics._chebyshev import polynomial_on_unit_interval
from skfrap.numerics._threads import one_blas_thread

_TOLERANCE = 1e-14  # of interpolated symbols
_ROUNDING = 1e-12  # of area fractions
_NEGLIGIBLE = 1e-13  # of the largest area fraction
_LARGEST = 2**27  # bytes of kernels


class LocalReaction:
    """Compute the deficits that bleaching leaves of species that react, for one bleach mask.

    Parameters
    ----------
    protocol : FRAPProtocol
    bleach, weights : ndarray of shape (ny, nx)
        Fraction of each pixel in which a bleach frame bleaches, and weights of the recovery curve,
        on the padded grid.

    Attributes
    ----------
    is_small : bool
        Whether the kernels fit in memory. Where they do not, step through the frames instead.
    """

    def __init__(self, protocol, bleach, weights):
        self.protocol = protocol
        # The far tails of a blurred mask are rounding errors.
        box = bounding_box((bleach > _NEGLIGIBLE * bleach.max()) | (weights != 0))
        mask, weights = bleach[box], weights[box]
        self._grid = (_QuarterBox if _is_symmetric(mask) else _WholeBox)(mask.shape)
        self._mask = self._grid.part(mask)
        self._weights = self._grid.folded(weights)
        self._nodes, _ = _nodes(bleach.shape, protocol.pixel_size)
        self.is_small = 8 * len(self._nodes) * np.prod(self._grid.n_modes) <= _LARGEST
        self._shape = bleach.shape

    @one_blas_thread()
    def mobile(self, symbol, start, depth, imaging_blur=0.0):
        """Compute the mean deficit of all species together in the postbleach frames.

        Parameters
        ----------
        symbol : callable
            ``symbol(k_squared, times)`` returns the matrices that carry the species on by each
            time, (n_times, n_species, n_species, n). As functions of k² they are analytic, and
            at most about 1, where its real part is positive.
        start : ndarray of shape (n_species,)
            Concentrations before bleaching, in equilibrium.
        depth : ndarray of shape (n,)
            1 - alpha.
        imaging_blur : float, default=0.0
            Standard deviation of the Gaussian spread of the detection, µm.

        Returns
        -------
        ndarray of shape (n, n_postbleach)
        """
        recovery = partial(self._recovery, symbol, start, imaging_blur)
        return depth[:, np.newaxis] * polynomial_on_unit_interval(
            recovery, depth, self.protocol.n_bleach - 1
        )

    @one_blas_thread()
    def immobile(self, depth, imaging_blur=0.0):
        """Compute the mean deficit of immobile particles after bleaching, shape (n,)."""
        n_bleach = self.protocol.n_bleach

        def deficit(depth):
            left = (1 - depth[:, np.newaxis, np.newaxis] * self._mask) ** n_bleach
            return self._seen(1 - left) @ self._blur(imaging_blur)

        return polynomial_on_unit_interval(deficit, depth, n_bleach)

    def after_flash(self, symbol, start, imaging_blur=0.0):
        """Compute the deficits that one bleach frame leaves, over the depth.

        Parameters
        ----------
        symbol, start, imaging_blur
            As in :meth:`mobile`.

        Returns
        -------
        moving : ndarray of shape (n_postbleach,)
        still : float
            Of immobile particles.
        """
        seen = self._mask_seen * self._blur(imaging_blur)
        left = symbol(self._nodes, self.protocol.times[self.protocol.n_prebleach :]).sum(axis=1)
        return np.tensordot(left, start[:, np.newaxis] * seen, 2), seen.sum()

    @cached_property
    def _mask_seen(self):
        """What is seen of the mask once spread by each kernel."""
        return self._seen(self._mask)

    def _recovery(self, symbol, start, imaging_blur, depth):
        """Compute the mean deficit of mobile particles over the depth."""
        times, n_prebleach = self.protocol.bleach_times, self.protocol.n_prebleach
        since_bleach = symbol(self._nodes, times - times[0])
        seen = self._seen(self._deposits(since_bleach[1:], start, depth))
        # Carry all deposits on to the last bleach frame.
        seen = np.einsum("iabq,ibnq->naq", since_bleach[::-1], seen)
        seen *= self._blur(imaging_blur)
        left = symbol(self._nodes, self.protocol.times[n_prebleach:]).sum(axis=1)
        left = left.reshape(len(left), -1)
        return seen.reshape(len(depth), left.shape[1]) @ left.T

    def _blur(self, width):
        return np.exp(-0.5 * width**2 * self._nodes)

    def _seen(self, fields):
        """Weigh what is in the box as it is seen once spread by each kernel: (..., n_nodes)."""
        return fields.reshape(*fields.shape[:-2], self._mask.size) @ self._spread_weights

    def _deposits(self, since_bleach, start, depth):
        """Compute what each bleach frame removes, over the depth: (n_bleach, n_species, n, h, w).

        ``since_bleach`` is the symbol 1, 2, ... bleach intervals after a bleach frame.
        """
        grid, depth = self._grid, depth[:, np.newaxis, np.newaxis]
        start = start[:, np.newaxis, np.newaxis, np.newaxis]
        deposits = np.empty((1 + len(since_bleach), len(start), len(depth), *self._mask.shape))
        deposits[0] = start * self._mask
        kernels = grid.on_modes(since_bleach @ self._kernels)
        modes = [grid.forward(start * self._mask)]
        for i in range(1, len(deposits)):
            # The latest deposit was spread for one interval, the one before for two, ...
            spread = sum(
                np.einsum("abyx,bnyx->anyx", kernel, deposit)
                for kernel, deposit in zip(kernels[:i], reversed(modes), strict=True)
            )
            deposits[i] = self._mask * (start - depth * grid.backward(spread))
            if i + 1 < len(deposits):
                modes.append(grid.forward(deposits[i]))
        return deposits

    @property
    def _kernels(self):
        return _kernels(self._shape, self.protocol.pixel_size, self._grid.sizes, self._grid.n_modes)

    @cached_property
    def _spread_weights(self):
        """Detection weights spread by each kernel: (h * w, n_nodes)."""
        grid = self._grid
        weights = grid.forward(self._weights)
        spread = [
            grid.backward(weights * grid.on_modes(kernel)).ravel() for kernel in self._kernels
        ]
        return np.transpose(spread)


class _WholeBox:
    """Fields on a box, and their Fourier transform on one so large that nothing wraps around."""

    def __init__(self, shape):
        self._shape = shape
        self.sizes = tuple(map(_roomy, shape))
        self.n_modes = tuple(n + 1 for n in self.sizes)
        self._fft_shape = tuple(2 * n for n in self.sizes)
        rows = np.arange(self._fft_shape[0])
        self._rows = np.minimum(rows, self._fft_shape[0] - rows)

    def part(self, field):
        """Take what is held of a field in the box."""
        return field

    def folded(self, weights):
        """Make weights of the pixels of a field into weights of what is held of it."""
        return weights

    def on_modes(self, kernels):
        """Arrange the transforms of kernels as those of fields are."""
        return kernels.reshape(*kernels.shape[:-1], *self.n_modes)[..., self._rows, :]

    def forward(self, fields):
        return rfft2(fields, self._fft_shape)

    def backward(self, modes):
        h, w = self._shape
        return irfft2(modes, self._fft_shape, overwrite_x=True)[..., :h, :w]


class _QuarterBox:
    """Fields symmetric about the middle of a box: one quarter, and its cosine transform."""

    def __init__(self, shape):
        self._shape = tuple(n // 2 for n in shape)
        self.sizes = self.n_modes = tuple(map(_roomy, shape))

    def part(self, field):
        h, w = self._shape
        return field[h:, w:]

    def folded(self, weights):
        weights = weights + weights[::-1]
        return self.part(weights + weights[:, ::-1])

    def on_modes(self, kernels):
        return kernels.reshape(*kernels.shape[:-1], *self.n_modes)

    def forward(self, fields):
        return dctn(fields, s=self.sizes, axes=(-2, -1), norm="ortho")

    def backward(self, modes):
        h, w = self._shape
        return idctn(modes, axes=(-2, -1), norm="ortho", overwrite_x=True)[..., :h, :w]


def _is_symmetric(mask):
    if any(n % 2 for n in mask.shape):
        return False
    return all(np.allclose(mask, np.flip(mask, k), rtol=0, atol=_ROUNDING) for k in (0, 1))


def _roomy(n):
    """Round a size up to 4, 5, 6, 7 or 8 times a power of two, so that boxes share kernels."""
    step = 2 ** max(0, (n - 1).bit_length() - 3)
    return -(-n // step) * step


@lru_cache(maxsize=8)
@one_blas_thread()
def _kernels(shape, pixel_size, sizes, n_modes):
    """Transform the kernels that symbols which are 1 at one node and 0 at the others belong to.

    Parameters
    ----------
    shape : tuple of int
        Of the periodic grid.
    pixel_size : float
    sizes : tuple of int
        Shifts in pixels, along either axis, from which on the kernels are not needed. They are
        transformed with a period of twice that.
    n_modes : tuple of int
        How many of the transform's modes, along either axis.

    Returns
    -------
    ndarray of shape (n_nodes, product of n_modes)
    """
    nodes, interpolate = _nodes(shape, pixel_size)
    (ky_squared, along_y), (kx_squared, along_x) = (
        _transformed_cosines(*axis, pixel_size) for axis in zip(shape, sizes, n_modes, strict=True)
    )
    rows = np.empty((len(ky_squared), len(nodes), n_modes[1]))
    for row, k_squared in zip(rows, ky_squared, strict=True):
        np.matmul(interpolate(k_squared + kx_squared), along_x, out=row)
    kernels = along_y.T @ rows.reshape(len(rows), -1)
    return kernels.reshape(n_modes[0], len(nodes), -1).swapaxes(0, 1).reshape(len(nodes), -1)


def _transformed_cosines(n, size, n_modes, pixel_size):
    """Return k² of n periodic pixels, and transforms of their modes at shifts below a size."""
    waves = np.arange(n // 2 + 1)
    multiplicity = np.where((waves == 0) | (2 * waves == n), 1, 2)
    shifts = np.arange(size)
    cosines = np.cos(2 * np.pi / n * (np.outer(waves, shifts) % n))
    phases = np.outer(shifts, np.arange(n_modes)) % (2 * size)
    transform = np.where(shifts == 0, 1, 2)[:, np.newaxis] * np.cos(np.pi / size * phases)
    along = (multiplicity / n)[:, np.newaxis] * cosines @ transform
    return (2 * np.pi * waves / (n * pixel_size)) ** 2, along


def _nodes(shape, pixel_size):
    """Return nodes in k², the first 0, and a function that computes their Lagrange polynomials.

    In log k² a symbol is analytic, and at most about 1, up to pi/2 off the real axis. Chebyshev
    nodes make use of no more than an ellipse in that strip; stretched by an arcsine the ellipse
    becomes longer, and a quarter fewer nodes do.
    """
    smallest = (2 * np.pi / (max(2, *shape) * pixel_size)) ** 2
    largest = 2 * (np.pi / pixel_size) ** 2
    middle, half = 0.5 * np.log(smallest * largest), 0.5 * np.log(largest / smallest)
    # Errors fall as exp(-rate n) if the ellipse |x + sqrt(x² - 1)| < exp(rate) maps into the strip.
    rates = np.geomspace(1e-2, 1e1, 1000)
    stretches = np.arcsin(1 / np.cosh(rates))
    widest = np.searchsorted(half * np.arcsinh(np.tanh(rates)) / stretches, np.pi / 2) - 1
    rate, stretch = rates[widest], stretches[widest]
    n = 1 + int(np.ceil(-np.log(_TOLERANCE) / rate))
    angles = np.pi * (np.arange(n) + 0.5) / n
    x_nodes = np.cos(angles)
    barycentric = (-1.0) ** np.arange(n) * np.sin(angles)

    def interpolate(k_squared):
        values = np.zeros((1 + n, len(k_squared)))
        waves = k_squared > 0
        values[0] = ~waves
        x = np.sin(stretch * (np.log(k_squared[waves]) - middle) / half) / np.sin(stretch)
        apart = x - x_nodes[:, np.newaxis]
        apart[apart == 0] = 1e-300  # at a node its own polynomial is 1 and the others are 0
        terms = barycentric[:, np.newaxis] / apart
        values[1:, waves] = terms / terms.sum(axis=0)
        return values

    logs = middle + half * np.arcsin(x_nodes * np.sin(stretch)) / stretch
    return np.append(0.0, np.exp(logs)), interpolate
