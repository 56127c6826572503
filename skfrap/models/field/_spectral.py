"""Stepping from frame to frame on the whole padded grid, for what the local model cannot do.

Bleaching by imaging acts on all of the field of view in every frame, and binding mixes two species:
neither is a product of one-dimensional operators. Here a state of one or more species is carried
from frame to frame in Fourier space, and brought back to pixels where light acts on it. Where the
experiment is symmetric about the middle of the field a quarter of the grid and a cosine transform
do, at a quarter of the cost.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import dctn, idctn, irfft2, rfft2

_WORKERS = -1
_ROUNDING = 1e-11  # of area fractions, relative


def is_symmetric(optics):
    """Tell whether a quarter of the grid will do: even axes, and both mirrored."""
    even = all(n % 2 == 0 for n in optics.bleach.shape)
    return even and all(is_mirrored(optics, axis) for axis in (0, 1))


def is_mirrored(optics, axis):
    """Tell whether an experiment is the same mirrored at the middle of an axis."""
    return all(
        np.allclose(field, np.flip(field, axis), rtol=0, atol=_ROUNDING * field.max())
        for field in (optics.bleach, optics.weights)
    )


class FullGrid:
    """The padded grid and its real Fourier transform."""

    def __init__(self, shape, pixel_size):
        self.shape = shape
        ky = 2 * np.pi * np.fft.fftfreq(shape[0], pixel_size)
        kx = 2 * np.pi * np.fft.rfftfreq(shape[1], pixel_size)
        self.k_squared = ky[:, np.newaxis] ** 2 + kx**2
        # Each mode of the half spectrum stands for itself and its mirror image.
        once = (kx == 0) | (2 * np.arange(len(kx)) == shape[1])
        self.multiplicity = np.where(once, 1.0, 2.0)

    def part(self, field):
        """Take what the grid holds of a field on the padded grid."""
        return field

    def whole(self, field):
        """Complete what the grid holds to the padded grid."""
        return field

    def forward(self, field):
        """Transform to modes, over the last two axes."""
        return rfft2(field, norm="ortho", workers=_WORKERS)

    def backward(self, modes):
        """Transform back to pixels."""
        return irfft2(modes, self.shape, norm="ortho", workers=_WORKERS, overwrite_x=True)


class QuarterGrid:
    """A quarter of a padded grid that is symmetric about its middle, and its cosine transform."""

    multiplicity = 4.0  # each mode stands for those of all four quarters

    def __init__(self, shape, pixel_size):
        self.shape = tuple(n // 2 for n in shape)
        ky, kx = (np.pi * np.arange(n) / (n * pixel_size) for n in self.shape)
        self.k_squared = ky[:, np.newaxis] ** 2 + kx**2

    def part(self, field):
        """Take what the grid holds of a field on the padded grid."""
        return field[..., self.shape[0] :, self.shape[1] :]

    def whole(self, field):
        """Complete what the grid holds to the padded grid."""
        half = np.concatenate([np.flip(field, -2), field], axis=-2)
        return np.concatenate([np.flip(half, -1), half], axis=-1)

    def forward(self, field):
        """Transform to modes, over the last two axes."""
        return dctn(field, axes=(-2, -1), norm="ortho", workers=_WORKERS)

    def backward(self, modes):
        """Transform back to pixels."""
        return idctn(modes, axes=(-2, -1), norm="ortho", workers=_WORKERS, overwrite_x=True)


class FrameStepper:
    """Carry a state of one or more species through the frames of a protocol.

    Parameters
    ----------
    protocol : FRAPProtocol
    optics : Optics
    grid : type, default=None
        FullGrid, where particles do not go alike to all sides. None is QuarterGrid where it will
        do.

    Attributes
    ----------
    grid : FullGrid or QuarterGrid
    bleach, field, weights : ndarray
        On the grid: the bleach mask, 1 in the field of view, and weights of the recovery curve.
    """

    def __init__(self, protocol, optics, grid=None):
        self.protocol = protocol
        if grid is None:
            grid = QuarterGrid if is_symmetric(optics) else FullGrid
        self.grid = grid(optics.bleach.shape, protocol.pixel_size)
        self.bleach = self.grid.part(optics.bleach)
        field = np.zeros(optics.bleach.shape)
        field[optics.field] = 1.0
        self.field = self.grid.part(field)
        self.weights = self.grid.part(optics.weights)
        self._share = 4.0 if grid is QuarterGrid else 1.0

    def frames(self, start, propagate, depth, imaging_bleach):
        """Yield the total concentration after each recorded frame.

        Parameters
        ----------
        start : ndarray of shape (n_species,)
            Even concentrations before the first frame.
        propagate : callable
            ``propagate(modes, time)`` carries the modes (n_species, ...) on by a time in s.
        depth : float
            1 - alpha.
        imaging_bleach : float
            What imaging a frame leaves in the field of view; bleach frames are imaged too.

        Yields
        ------
        ndarray
            Sum over species on the grid; use :meth:`mean` or ``grid.whole`` on it.
        """
        protocol = self.protocol
        state = np.ones(self.grid.shape) * start[:, np.newaxis, np.newaxis]
        imaging = 1 - (1 - imaging_bleach) * self.field
        bleaching = imaging * (1 - depth * self.bleach)
        even = True
        for interval, bleaches in events(protocol):
            # An even state stays as it is until something has bleached a part of it.
            if not even:
                state = self.grid.backward(propagate(self.grid.forward(state), interval))
            even = even and imaging_bleach == 1 and not bleaches
            state = state * (bleaching if bleaches else imaging)
            if not bleaches:
                yield state.sum(axis=0)

    def still_frames(self, depth, imaging_bleach):
        """Yield what is left of particles that do not move after each recorded frame."""
        protocol = self.protocol
        imaging = 1 - (1 - imaging_bleach) * self.field
        left = np.ones(self.grid.shape)
        for _ in range(protocol.n_prebleach):
            left = left * imaging
            yield left
        left = left * (imaging * (1 - depth * self.bleach)) ** protocol.n_bleach
        for _ in range(protocol.n_postbleach):
            left = left * imaging
            yield left

    def blur(self, concentration, width):
        """Convolve a field on the grid with a Gaussian of standard deviation `width`, µm."""
        if width == 0:
            return concentration
        decay = np.exp(-0.5 * width**2 * self.grid.k_squared)
        return self.grid.backward(self.grid.forward(concentration) * decay)

    def mean(self, concentration):
        """Average a field on the grid with the weights of the recovery curve."""
        return self._share * np.sum(concentration * self.weights)


def events(protocol):
    """List all frames in order: the time since the one before, and whether it bleaches."""
    first, last = protocol.times[: protocol.n_prebleach], protocol.times[protocol.n_prebleach :]
    clock = [*first, *protocol.bleach_times, *last]
    bleaches = [False] * len(first) + [True] * protocol.n_bleach + [False] * len(last)
    intervals = np.diff(clock, prepend=clock[0] - protocol.frame_interval)
    return [(rounded(interval), kind) for interval, kind in zip(intervals, bleaches, strict=True)]


def rounded(time):
    """Round a time to a dozen digits, so that even intervals are equal."""
    return float(f"{time:.12g}")


def memoised(function):
    """Keep the last few results: frames come at few different intervals."""
    return lru_cache(maxsize=4)(function)
