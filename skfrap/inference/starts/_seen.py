"""What was seen of a start beside what was fitted to it: profiles at several times."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from skfrap.experiment import MeasuredStart, TileLayout
from skfrap.inference.starts._profiles import ring_means
from skfrap.models.starts import tile_modes


@dataclass(frozen=True, eq=False)
class StartProfiles:
    """Profiles of one sample about the middle of its patch, as measured and as fitted.

    Attributes
    ----------
    times : ndarray of shape (n_times,)
        Of the frames, s after the last bleach frame.
    radii : ndarray of shape (n_rings,)
        In µm.
    measured, fitted : ndarray of shape (n_times, n_rings)
        Intensity over that before bleaching, the frames' levels taken out; 1 where nothing is
        missing.
    start, stays : ndarray of shape (n_rings,)
        What is missing in the first frame as fitted, and the part of it that stays.
    log_D : float
    """

    times: np.ndarray
    radii: np.ndarray
    measured: np.ndarray
    fitted: np.ndarray
    start: np.ndarray
    stays: np.ndarray
    log_D: float  # noqa: N815, as the field writes it


def profiles_of(estimate, sample, seen, protocol):
    """Put what was seen of one sample beside its fit.

    Parameters
    ----------
    estimate : StartEstimate
    sample : object
        What was fitted.
    seen : RingLayout, TileLayout or MeasuredStart
        What it was of.
    protocol : FRAPProtocol

    Returns
    -------
    StartProfiles
    """
    if isinstance(seen, MeasuredStart):
        return profiles_of_curve(estimate, seen, protocol)
    of = profiles_of_tiles if isinstance(seen, TileLayout) else profiles_of_rings
    return of(estimate, sample, seen, protocol)


@dataclass(frozen=True, eq=False)
class AboutPatch:
    """Tiles of a compartment about the middle of a patch.

    Attributes
    ----------
    distances, counts : ndarray of shape (n_tiles,)
        From the middle of the patch, in µm, and the pixels of each tile.
    ring : ndarray of int of shape (n_tiles,)
        Which of the rings, as wide as a tile, each is in.
    """

    distances: np.ndarray
    counts: np.ndarray
    ring: np.ndarray

    @classmethod
    def of(cls, tiles, pattern):
        """Find the middle of the darkest patch.

        Parameters
        ----------
        tiles : Tiles
        pattern : ndarray of shape (n_tiles,)
            What is missing.

        Returns
        -------
        AboutPatch
        """
        image = np.zeros(tiles.inside.shape)
        image[tiles.inside] = pattern
        darkest = np.unravel_index(image.argmax(), image.shape)
        patches, _ = label(image > 0.5 * image[darkest])
        patch = np.where(patches == patches[darkest], image, 0.0)[tiles.inside]
        weights = patch * tiles.volume if patch.any() else tiles.volume
        distances = np.hypot(*(tiles.places - weights @ tiles.places / weights.sum()).T)
        _, ring = np.unique(np.rint(distances / tiles.pixel_size), return_inverse=True)
        return cls(distances, tiles.volume * tiles.side**2, ring)

    @property
    def n_pixels(self):
        """Pixels of each ring."""
        return np.bincount(self.ring, self.counts)

    def profile(self, values):
        """Average values of tiles, (n_tiles,), over rings."""
        return np.bincount(self.ring, self.counts * values) / self.n_pixels


def profiles_of_rings(estimate, sample, layout, protocol):
    """Put the rings of images beside their fit.

    Parameters
    ----------
    estimate : StartEstimate
    sample : tuple of (ndarray of shape (n_frames, n_sectors, n_rings), sequence of int)
        The rings that were fitted, and which frames they are of, of those after bleaching.
    layout : RingLayout
    protocol : FRAPProtocol

    Returns
    -------
    StartProfiles
    """
    means, frames = sample
    n_rings = len(estimate.radii)
    counts = layout.counts[:, :n_rings]
    sectors = np.where(counts > 0, means[:, :, :n_rings], 0.0)
    rings = np.sum(counts * sectors, axis=1) / counts.sum(axis=0)
    times = protocol.times[protocol.n_prebleach :][[*frames]]
    measured = rings / estimate.levels[:, np.newaxis]
    return _profiles(estimate, times, times[0], measured)


def profiles_of_tiles(estimate, sample, layout, protocol):
    """Put the tiles of a compartment beside their fit, by the distance from the patch's middle.

    Parameters
    ----------
    estimate : StartEstimate
    sample : tuple of (ndarray of shape (n_frames, n_tiles), sequence of int)
        The tiles that were fitted, and which frames they are of, of those after bleaching.
    layout : TileLayout
    protocol : FRAPProtocol

    Returns
    -------
    StartProfiles
    """
    means, frames = sample
    modes = tile_modes(protocol, layout.side)
    times = protocol.times[protocol.n_prebleach :][[*frames]]
    tiles, best = modes.tiles, estimate.best
    whole = means @ tiles.shares
    missing = 1 - whole[0]  # and stays so: what fades is taken out
    start = best.missing([0.0])[0]
    profile = AboutPatch.of(tiles, modes.modes @ start).profile
    measured = means * ((1 - missing) / whole)[:, np.newaxis]
    pattern = best.missing(times - times[0]) @ modes.modes.T
    return StartProfiles(
        times,
        estimate.radii,
        np.array([profile(one) for one in measured]),
        np.array([profile((1 - missing) * (1 - one)) for one in pattern]),
        estimate.start,
        estimate.stays,
        best.log_D,
    )


def profiles_of_curve(estimate, start, protocol):
    """Put the profiles that go with a curve beside their fit.

    Parameters
    ----------
    estimate : StartEstimate
    start : MeasuredStart
    protocol : FRAPProtocol

    Returns
    -------
    StartProfiles
        Of the first frame, and of the last ones where they were measured.
    """
    seen = protocol.times[protocol.n_prebleach :]
    times, profiles = [seen[0]], [start.intensity]
    if start.last_intensity is not None:
        times.append(seen[-start.n_last :].mean())
        profiles.append(start.last_intensity)
    means = [ring_means(start.radius_um, profile, protocol.pixel_size)[2] for profile in profiles]
    return _profiles(estimate, np.array(times), seen[0], np.array(means))


def _profiles(estimate, times, first, measured):
    best = estimate.best
    fitted = 1 - best.missing(times - first)
    return StartProfiles(
        times, estimate.radii, measured, fitted, estimate.start, estimate.stays, best.log_D
    )
