"""What files say of an experiment: their stored protocol, or what the microscope wrote down."""

from typing import Any, NamedTuple

import numpy as np

from skfrap.experiment import Mask
from skfrap.io._bleaching import in_pixels

_MOST_PULSES = 20  # more bleach frames within the same time change a curve no further
_SHORTEST = 1e-6  # s, from the end of bleaching to the next frame


class OfFile(NamedTuple):
    """What a file says of bleaching; None where it says nothing.

    Attributes
    ----------
    n_prebleach : int or None
    bleach_region : region or None
        In µm.
    n_bleach : int or None
    bleach_interval : float or None
        Time from bleach frame to bleach frame, s.
    first : float or None
        Time from the end of bleaching to the first frame after it, s.
    words : dict of str to str
        Where each of these stood, and, by other names, what else is to be said.
    """

    n_prebleach: int | None = None
    bleach_region: Any = None
    n_bleach: int | None = None
    bleach_interval: float | None = None
    first: float | None = None
    words: dict | None = None

    def source_of(self, name):
        """Return where something stood."""
        return (self.words or {}).get(name, "protocol in the file")


def said_by_file(series, stored, options):
    """Return what a file says of bleaching.

    Parameters
    ----------
    series : ImageSeries
    stored : FRAPProtocol or None
        That is stored in the file: it says all, and nothing else is asked.
    options : ExperimentOptions
        What is said besides. Of another clock, or of another number of frames before bleaching,
        the times of bleaching in the file are not.

    Returns
    -------
    OfFile
    """
    if stored is not None:
        return OfFile(
            stored.n_prebleach,
            stored.bleach_region,
            stored.n_bleach,
            stored.bleach_interval,
            float(stored.times[stored.n_prebleach]),
        )
    record = series.bleaching
    if record is None:
        return OfFile()
    words = {}
    n_prebleach, where = record.n_prebleach
    words["n_prebleach"] = f"{n_prebleach}, {where}"
    region = None
    pixel = options.pixel_size or series.pixel_size_um
    if pixel:
        region, words["bleach_region"] = _region_of(record, series.frames.shape[1:], pixel)
    others = [str(one) for one in record.regions if not one.is_bleached]
    if others:
        words["other regions"] = "; ".join(others)
    found = OfFile(n_prebleach, region, words=words)
    n_given = options.n_prebleach
    same = options.frame_interval is None and n_given in (None, n_prebleach)
    return _with_times(found, record, series.times_s, words) if same else found


def _region_of(record, shape, pixel):
    """Return the region that was bleached, and where it stood."""
    bleached = record.bleached
    if not bleached:
        return None, ""
    one = bleached[0]
    try:
        if len(bleached) == 1:
            region = one.in_um(pixel)
            region.area_fractions(shape, pixel)
        else:
            together = sum(each.in_um(pixel).area_fractions(shape, pixel) for each in bleached)
            region = Mask(np.minimum(together, 1.0))
    except ValueError as error:
        return None, f"that of the file is of no use ({error})"
    if len(bleached) > 1:
        return region, f"{len(bleached)} bleached regions together, {one.source}"
    return region, f"{in_pixels(one.region)}, {one.source}"


def _with_times(found, record, times, words):
    """Add when bleaching was, where it was once, between two frames."""
    number = found.n_prebleach
    if times is None or not number or number >= len(times):
        return found
    before, after = times[number - 1], times[number]
    events = [one for one in record.events if before <= one.start_s and one.end_s <= after + 1e-3]
    if len(events) != 1 or len(record.events) > 1:
        if len(record.events) > 1:
            words["bleaching"] = f"{len(record.events)} times, of which the first counts"
        return found
    (event,) = events
    pulses = min(event.iterations or 1, _MOST_PULSES)
    words["n_bleach"] = event.source
    iterations = f", {event.times_in_words}" if event.iterations else ""
    words["bleaching"] = (
        f"{event.duration_s:.4g} s{iterations}, {event.source}, in the gap of "
        f"{after - before:.4g} s after frame {number}"
    )
    interval = event.duration_s / pulses if event.duration_s > 0 else None
    first = max(after - event.end_s, 0.0)
    how = f"by the {event.source}"
    scan, where = record.frame_scan_s
    if scan:
        first += 0.5 * scan
        how += f" and half the time of a frame ({where} {scan:.4g} s)"
    words["first"] = how
    return found._replace(n_bleach=pulses, bleach_interval=interval, first=max(first, _SHORTEST))
