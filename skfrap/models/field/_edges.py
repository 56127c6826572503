"""Free diffusion with bleaching by imaging, while little comes in over the edges of the field."""

from functools import cached_property

import numpy as np
from scipy.fft import irfft, rfft

from skfrap.models.field._local import LocalDiffusion
from skfrap.models.field._spectral import memoised

_NEGLIGIBLE = 2e-11  # of an intensity of 1, as estimated; nearly always it is far less
_MOST_ESTIMATES = 1024


class DiffusionBetweenEdges(LocalDiffusion):
    """Add to the local model what comes in over the edges of the field of view.

    The concentration without bleach frames is beta**n + f(y) + g(x) near the bleach region, f and g
    being what comes in from above and below and from the sides. That is what bleach frames find.

    Parameters
    ----------
    protocol : FRAPProtocol
    frames : list
        As from `events`.
    optics : Optics
    imaging_blur : float
    """

    def __init__(self, protocol, frames, optics, imaging_blur):
        super().__init__(protocol, optics.bleach, optics.weights, imaging_blur)
        self._frames = frames
        self._outside = []
        for n, field in zip(optics.bleach.shape, optics.field, strict=True):
            outside = np.ones(n)
            outside[field] = 0.0
            self._outside.append(outside)
        self._estimates = {}

    def suits(self, D, imaging_bleach):
        """Tell whether what is neglected is negligible, and powers do not underflow."""
        n_imaged = self.protocol.n_prebleach + self.protocol.n_bleach
        return imaging_bleach**n_imaged > 1e-100 and self.neglected(D) < _NEGLIGIBLE

    def neglected(self, D):
        """Estimate from above what is neglected, as a part of an intensity of 1.

        That is what comes in over the corners, and what bleaching leaves that goes out of the field
        and comes in again. Distances alone do not tell: diffusion by less than a pixel between
        frames is not resolved and rings.
        """
        estimate = self._estimates.get(D)
        if estimate is None:
            if len(self._estimates) >= _MOST_ESTIMATES:
                self._estimates.clear()
            estimate = self._estimates[D] = self._estimate_neglected(D)
        return estimate

    def _estimate_neglected(self, D):
        if not self._outside[0].any():
            return 0.0
        times = self.protocol.times
        longest, shortest = times[-1] - times[0], min(time for time, _ in self._frames)
        nearest = self.protocol.pixel_size * min(part.min() for part in self._from_outside)
        if nearest**2 < 4 * D * longest:
            return np.inf
        lags = longest * 0.5 ** np.arange(1 + np.ceil(np.log2(longest / shortest)))
        sharp = self._kernels_outward(D * lags)
        seen = self._kernels_outward(D * lags + self._blur) if self._blur else sharp
        # Bleach frames see without the detection's blur, and what they see is seen.
        weights = np.maximum(
            _size_outside(sharp, self._weights), _size_outside(seen, self._weights)
        )
        back = np.outer(_size_outside(sharp, self._mask), weights)
        # Of n frames one is missed outside: n (1 - beta) beta**(n - 1) is about 0.4 at most.
        back = 0.4 * back[np.add.outer(lags, lags) < 1.6 * longest]
        return max(
            np.max(back),
            np.max(_size_at_corners(sharp, self._mask * self._weights)),
            np.max(_size_at_corners(seen, self._weights)),
        )

    def _kernels_outward(self, D_times):
        """Compute what goes from each position in the box to each outside, for each axis."""
        return [
            axis.kernels(D_times, axis.n)[:, distances]
            for axis, distances in zip(self._axes, self._from_outside, strict=True)
        ]

    @cached_property
    def _from_outside(self):
        """Distance in pixels from each position outside the field to each in the box, by axis."""
        return [
            np.abs(np.subtract.outer(np.flatnonzero(outside), np.arange(box.start, box.stop)))
            for outside, box in zip(self._outside, self.box, strict=True)
        ]

    def curves(self, depth, D, imaging_bleach):
        """Compute curves of mobile particles, (n, n_frames)."""
        bleaches = np.array([bleaches for _, bleaches in self._frames])
        left = imaging_bleach ** np.arange(1.0 + len(bleaches))
        before, after = zip(*self._arrivals(D, imaging_bleach), strict=True)
        unbleached = left[1:][~bleaches]
        arrived = sum(
            part[~bleaches] @ seen for part, seen in zip(after, self._seen_along, strict=True)
        )
        found = before[0][bleaches, self.box[0], np.newaxis]
        found = found + before[1][bleaches, np.newaxis, self.box[1]]
        found = 1 + found / left[:-1][bleaches, np.newaxis, np.newaxis]
        curves = np.tile(unbleached + arrived, (len(depth), 1))
        postbleach = slice(self.protocol.n_prebleach, None)
        deficit = depth[:, np.newaxis] * self.recovery(D, depth, found)
        curves[:, postbleach] -= unbleached[postbleach] * deficit
        return curves

    def _arrivals(self, D, imaging_bleach):
        """Yield for each axis what has come in before and after each frame, (n_imaged, n)."""
        known = {}
        for outside in self._outside:
            key = outside.tobytes()  # the axes of a square field are the same
            if key not in known:
                k_squared = self._k_squared(len(outside))
                known[key] = _arrivals(self._frames, outside, k_squared, D, imaging_bleach)
            yield known[key]

    @cached_property
    def _seen_along(self):
        """Weights of the curve along each axis, as spread by the detection."""
        along = []
        for axis, (n, box) in enumerate(zip(map(len, self._outside), self.box, strict=True)):
            weights = np.zeros(n)
            weights[box] = self._weights.sum(axis=1 - axis)
            along.append(irfft(rfft(weights) * np.exp(-self._blur * self._k_squared(n)), n))
        return along

    def _k_squared(self, n):
        return (2 * np.pi * np.fft.rfftfreq(n, self.protocol.pixel_size)) ** 2


def _size_outside(kernels, field):
    """Bound the norm of what is outside the field of view when a field in the box has spread."""
    ky, kx = kernels
    return np.sqrt(sum(np.sum(part**2, axis=(1, 2)) for part in (ky @ field, kx @ field.T)))


def _size_at_corners(kernels, weights):
    """Weigh the product of what comes in along both axes, (n_lags,)."""
    along_y, along_x = (part.sum(axis=1) for part in kernels)
    return np.abs(np.sum((along_y @ weights) * along_x, axis=1))


def _arrivals(frames, outside, k_squared, D, imaging_bleach):
    """Step what comes in over the edges of one axis, the other being endless."""
    decay = memoised(lambda time: np.exp(-D * time * k_squared))
    imaging = np.where(outside, 1.0, imaging_bleach)
    before, after = np.zeros((2, len(frames), len(outside)))
    arrived = after[0]
    for i, (time, _) in enumerate(frames):
        before[i] = irfft(rfft(arrived) * decay(time), len(outside))
        # Outside the field there is what imaging takes inside.
        taken = imaging_bleach**i * (1 - imaging_bleach)
        arrived = after[i] = imaging * before[i] + taken * outside
    return before, after
