"""One experiment in several parts, put together by the time stamps of each."""

import re

import numpy as np

from skfrap.io._bleaching import BleachEvent, BleachingRecord
from skfrap.io._file_frames import FileFrames
from skfrap.io._limits import check_memory
from skfrap.io._recording import Recording
from skfrap.io.readers._stated import parse_date, seconds_between

_ROLES = (
    ("before", re.compile(r"pre", re.I)),
    ("after", re.compile(r"post|pb[ _]?\d|recovery", re.I)),
    ("bleaching", re.compile(r"bleach", re.I)),
)

_SAME_CLOCK = 2.0  # s, by which a date in whole seconds and a clock may differ


def role_of(name):
    """Tell by its name which part of an experiment a series is: before, bleaching, after, or ''.

    Examples
    --------
    >>> from skfrap.io._parts import role_of
    >>> [role_of(name) for name in ("FRAP Pre Series02", "FRAP Bleach", "FRAP Pb1 Series", "a")]
    ['before', 'bleaching', 'after', '']
    """
    last = name.rpartition("/")[2]
    return next((role for role, pattern in _ROLES if pattern.search(last)), "")


def joined(parts):
    """Join the parts of one experiment in the order of time.

    What a part's name says it to be is believed: frames that were recorded while bleaching are left
    out, and are the time of bleaching.

    Parameters
    ----------
    parts : sequence of (str, Recording)
        The name of each, and what was read.

    Returns
    -------
    Recording
        Its clock is that of the time stamps, 0 at the first frame.

    Raises
    ------
    ValueError
        If a part has no date or no clock, or if they are not parts of one experiment.
    """
    starts = _starts(parts)
    order = np.argsort(starts, kind="stable")
    parts, starts = [parts[k] for k in order], np.asarray(starts)[order]
    first = parts[0][1]
    _check_alike(parts)
    names = [name or f"part {k + 1}" for k, (name, _) in enumerate(parts)]
    roles = [role_of(name) for name in names]
    used, times, event, n_before, last = [], [], None, None, -np.inf
    for (_, part), name, role, start in zip(parts, names, roles, starts, strict=True):
        own = start + _times_of(name, part)
        if own[0] <= last:
            raise ValueError(
                f"parts overlap in time: {name} begins {own[0]:.6g} s after the first, and the "
                f"part before it ends at {last:.6g} s; give the parts of one experiment."
            )
        last = own[-1]
        if role == "bleaching":
            step = own[-1] - own[-2] if len(own) > 1 else 0.0
            event = event or BleachEvent(own[0], own[-1] + step, f"series {name}", len(own))
            n_before = len(times) if n_before is None else n_before
            continue
        if role == "after" and n_before is None and "before" in roles:
            n_before = len(times)
        times.extend(own)
        used.append(part)
    if len(used) == 0 or len(times) < 2:
        raise ValueError(f"parts {', '.join(names)} hold no frames before and after bleaching.")
    shift = times[0]
    if event is not None:
        event = event._replace(start_s=event.start_s - shift, end_s=event.end_s - shift)
    whole = any("." not in part.start for _, part in parts)
    rounded = " (whole seconds)" if whole and not _have_stamps(parts) else ""
    source = f"time stamps of {len(parts)} parts{rounded}: {', '.join(names)}"
    return Recording(
        frames=_frames_of(used),
        pixel_size_um=first.pixel_size_um,
        times_s=(np.array(times) - shift, source),
        bit_depth=first.bit_depth,
        info={name: value for name, value in first.info.items() if name != "first_stamp_s"},
        findings=[finding for _, part in parts for finding in part.findings],
        bleaching=_bleaching_of(parts, event, n_before),
        channels=first.channels,
        acquisition=first.acquisition,
        start=first.start,
    )


def _starts(parts):
    """Return when each part began, s after one of them."""
    dates = [(name, parse_date(part.start)) for name, part in parts]
    without = [name for name, date in dates if date is None]
    if without:
        raise ValueError(
            f"parts are joined by the date and time of their first frames, and {without[0]!r} has "
            "none; join the frames yourself, and give the clock with times=FILE (--times FILE)."
        )
    if len({date.tzinfo is None for _, date in dates}) > 1:
        raise ValueError("only some of the parts say in which time zone their clock is.")
    starts = seconds_between([date for _, date in dates])
    stamps = [part.info.get("first_stamp_s") for _, part in parts]
    if None in stamps:
        return starts
    # The microscope's own clock is finer than a date, unless it was switched off in between.
    finer = np.subtract(stamps, stamps[0])
    return finer if np.abs(finer - starts).max() <= _SAME_CLOCK else starts


def _have_stamps(parts):
    return all("first_stamp_s" in part.info for _, part in parts)


def _times_of(name, part):
    n_frames = len(part.frames)
    times, why = part.times_s
    if times is None and n_frames == 1:
        return np.zeros(1)
    if times is None and part.interval_s[0]:
        times = part.interval_s[0] * np.arange(n_frames)
    if times is None:
        raise ValueError(f"part {name!r} has no times of its frames{f' ({why})' if why else ''}.")
    return np.asarray(times, dtype=float)


def _check_alike(parts):
    (name, first), *others = parts
    for other, part in others:
        for what, own, its in (
            ("size", first.frames.shape[1:], part.frames.shape[1:]),
            ("type of pixels", str(first.frames.dtype), str(part.frames.dtype)),
            ("size of a pixel", _rounded(first), _rounded(part)),
        ):
            if own != its:
                raise ValueError(
                    f"parts differ in their {what}: {own} in {name!r}, {its} in {other!r}; give "
                    "the parts of one experiment with series (--series)."
                )


def _rounded(part):
    value = part.pixel_size_um[0]
    return value and float(f"{value:.5g}")


def _frames_of(parts):
    frames = [part.frames for part in parts]
    if all(isinstance(one, FileFrames) for one in frames):
        together = frames[0].joined_with(frames[1:])
        if together is not None:
            return together
    check_memory(2 * sum(one.nbytes for one in frames), "the joined parts")
    return np.concatenate([np.asarray(one) for one in frames])


def _bleaching_of(parts, event, n_before):
    known = [part.bleaching for _, part in parts if part.bleaching]
    regions = [one for record in known for one in record.regions]
    for name, part in parts:
        # What was scanned while bleaching was bleached, whatever it was drawn for.
        if role_of(name) == "bleaching" and part.bleaching and part.bleaching.regions:
            own = part.bleaching.regions
            regions = [
                one._replace(kind="bleach", source=f"{one.source} of series {name}") for one in own
            ]
    regions = list(dict.fromkeys(regions))
    scan = next((one.frame_scan_s for one in known), (None, ""))
    events = [event] if event else []
    number = (None, "") if not n_before else (n_before, "frames of the parts before bleaching")
    return BleachingRecord(number, regions, events, scan)
