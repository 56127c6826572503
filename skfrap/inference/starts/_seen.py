"""What was seen of a start beside what was fitted to it: profiles at several times."""

from dataclasses import dataclass

import numpy as np

from skfrap.inference.starts._profiles import ring_means


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
