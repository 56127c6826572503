"""The model as one would write it at first: step the padded grid by FFT, frame by frame."""

import numpy as np
from scipy.fft import fft2, ifft2, irfft2, rfft2


class FFTModel:
    """Compute a recovery curve by spectral time steps of the whole padded grid.

    Parameters
    ----------
    protocol : FRAPProtocol
        With equal frame intervals.
    there_and_back : bool, default=False
        Transform forward and back in every frame, prebleach frames too, in complex numbers: what
        the reference program does, since its masks may act in any frame. By default the spectrum
        is real and kept from frame to frame, and nothing is computed before the bleach.
    """

    def __init__(self, protocol, *, there_and_back=False):
        self.protocol = protocol
        self.there_and_back = there_and_back
        p = protocol.padding
        self._grid = tuple(n + 2 * p for n in protocol.shape)
        self._field = tuple(slice(p, p + n) for n in protocol.shape)
        self._mask = np.pad(protocol.bleach_mask, p)
        frequencies = np.fft.fftfreq if there_and_back else np.fft.rfftfreq
        ky = 2 * np.pi * np.fft.fftfreq(self._grid[0], protocol.pixel_size)
        kx = 2 * np.pi * frequencies(self._grid[1], protocol.pixel_size)
        self._k_squared = ky[:, np.newaxis] ** 2 + kx**2

    def curve(self, D, c0, alpha):
        """Compute one curve, shape (n_frames,)."""
        kernel = np.exp(-D * self.protocol.frame_interval * self._k_squared)
        left_by_bleaching = 1 - (1 - alpha) * self._mask
        image = np.full(self._grid, float(c0))
        if self.there_and_back:
            return self._step_there_and_back(image, kernel, left_by_bleaching)
        for _ in range(self.protocol.n_bleach):
            image = irfft2(kernel * rfft2(image), self._grid) * left_by_bleaching
        curve = np.full(self.protocol.n_frames, float(c0))
        spectrum = rfft2(image)
        for frame in range(self.protocol.n_prebleach, self.protocol.n_frames):
            spectrum *= kernel
            curve[frame] = self._mean_in_region(irfft2(spectrum, self._grid))
        return curve

    def _step_there_and_back(self, image, kernel, left_by_bleaching):
        protocol = self.protocol
        first, last = protocol.n_prebleach, protocol.n_prebleach + protocol.n_bleach
        curve = []
        for frame in range(protocol.n_frames + protocol.n_bleach):
            image = ifft2(kernel * fft2(image)).real
            if first <= frame < last:
                image *= left_by_bleaching
            else:
                curve.append(self._mean_in_region(image))
        return np.array(curve)

    def _mean_in_region(self, image):
        return np.sum(self.protocol.roi_weights * image[self._field])
