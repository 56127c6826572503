"""Images of free diffusion as products of one-dimensional kernels, in few coordinates.

What bleaching takes from an image is K_y Y K_x^T, with Y on the mask's box and heat kernels K of
one axis each. The kernels of all D and all times share a range of some tens of dimensions, U_y and
U_x, so that an image is a matrix of coordinates between the two, and no image is ever computed.
Where the mask is even about the middle of the window, all of it is folded to a quarter.
"""

from functools import cached_property

import numpy as np
from scipy.fft import irfft, rfftfreq

from skfrap.models._optics import blur_mask

_LIT = 1e-12  # of full bleaching: where the box of a mask ends
_EVEN = 1e-12
_RANGE_TOLERANCE = 1e-7  # of the kernels' size
_PROBES = 160  # random combinations that span the kernels' range
_KEPT_OPERATORS = 4
_TIMES_PER_DECADE = 6  # of D times lag, at which the range is sampled


def bleach_mask_on_grid(protocol, blur=0.0):
    """Put the bleach region on the padded grid, blurred by a beam of some width in µm."""
    if blur > 0:
        return blur_mask(protocol, blur)
    return np.pad(protocol.bleach_mask, protocol.padding)


def box_of(mask):
    """Return the rows and columns, two slices, outside of which nothing is bleached."""
    lit = mask > _LIT
    rows, columns = (np.flatnonzero(lit.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def folded(images, axis):
    """Fold images that are even along an axis in two, their norms kept; half of n, rounded up.

    Parameters
    ----------
    images : ndarray of shape (..., n, ...)
    axis : int
        -1 or -2.

    Returns
    -------
    ndarray of shape (..., (n + 1) // 2, ...)
    """
    images = np.swapaxes(images, axis, -2) if axis != -2 else images
    n = images.shape[-2]
    half = images[..., : n // 2, :] + images[..., : n - n // 2 - 1 : -1, :]
    half *= half.dtype.type(np.sqrt(0.5))
    if n % 2:
        half = np.concatenate([half, images[..., n // 2 : n // 2 + 1, :]], axis=-2)
    return np.swapaxes(half, axis, -2) if axis != -2 else half


def fold_rows(images, half):
    """Fold images that are even from top to bottom, norms kept but for a factor.

    Folded from left to right as well they would take longer to fold than they save.

    Parameters
    ----------
    images : ndarray of shape (n, ny, nx)
    half : ndarray of shape (n, (ny + 1) // 2, nx)
        The result, to be multiplied by :func:`row_weights` for norms to be kept.
    """
    ny = images.shape[-2]
    y = ny // 2
    np.add(images[:, :y], images[:, : ny - y - 1 : -1], out=half[:, :y])
    half[:, y:] = images[:, y : ny - y]


def row_weights(ny):
    """Return what rows of :func:`fold_rows` are to be multiplied by for norms to be kept."""
    return np.where(np.arange((ny + 1) // 2) < ny // 2, np.sqrt(0.5), 1.0)[:, np.newaxis]


def unfolded(images, axis, n):
    """Undo :func:`folded` for n pixels."""
    images = np.swapaxes(images, axis, -2) if axis != -2 else images
    half = images[..., : n // 2, :] * np.sqrt(0.5)
    whole = np.concatenate([half, images[..., n // 2 :, :], half[..., ::-1, :]], axis=-2)
    return np.swapaxes(whole, axis, -2) if axis != -2 else whole


def heat_kernels(n, pixel_size, spreads):
    """Compute periodic heat kernels on n pixels.

    Parameters
    ----------
    n : int
    pixel_size : float
        µm.
    spreads : ndarray of shape (m,)
        D times time, µm².

    Returns
    -------
    ndarray of shape (m, n)
        By distance in pixels.
    """
    wave_numbers = 2 * np.pi * rfftfreq(n, pixel_size)
    return irfft(np.exp(-np.outer(spreads, wave_numbers**2)), n, axis=-1)


class SeparableImages:
    """Compute what bleaching takes, over the depth, in coordinates of one window.

    Parameters
    ----------
    protocol : FRAPProtocol
    window : tuple of two slices
        Of the field of view.
    masks : sequence of ndarray of shape (ny, nx)
        Bleach masks on the padded grid that are to be computed with.
    D_range : tuple of float
        µm²/s.
    imaging_blur : float, default=0.0
        Standard deviation of the Gaussian spread of the detection, µm.

    Attributes
    ----------
    is_folded : bool
        Whether images are even in both directions and folded to a quarter.
    shape : tuple of int
        Pixels of the window.
    n_coordinates : int
    """

    def __init__(self, protocol, window, masks, D_range, imaging_blur=0.0):
        self.protocol, self.window = protocol, window
        self.shape = tuple(part.stop - part.start for part in window)
        self._grid = masks[0].shape
        self._blurred = 0.5 * imaging_blur**2  # as a spread
        self._box = box_of(np.max(masks, axis=0))
        self.is_folded = self._is_even(masks)
        self._kept: dict[bytes, list] = {}
        self._set_lags()
        smallest = D_range[0] * self._lags[self._lags > 0].min(initial=np.inf)
        largest = D_range[1] * self._lags.max()
        if not np.isfinite(smallest):
            smallest = largest
        n_times = 2 + int(_TIMES_PER_DECADE * max(1.0, np.log10(largest / smallest)))
        spreads = np.append(0.0, np.geomspace(smallest, largest, n_times))
        self.ranges = tuple(self._range(axis, spreads) for axis in (0, 1))
        self._sizes = tuple(part.shape[1] for part in self.ranges)
        self.n_coordinates = self._sizes[0] * self._sizes[1]

    def _set_lags(self):
        protocol = self.protocol
        after = protocol.times[protocol.n_prebleach :]
        lags = after - protocol.bleach_times[:, np.newaxis]
        # Frames and bleach frames that are evenly spaced have most of their lags in common.
        _, first, index = np.unique(
            np.round(lags / lags.max(), 12), return_index=True, return_inverse=True
        )
        self._lags, self._lag_of = lags.ravel()[first], index.reshape(lags.shape)

    def _is_even(self, masks):
        padding = self.protocol.padding
        centred = all(
            box.start + box.stop == 2 * padding + part.start + part.stop
            for box, part in zip(self._box, self.window, strict=True)
        )
        parts = [mask[self._box] for mask in masks]
        return centred and all(
            np.abs(part - part[::-1]).max() < _EVEN and np.abs(part - part[:, ::-1]).max() < _EVEN
            for part in parts
        )

    def _range(self, axis, spreads):
        """Span what the kernels of an axis can give: (n, r) orthonormal, the first even."""
        columns = np.concatenate([*self._kernels(axis, spreads + self._blurred)], axis=1)
        even = np.ones((len(columns), 1))
        if self.is_folded:
            even = folded(np.ones((self.shape[axis], 1)), -2)
        even /= np.linalg.norm(even)
        random = np.random.default_rng(0)
        if columns.shape[1] > _PROBES:
            columns = columns @ random.standard_normal((columns.shape[1], _PROBES))
        columns = columns - even @ (even.T @ columns)
        directions, strengths, _ = np.linalg.svd(columns, full_matrices=False)
        kept = directions[:, strengths > _RANGE_TOLERANCE * strengths[0]]
        basis, _ = np.linalg.qr(np.hstack([even, kept]))
        return basis * np.sign(basis[0, 0])

    def _kernels(self, axis, spreads):
        """Compute kernels from the box to the window: (len(spreads), n, n_box)."""
        box, part, padding = self._box[axis], self.window[axis], self.protocol.padding
        n = self._grid[axis]
        rows = heat_kernels(n, self.protocol.pixel_size, spreads)
        to = np.arange(part.start, part.stop) + padding
        kernels = rows[:, (to[:, np.newaxis] - np.arange(box.start, box.stop)) % n]
        return self._on_half_box(folded(kernels, -2)) if self.is_folded else kernels

    def _on_half_box(self, kernels):
        """Let kernels take even functions by their first half."""
        n = kernels.shape[-1]
        half = kernels[..., : (n + 1) // 2].copy()
        half[..., : n // 2] += kernels[..., : n - n // 2 - 1 : -1]
        return half

    def of_mask(self, mask):
        """Take what is computed with of a mask on the padded grid."""
        part = mask[self._box]
        if self.is_folded:
            part = part[: (part.shape[0] + 1) // 2, : (part.shape[1] + 1) // 2]
        return part

    @cached_property
    def level(self):
        """Coordinates of the image that is 1 everywhere, (n_coordinates,)."""
        level = np.zeros(self._sizes)
        level[0, 0] = np.sqrt(np.prod(self.shape))
        return level.ravel()

    def deposits(self, mask, D, depth):
        """Compute what each bleach frame takes, over the depth, where it takes it.

        Parameters
        ----------
        mask : ndarray of shape (h, w)
            As :meth:`of_mask` gives it.
        D : float
        depth : ndarray of shape (n,)
            What a bleach frame takes where the mask is 1.

        Returns
        -------
        ndarray of shape (n_bleach, n, h, w)
        """
        times = self.protocol.bleach_times
        taken = np.empty((len(times), len(depth), *mask.shape))
        taken[0] = mask
        if len(times) == 1:
            return taken
        within = [self._within(axis, D * (times[1:] - times[0])) for axis in (0, 1)]
        for i in range(1, len(times)):
            spread = sum(within[0][i - j - 1] @ taken[j] @ within[1][i - j - 1].T for j in range(i))
            taken[i] = mask * (1 - depth[:, np.newaxis, np.newaxis] * spread)
        return taken

    def _within(self, axis, spreads):
        """Compute kernels from the box to itself."""
        n = self._box[axis].stop - self._box[axis].start
        rows = heat_kernels(self._grid[axis], self.protocol.pixel_size, spreads)
        kernels = rows[:, np.abs(np.arange(n)[:, np.newaxis] - np.arange(n))]
        if self.is_folded:
            kernels = self._on_half_box(kernels[:, : (n + 1) // 2])
        return kernels

    def mobile(self, mask, D, depth, frames=slice(None)):
        """Compute what is missing of mobile particles, over the depth.

        Parameters
        ----------
        mask : ndarray of shape (h, w)
            As :meth:`of_mask` gives it.
        D : float
        depth : ndarray of shape (n,)
        frames : slice or ndarray of int, default=slice(None)
            Which of those after bleaching.

        Returns
        -------
        ndarray of shape (n, n_frames, n_coordinates)
        """
        taken = self.deposits(mask, D, depth)
        used, index = np.unique(self._lag_of[:, frames], return_inverse=True)
        index = index.reshape(len(taken), -1)
        along, across = self._operators(D * self._lags[used])
        (n_y, n_x), (h, w) = self._sizes, mask.shape
        n_depth, n_frames = len(depth), index.shape[1]
        missing = np.zeros((n_frames, n_depth * n_y, n_x))
        for one, lags in zip(taken, index, strict=True):
            half = along[lags].reshape(-1, h) @ one.transpose(1, 0, 2).reshape(h, n_depth * w)
            half = half.reshape(n_frames, n_y, n_depth, w).transpose(0, 2, 1, 3)
            half = half.reshape(n_frames, n_depth * n_y, w)
            missing += half @ across[lags].transpose(0, 2, 1)
        return missing.reshape(n_frames, n_depth, n_y * n_x).transpose(1, 0, 2)

    def immobile(self, mask, depth):
        """Compute what is missing of particles that stay, over the depth: (n, n_coordinates)."""
        along, across = (part[0] for part in self._operators(np.zeros(1)))
        depth = depth[:, np.newaxis, np.newaxis]
        left = (1 - depth * mask) ** self.protocol.n_bleach
        return (along @ ((1 - left) / depth) @ across.T).reshape(len(depth), -1)

    def _operators(self, spreads):
        """Compute kernels in coordinates, of both axes; the last few are kept for other masks."""
        key = spreads.tobytes()
        if key not in self._kept:
            if len(self._kept) >= _KEPT_OPERATORS:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = [
                basis.T @ self._kernels(axis, spreads + self._blurred)
                for axis, basis in enumerate(self.ranges)
            ]
        return self._kept[key]
