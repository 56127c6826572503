"""Where a reference lies in an image: Gauss and Newton's method, with the bleached area masked.

An image is the reference, moved and perhaps turned, times a gain, plus an offset, less what was
bleached: that lies in wide bells about the bleached spot, whose depths are free, and leans to one
side where an edge is near. So neither fading nor recovery is taken for motion.
"""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

_SPREADS = 1.0, 2.0, 4.0  # radii of the spot, of the bells in which light is missing
_STEPS, _SETTLED = 25, 1e-3  # of Gauss and Newton; pixels
_LARGEST_STEP = 3.0  # pixels
_FEWEST = 30  # pixels, that a motion is fitted to
_STRUCTURE = 0.5  # of what a reference varies, that must be more than its noise


def pixel_variance(image):
    """Return the variance of the noise of pixels, from neighbours' differences in some rows."""
    some = np.asarray(image[:: max(1, len(image) // 64)], float)
    second = np.diff(some, 2, axis=1)
    return float((np.median(np.abs(second)) / 0.6745) ** 2 / 6) if second.size else 0.0


def _inverse(information):
    return np.linalg.pinv(information, rcond=1e-9, hermitian=True)


class Reference:
    """An image that others are registered to.

    Parameters
    ----------
    image : ndarray of shape (ny, nx)
        Little noisy.
    wanted : ndarray of shape (ny, nx) of bool
        Pixels that are looked at.
    spot : tuple (row, column, radius) or None
        Of what was bleached, pixels.
    smoothing : float
        Standard deviation of the Gaussian filter, pixels.
    noise : float
        Variance of the image's pixels by noise.
    turns : bool
        Whether the sample may turn.
    """

    def __init__(self, image, wanted, spot, smoothing, noise, turns=False):
        self.shape, self.smoothing, self.turns = image.shape, smoothing, turns
        smooth = gaussian_filter(np.asarray(image, float), smoothing, mode="nearest")
        ny, nx = image.shape
        self.middle = ((ny - 1) / 2, (nx - 1) / 2) if spot is None else spot[:2]
        down, right = np.gradient(smooth)
        self.rows, self.columns = np.nonzero(wanted)
        if len(self.rows) < _FEWEST:
            raise ValueError(
                f"{len(self.rows)} pixels are left beside what was bleached, too few to see motion."
            )
        y, x = self.rows - self.middle[0], self.columns - self.middle[1]
        at = self.rows, self.columns
        motion = [right[at], down[at]]
        if turns:
            motion.append(x * down[at] - y * right[at])
        self.n_motion = len(motion)
        level = smooth[at]
        lost = []
        if spot is not None:
            away = (x**2 + y**2) / (2 * spot[2] ** 2)
            lost = [level * np.exp(-away / share**2) for share in _SPREADS]
            lost += [level * x, level * y]
        self.columns_of = np.column_stack([*motion, level, np.ones_like(level), *lost])
        # What reaches no pixel, as a bell within the mask, has no say.
        scale = np.sqrt(np.sum(self.columns_of**2, axis=0))
        self.scale = np.where(scale > 0, scale, 1.0)
        self.columns_of /= self.scale
        self.information = self.columns_of.T @ self.columns_of
        self.inverse = _inverse(self.information)
        self._ends = [(int(one.min()), int(one.max())) for one in (self.rows, self.columns)]
        (top, _), (first, last) = self._ends
        self._within = (self.rows - top) * (last - first + 1) + self.columns - first
        # Wide bells look like the level itself: what they are together is what images are sure of.
        self._gain_of = level @ self.columns_of / max(level @ level, np.finfo(float).tiny)
        self._gain_of[[*range(self.n_motion), self.n_motion + 1]] = 0.0
        self.level = smooth.mean()
        lengths = np.array([1.0, 1.0, np.mean(x**2 + y**2)])[: self.n_motion]
        self._noise = noise * lengths * len(x) / (8 * np.pi * smoothing**4)
        self._unit_errors = None

    @property
    def unit_errors(self):
        """Standard errors of the motion where pixels have noise of variance 1.

        Infinite where the reference varies by little more than its noise: an image of nothing fits
        anywhere.
        """
        if self._unit_errors is None:
            solver = self.columns_of @ self.inverse
            own = np.diag(self.inverse)[: self.n_motion] / self.scale[: self.n_motion] ** 2
            structure = 1 - self._noise * own
            errors = []
            for k in range(self.n_motion):
                image = np.zeros(self.shape)
                image[self.rows, self.columns] = solver[:, k] / self.scale[k]
                smooth = gaussian_filter(image, self.smoothing, mode="constant")
                errors.append(np.sqrt(np.sum(smooth**2)))
            known = structure > _STRUCTURE
            errors = np.array(errors) / np.where(known, structure, 1.0)
            self._unit_errors = np.where(known, errors, np.inf)
        return self._unit_errors

    def places(self, motion):
        """Return where pixels of the reference lie in an image, rows and columns."""
        dx, dy, angle = motion
        if angle == 0:
            return self.rows + dy, self.columns + dx
        y, x = self.rows - self.middle[0], self.columns - self.middle[1]
        cos, sin = np.cos(angle), np.sin(angle)
        return self.middle[0] + dy + sin * x + cos * y, self.middle[1] + dx + cos * x - sin * y

    def register(self, image, start):
        """Find the motion of one image.

        Parameters
        ----------
        image : ndarray of shape (ny, nx)
        start : ndarray of shape (3,)
            From where to look: dx, dy in pixels, the angle in radians.

        Returns
        -------
        motion, errors : ndarray of shape (3,)
            Errors are standard errors, by the noise of pixels and what the fit leaves.
        left : float
            Mean square that the fit leaves, over the square of the reference's level.
        """
        smooth = gaussian_filter(np.asarray(image, float), self.smoothing, mode="nearest")
        motion, gain = np.array(start, float), 1.0
        design = self.columns_of
        for _ in range(_STEPS):
            seen, outside = self._seen(smooth, motion)
            inverse, n_inside = self.inverse, len(self.rows)
            if outside is not None:
                beyond = design[outside]
                inverse = _inverse(self.information - beyond.T @ beyond)
                seen[outside] = 0.0
                n_inside -= np.count_nonzero(outside)
            values = inverse @ (design.T @ seen)
            gain = self._gain_of @ values
            if not gain > 0 or n_inside < _FEWEST:
                return np.array(start, float), np.full(3, np.inf), np.inf
            step = np.zeros(3)
            step[: self.n_motion] = (values / self.scale)[: self.n_motion] / gain
            length = np.hypot(*step[:2])
            step *= min(1.0, _LARGEST_STEP / length) if length else 1.0
            motion = self._after(motion, step)
            if max(length, abs(step[2]) * 0.3 * max(self.shape)) < _SETTLED:
                break
        rest = seen - design @ values
        rest = rest if outside is None else rest[~outside]
        left = np.sum(rest**2) / max(n_inside - design.shape[1], 1)
        variance = max(pixel_variance(image), left * 4 * np.pi * self.smoothing**2)
        errors = np.zeros(3)
        errors[: self.n_motion] = self.unit_errors * np.sqrt(variance) / gain
        return motion, errors, left / max(gain * self.level, np.finfo(float).tiny) ** 2

    def _seen(self, smooth, motion):
        """Interpolate an image where pixels of the reference lie in it.

        Returns
        -------
        seen : ndarray of shape (n_pixels,)
        outside : ndarray of shape (n_pixels,) of bool, or None
            Which of them lie outside of the image; None is none.
        """
        dx, dy, angle = motion
        if angle == 0 and self._stay_inside(dy, dx):
            # All pixels lie alike between four others: whole images are added up.
            (top, bottom), (first, last) = self._ends
            down, right = int(np.floor(dy)), int(np.floor(dx))
            part = smooth[top + down : bottom + down + 2, first + right : last + right + 2]
            across, along = dy - down, dx - right
            part = (1 - across) * part[:-1] + across * part[1:]
            part = (1 - along) * part[:, :-1] + along * part[:, 1:]
            return part.ravel().take(self._within), None
        ny, nx = self.shape
        rows, columns = self.places(motion)
        seen = map_coordinates(smooth, [rows, columns], order=1, mode="nearest")
        outside = (rows < 0) | (rows > ny - 1) | (columns < 0) | (columns > nx - 1)
        return seen, outside if outside.any() else None

    def _stay_inside(self, dy, dx):
        """Tell whether all pixels that are looked at lie well in an image that is moved so far."""
        return all(
            first + by >= 0 and last + by < n - 1
            for (first, last), by, n in zip(self._ends, (dy, dx), self.shape, strict=True)
        )

    def _after(self, motion, step):
        """Move the sample back by a step of the reference's own motion."""
        dx, dy, angle = motion
        cos, sin = np.cos(angle), np.sin(angle)
        return np.array(
            [
                dx - cos * step[0] + sin * step[1],
                dy - sin * step[0] - cos * step[1],
                angle - step[2],
            ]
        )

    def look_far(self, image, reach):
        """Return a start for images that have moved far: where they correlate best.

        Parameters
        ----------
        image : ndarray of shape (ny, nx)
        reach : float
            Pixels.

        Returns
        -------
        ndarray of shape (3,)
        """
        width = 8 * self.smoothing
        flat = np.zeros(self.shape)
        flat[self.rows, self.columns] = 1.0

        def detail(one):
            some = np.asarray(one, float)
            return gaussian_filter(some, self.smoothing) - gaussian_filter(some, width)

        reference = np.zeros(self.shape)
        # The level's column is the smoothed reference itself.
        level = self.columns_of[:, self.n_motion] * self.scale[self.n_motion]
        reference[self.rows, self.columns] = level
        weight = np.maximum(gaussian_filter(flat, width), 1e-6)
        reference = flat * (reference - gaussian_filter(reference, width) / weight)
        spectrum = np.conj(np.fft.rfft2(reference)) * np.fft.rfft2(detail(image))
        correlation = np.fft.irfft2(spectrum, self.shape)
        ny, nx = self.shape
        dy, dx = np.fft.fftfreq(ny, 1 / ny), np.fft.fftfreq(nx, 1 / nx)
        near = np.hypot(dy[:, np.newaxis], dx) <= reach
        row, column = np.unravel_index(np.where(near, correlation, -np.inf).argmax(), self.shape)
        return np.array([dx[column], dy[row], 0.0])
