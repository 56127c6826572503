"""Whether the images contradict the start as it was told, and what they show instead."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from skfrap.experiment import RingLayout
from skfrap.judging._starts import missing_area
from skfrap.models import model_for
from skfrap.results import Finding

FAR = 3.0  # standard errors, of both
_FLOOR = 0.005  # decades: what the two differ by without any noise
_BY_FADING = 0.1  # decades, where all light fades: bright material comes in from beyond the field
_KNOWN = 0.1  # decades: standard error of D, from which a mobile fraction explains anything
_SURE = 2.0  # standard errors, that a mobile fraction is below 1
_SHARE = "mobile_fraction"
_BESIDE = 0.25  # radii of the region
_WIDER, _NARROWER = 1.3, 0.75  # times the area that the patch should have
_UNCLEAR = 4.0  # standard deviations: how much areas vary by noise
_LONGER = 1.4  # times as long over wide, as it should be
_SOFTER = 1.3  # times as far from a quarter of the depth to three
_TOO_MUCH = 1.2  # times what the region told can have lost
_RIM = 0.75, 0.25  # of the depth, between which the rim lies
_CLEARLY = 20.0  # depth of a patch over its noise
_SEEN = 5.0  # the same, from which there is a patch at all
_NEARLY_ALL = 0.9999  # level of the least D
_SHARED = 0.1  # of the region, that a patch covers which lies beside it
# What moves D for other reasons than the start; the curve itself tells of these.
_NOT_OF_THE_START = ("mobile_fraction", "imaging_bleach")


class Difference(NamedTuple):
    """How far the start as told and the start as seen are apart.

    Attributes
    ----------
    told, seen : float
        D in µm²/s; that of the told start is NaN where it has none.
    errors : float
        Standard errors of both between them, with what frames that fade may add; infinite where the
        told start has no D.
    explained_by : str
        The parameter that the curve asks for, with which the two are not so far apart; empty where
        they are not apart without it.
    """

    told: float
    seen: float
    errors: float
    explained_by: str = ""


def difference_of(estimates, seen, *, doubtful=False):
    """Compare D from the start as told with that from the start as seen.

    Of several models of the curve that it asks for, the one counts that comes nearest: where a
    mobile fraction explains the difference, the start does not.

    Parameters
    ----------
    estimates : FRAPEstimates
        Of the curve of the region as told.
    seen : SeenStart
    doubtful : bool, default=False
        Whether to compare where D from the start as seen is doubtful.

    Returns
    -------
    Difference or None
        None where the images say nothing that would hold, their D being doubtful; and where D is
        given.
    """
    if not (seen.estimates.usable[0] or (doubtful and not seen.estimates.poorly_determined[0])):
        return None
    fit = estimates.fit
    if "D" not in fit.space.free:  # it is given, and no result of the region
        return None
    D = float(seen.estimates.values["D"][0])
    if not np.isfinite(estimates.values["D"][0]) or estimates.has_finding("at_upper_bound", "D")[0]:
        return Difference(np.nan, D, np.inf)
    levels = seen.measure.levels
    fading = abs(1 - levels[-3:].mean() / levels[:3].mean())
    # Intervals of what is hardly determined are those of a profile, and far from even.
    end = (estimates.upper if estimates.values["D"][0] < D else estimates.lower)["D"][0]
    reach = abs(np.log10(end / estimates.values["D"][0])) / norm.ppf(0.5 + estimates.level / 2)
    own = max(float(fit.std[0, fit.space.column("D")]), float(reach))
    errors = own, seen.standard_error, _FLOOR + _BY_FADING * fading
    error = float(np.linalg.norm(errors))
    larger = estimates.larger[0] if estimates.larger else ()
    told = {"": float(estimates.values["D"][0])}
    told |= {one.name: one.values["D"] for one in larger if one.name in _NOT_OF_THE_START}
    apart = {name: float(abs(np.log10(one / D)) / error) for name, one in told.items()}
    nearest = "" if apart[""] <= FAR else min(apart, key=apart.get)
    return Difference(told[""], D, apart[nearest], nearest)


def more_is_missing(seen, protocol):
    """Tell whether the patch fills the field, and the region told cannot have lost so much.

    Parameters
    ----------
    seen : SeenStart
    protocol : FRAPProtocol
        As told.

    Returns
    -------
    bool
    """
    if not seen.estimates.has_finding("patch_fills_field")[0] or seen.measure.signal < _CLEARLY:
        return False
    return missing_area(seen.measure) > _TOO_MUCH * _bleachable(protocol)


def _bleachable(protocol):
    """Return the area that the region told can lose at most, bleached black each time, in µm²."""
    return protocol.bleach_mask.sum() * protocol.pixel_size**2 * protocol.n_bleach


def least_seen(estimates, seen):
    """Return the least D that the images allow, where recovery was over before the first frame.

    Parameters
    ----------
    estimates : FRAPEstimates
        Of the start as told.
    seen : SeenStart

    Returns
    -------
    float or None
        In µm²/s; None unless the whole interval of the start as told lies below it.
    """
    found = seen.estimates
    if not (found.has_finding("at_upper_bound")[0] or found.has_finding("interval_too_wide")[0]):
        return None
    if not estimates.usable[0] or seen.measure.signal < _SEEN:
        return None
    least = 10 ** seen.measure.best.ends(_NEARLY_ALL)[0]
    return float(least) if estimates.upper["D"][0] < least else None


def explaining_share(fit, seen):
    """Return the mobile fraction with which the start as told agrees with that as seen.

    Parameters
    ----------
    fit : Fit or None
        Of the curve of the region as told, with a mobile fraction.
    seen : SeenStart

    Returns
    -------
    float or None
        None where it is not clearly below 1, or D is not the same with it either.
    """
    if fit is None:
        return None
    log_D, share = (float(fit.theta[0, fit.space.column(name)]) for name in ("D", _SHARE))
    errors = [float(fit.std[0, fit.space.column(name)]) for name in ("D", _SHARE)]
    D = float(seen.estimates.values["D"][0])
    error = np.hypot(errors[0], seen.standard_error)
    clear = errors[0] < _KNOWN and 1 - share > _SURE * errors[1]
    return share if clear and abs(log_D - np.log10(D)) <= FAR * error else None


def contradiction(difference, causes, what="images"):
    """Say that the images contradict the start as told.

    Parameters
    ----------
    difference : Difference
    causes : list of str
    what : str, default="images"
        That contradict it.

    Returns
    -------
    of_told, of_seen : Finding
        For the result from the start as told, and for that from the start as seen.
    """
    reasons = " and ".join(causes) if causes else "the frames do not show why"
    D = f"D = {difference.seen:.4g} µm²/s"
    apart = f", {difference.errors:.2g} standard errors away"
    apart = apart if np.isfinite(difference.errors) else ""
    words = f"the {what}, without the region told, give {D}{apart}: {reasons}"
    of_told = Finding.of("start_contradicted", words, "D", f"take the start as seen in the {what}")
    would_be = f"would give D = {difference.told:.4g} µm²/s"
    would_be = would_be if np.isfinite(difference.told) else "gives no D"
    words = f"the region told {would_be}, which the {what} contradict: {reasons}"
    return of_told, Finding.of("told_start_set_aside", words, "D")


def causes_of(frames, patches, estimates, model, seen, spare=None):
    """Name what the frames show to be otherwise than it was told.

    Parameters
    ----------
    frames : Frames
        Of the protocol as it was told.
    patches : Patches or None
        Where light was lost; None where noise hides it.
    estimates : FRAPEstimates
        Of the start as told.
    model : CurveModel
    seen : SeenStart
    spare : float, default=None
        How much longer than told bleaching may have taken by the clock, s; None is not longer.

    Returns
    -------
    list of str
        Empty where the frames show nothing.
    """
    protocol = frames.protocol
    causes = []
    if patches is not None:
        if patches.others:
            causes.append("more than one patch is bleached")
        away = np.hypot(*patches.shift) / protocol.equivalent_radius
        if away > _BESIDE:
            shared = np.count_nonzero(patches.main & frames.inside) / frames.inside.sum()
            place = "beside the region told" if shared > _SHARED else "elsewhere"
            return [*causes, f"the first dark patch lies {place}, {away:.1f} radii from its middle"]
        expected = _expected(protocol, estimates, model, seen)
        causes += _of_shape(frames, patches, expected)
        if not causes:
            causes += _of_edge(expected, seen)
    if causes and spare:
        causes[-1] += f"; by the clock bleaching may have taken {spare:.3g} s longer than told"
    if missing_area(seen.measure) > _TOO_MUCH * _bleachable(protocol):
        times = "once" if protocol.n_bleach == 1 else f"{protocol.n_bleach} times"
        causes.append(f"more is missing than the region told, bleached {times}, can have lost")
    return causes


def _expected(protocol, estimates, model, seen):
    """Return what the first frame should lack, were the region as told and D as seen."""
    if not hasattr(model, "images"):
        return None
    first = protocol.times[protocol.n_prebleach]
    short = protocol.replace(n_prebleach=1, n_postbleach=None, postbleach_times=(float(first),))
    values = {name: ends[0] for name, ends in estimates.fit.values().items()}
    values |= {"c0": 1.0, "D": float(seen.estimates.values["D"][0])}
    return 1 - model_for(short, type(model)).images(**values)[0][1]


def _of_shape(frames, patches, expected):
    """Compare the patch with that of the start as told: how large, how long."""
    if expected is None:
        return []
    lost = gaussian_filter(expected, patches.width, mode="nearest")
    share = 0.25 * frames.inside.sum() / frames.inside.size
    should = lost > 0.5 * np.percentile(lost, 100 * (1 - share))
    if not should.any():
        return []
    slack = 1 + _UNCLEAR / patches.clarity
    ratio = patches.main.sum() / should.sum()
    causes = []
    if ratio > _WIDER * slack:
        causes.append(f"the first dark patch is wider than told, {ratio:.2g} times the area")
    elif ratio < _NARROWER / slack:
        causes.append(f"the first dark patch is narrower than told, {ratio:.2g} times the area")
    long, told = (_elongation(mask) for mask in (patches.main, should))
    if not 1 / (_LONGER * slack) < long / told < _LONGER * slack:
        causes.append(
            f"the first dark patch has another shape than told, {long:.1f} times as long as wide"
        )
    return causes


def _of_edge(expected, seen):
    """Compare how steep the patch's rim is with that of the start as told."""
    if expected is None:
        return []
    pixel = seen.protocol.pixel_size
    x, y = seen.center
    profile = _profile(expected, (int(y / pixel), int(x / pixel)), len(seen.radii))
    widths = [_rim(seen.radii, one) for one in (seen.measure.start, profile)]
    if not np.isfinite(widths).all():
        return []
    if widths[0] > _SOFTER * widths[1]:
        return ["its edge is softer than told: the beam is wider, or bleaching took longer"]
    if widths[1] > _SOFTER * widths[0]:
        return ["its edge is sharper than told: bleaching was over later"]
    return []


def _elongation(mask):
    """Return how many times as long as wide a patch is."""
    places = np.argwhere(mask)
    if len(places) < 5:
        return 1.0
    low, high = np.linalg.eigvalsh(np.cov(places.T))
    return float(np.sqrt(high / max(low, 1e-12)))


def _profile(image, centre, n_rings):
    """Average an image over rings about a pixel, (n_rings,)."""
    row, column = centre
    layout = RingLayout(n_rings, 1)
    reach = n_rings - 1
    part = image[row - reach : row + reach + 1, column - reach : column + reach + 1]
    index = layout.index()
    if part.shape != index.shape:
        return np.full(n_rings, np.nan)
    sums = np.bincount(index[index >= 0], part[index >= 0], minlength=n_rings)
    return sums / layout.counts[0]


def _rim(radii, missing):
    """Return the way from three quarters of the depth to one."""
    depth = np.max(missing[: max(3, len(missing) // 4)])
    if not depth > 0:
        return np.nan
    below = [np.flatnonzero(missing < share * depth) for share in _RIM]
    if not all(map(len, below)):
        return np.nan
    near, far = (
        _crossing(radii, missing, some[0], share * depth)
        for some, share in zip(below, _RIM, strict=True)
    )
    return far - near


def _crossing(radii, missing, k, value):
    """Interpolate where a profile falls below a value, between rings k - 1 and k."""
    if k == 0:
        return radii[0]
    step = missing[k - 1] - missing[k]
    part = (missing[k - 1] - value) / step if step > 0 else 0.0
    return radii[k - 1] + part * (radii[k] - radii[k - 1])
