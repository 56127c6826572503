"""Whether frames were smoothed before they were saved: noise of neighbours is alike then.

What a sample does, and optics show of it, is gone at the finest structure that pixels can hold;
noise is not, and is as large there at every wavelength. A filter takes some of these away.
"""

import numpy as np

from skfrap.results import Finding

# Waves in a pixel: those of 4 to 2 pixels, which optics and motion hardly reach, in six bands; and
# those of 16 to 8 and of 8 to 5 pixels, which a filter leaves that takes away the others.
_SHORT, _LONG = np.linspace(0.25, 0.5, 7), np.array([1 / 16, 1 / 8, 1 / 5])
_TAKEN_AWAY = 0.45  # of the power of the strongest band, below which a band was filtered
_ABOVE_ROUNDING = 4.0  # times its variance, that the strongest band must have
_FAR_ABOVE = 15.0  # the same, of long wavelengths, where short ones are lost in rounding
_STEADY = 1.2  # times the power between frames two apart: noise does not grow, motion does
_NOTHING = 1e-5  # of the light
_FEWEST_PIXELS, _MOST_PIXELS = 32, 512
_MOST_FRAMES = 12


def find_correlated_noise(frames, n_prebleach):
    """Find that the noise of neighbouring pixels is correlated, in both directions.

    Differences between successive frames hold noise, and what moves. What one detector's pixel
    leaves in the next is a few per cent, and along the lines that a beam scans only: neither is
    taken for smoothing.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, ny, nx)
        As they were recorded.
    n_prebleach : int

    Returns
    -------
    list of Finding
        One, or none.
    """
    if min(frames.shape[1:]) < _FEWEST_PIXELS:
        return []
    some = frames[:n_prebleach][-_MOST_FRAMES:]
    if len(some) < 2:
        some = frames[n_prebleach:][-_MOST_FRAMES:]
    if len(some) < 2:
        return []
    some = _middle(np.asarray(some)).astype(float)
    if not np.isfinite(some).all():
        return []
    rounding = _step(some) ** 2 / 12
    # Of frames without noise what differs is light that recovers, or their numbers' last digits.
    spread = np.diff(some, axis=0).std(axis=(1, 2)).max()
    if (len(frames[:n_prebleach]) < 3 and not rounding) or not spread > _NOTHING * np.abs(
        some
    ).max():
        return []
    left = [_least_left(some, axis, rounding) for axis in (1, 2)]
    if max(left) > _TAKEN_AWAY:
        return []
    words = (
        "the noise of neighbouring pixels is correlated: at some wavelengths it is "
        f"{100 * max(left):.2g} % of what it is at others, as in frames that were smoothed or "
        "interpolated; patches seem blurrier, and errors of all pixels smaller than they are"
    )
    remedy = "give the frames as they were recorded"
    return [Finding.of("neighbours_correlated", words, "", remedy)]


def _least_left(frames, axis, rounding):
    """Return the power of the weakest wavelength over that of the strongest; 1 if not told."""
    near = np.diff(frames, axis=0) / np.sqrt(2)
    far = (frames[2:] - frames[:-2]) / np.sqrt(2)
    power = noise_by_wavelength(near, axis, _SHORT)
    strongest = power.argmax()
    if power[strongest] > (1 + _ABOVE_ROUNDING) * rounding:
        grown = noise_by_wavelength(far, axis, _SHORT)[strongest] if len(far) else 0.0
        if grown > _STEADY * power[strongest]:
            return 1.0
        return max(power.min() - rounding, 0.0) / (power[strongest] - rounding)
    if len(frames) < 4:
        return 1.0
    longer, grown = (noise_by_wavelength(one, axis, _LONG) for one in (near, far))
    of_noise = (longer > _FAR_ABOVE * rounding) & (grown < _STEADY * longer)
    return power.max() / longer[of_noise].max() if of_noise.any() else 1.0


def noise_by_wavelength(differences, axis, edges):
    """Return the power of differences of frames by wavelength.

    Parameters
    ----------
    differences : ndarray of shape (n, ny, nx)
    axis : {1, 2}
        Along which.
    edges : ndarray of shape (n_bands + 1,)
        Of bands, in waves in a pixel.

    Returns
    -------
    ndarray of shape (n_bands,)
        Of white noise the variance of a pixel, in each.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.judging._neighbours import noise_by_wavelength
    >>> white = 2 * np.random.default_rng(0).standard_normal((20, 64, 64))
    >>> edges = np.linspace(0.25, 0.5, 4)
    >>> [round(float(one)) for one in noise_by_wavelength(white, 1, edges)]
    [4, 4, 4]
    >>> [round(float(one)) for one in noise_by_wavelength(white + np.roll(white, 1, 1), 1, edges)]
    [6, 2, 0]
    """
    size = differences.shape[axis]
    window = np.hanning(size + 2)[1:-1]
    shaped = window.reshape((1, -1, 1) if axis == 1 else (1, 1, -1))
    power = np.abs(np.fft.rfft(differences * shaped, axis=axis)) ** 2 / np.sum(window**2)
    power = power.mean(axis=(0, 3 - axis))
    waves = np.fft.rfftfreq(size)
    band = np.searchsorted(edges[1:], waves, side="left")
    return np.array(
        [power[(band == k) & (waves >= edges[0])].mean() for k in range(len(edges) - 1)]
    )


def _middle(frames):
    """Return the middle of large frames."""
    parts = []
    for size in frames.shape[1:]:
        first = max(0, (size - _MOST_PIXELS) // 2)
        parts.append(slice(first, first + _MOST_PIXELS))
    return frames[:, *parts]


def _step(frames):
    """Return by how much values differ at least, where they are whole numbers; else 0."""
    values = np.unique(frames)
    if len(values) < 2 or (values != np.round(values)).any():
        return 0.0
    return float(np.gcd.reduce(np.diff(values).astype(np.int64)))
