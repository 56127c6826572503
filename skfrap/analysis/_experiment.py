"""What is known of a recording: from the user, then from the file, then from a default."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import center_of_mass, gaussian_filter, label

from skfrap._checks import Argument, ArgumentError, check_count, check_number
from skfrap.analysis._clock import EndOfBleaching, end_of_bleaching
from skfrap.analysis._detected import (
    FOUND,
    around_bleaching,
    found_region,
    with_bleach_frames,
    with_dark_level,
)
from skfrap.analysis._microscope import said_by_file
from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._region import check_extent, check_field, read_region
from skfrap.analysis._seen import region_as_seen
from skfrap.experiment import FRAPProtocol
from skfrap.io import ImageSeries
from skfrap.io._stored_protocol import stored_protocol
from skfrap.io.readers._stated import given_differs
from skfrap.results import Finding

_PIXELS = 1e-3, 100.0  # µm, that are believed


@dataclass(frozen=True, eq=False)
class Described:
    """An experiment as it is known, and the frames of it that are used.

    Attributes
    ----------
    series : ImageSeries
        Of the frames that are used.
    protocol : FRAPProtocol
        Of these.
    sources : dict of str to str
        What was taken from where.
    findings : list of Finding
        What the file, and what was said of it, leave in doubt.
    latest : FRAPProtocol or None
        The experiment, had bleaching lasted as long as the clock allows, where that is not known.
    told : bool
        Whether the bleach region was told; else it is the dark patch as seen.
    spare : float or None
        Time around bleaching that nothing accounts for, s, where the clock shows any.
    stored : FRAPProtocol or None
        As it is in the file.
    options : ExperimentOptions
        With what was found in the frames.
    """

    series: ImageSeries
    protocol: FRAPProtocol
    sources: dict
    findings: list
    latest: FRAPProtocol | None
    told: bool = True
    spare: float | None = None
    stored: FRAPProtocol | None = None
    options: ExperimentOptions | None = None


def experiment_of(series, options):
    """Put together all that is known of a series.

    Parameters
    ----------
    series : ImageSeries
        On its own clock, or on that of the options.
    options : ExperimentOptions

    Returns
    -------
    Described
    """
    series = _checked(series)
    _refuse_what_is_of_tables(options)
    stored, set_aside = stored_protocol(series, allow_large=options.allow_large)
    findings = [*series.findings, *([set_aside] if set_aside else [])]
    of_file = said_by_file(series, stored, options)
    sources, missing = {}, []
    options = with_dark_level(series, options, sources)

    def settle(what, given, from_file, file_source, hint, note=""):
        if given is not None:
            sources[what] = f"given{note}"
            return given
        if from_file is not None:
            sources[what] = file_source
            return from_file
        missing.extend((", ", *hint))
        return None

    pixel_words = series.sources.get("pixel_size_um", "file")
    pixel_size = settle(
        "pixel size",
        options.pixel_size,
        series.pixel_size_um,
        pixel_words,
        ("the pixel size (", Argument("pixel_size"), f", µm{_why(pixel_words)})"),
        _unlike(options.pixel_size, series.pixel_size_um, "µm"),
    )
    findings += given_differs("pixel_size", options.pixel_size, series.pixel_size_um, "µm")
    findings += unlikely_pixel(pixel_size)
    may_be_seen = options.start != "told"
    n_prebleach = region = None
    if not may_be_seen or (options.n_prebleach or of_file.n_prebleach) is not None:
        n_prebleach = settle(
            "prebleach frames",
            options.n_prebleach,
            of_file.n_prebleach,
            of_file.source_of("n_prebleach"),
            ("the number of frames before bleaching (", Argument("n_prebleach"), ")"),
        )
    if not may_be_seen or (options.bleach_region or of_file.bleach_region) is not None:
        region = settle(
            "bleach region",
            options.bleach_region,
            of_file.bleach_region,
            of_file.source_of("bleach_region"),
            (
                "the bleach region (",
                Argument("bleach_region"),
                ", e.g. circle:15@50,50 in µm, or an image of it)",
            ),
        )
    n_frames = len(series.frames)
    times = series.times_s
    clock_words = series.sources.get("times_s", "file")
    if options.frame_interval is not None:
        sources["frame times"] = f"given{_other_clock(options.frame_interval, times)}"
        times = options.frame_interval * np.arange(n_frames)
        decided = [one for one in findings if one.code != "clocks_disagree"]
        if len(decided) == len(findings) and series.times_s is not None:
            own = float(np.median(np.diff(series.times_s)))
            decided += given_differs("frame_interval", options.frame_interval, own, "s")
        findings = decided  # the user has decided which clock is right
    elif times is not None:
        sources["frame times"] = clock_words
    else:
        hint = f", s{_why(clock_words)})"
        missing += [", ", "the time between frames (", Argument("frame_interval"), hint]
    if missing:
        aside = f" ({set_aside.words})" if set_aside else ""
        raise ArgumentError(
            "the file does not say ", *missing[1:], f"; give what is missing{aside}."
        )
    if n_prebleach is None:
        n_prebleach, options = with_bleach_frames(series, times, options, sources)
    if not 1 <= n_prebleach < n_frames:
        raise ValueError(
            f"n_prebleach is {n_prebleach}, and the series has {n_frames} frames; there must be at "
            "least one frame before bleaching and one after."
        )
    told = region is not None
    if not told:
        around = around_bleaching(series, n_prebleach, options)
        region = region_as_seen(*around, pixel_size)
        sources["bleach region"] = "as seen in the first frame after bleaching"
    if isinstance(region, str) and region == FOUND:
        region, words = found_region(series, n_prebleach, pixel_size, options)
        sources["bleach region"] = words
    if isinstance(region, str | Path):
        sources["bleach region"] = f"given, {region}"
        region, words, left_out = read_region(region, pixel_size, series.frames.shape[1:])
        sources["bleach region"] += f", {words}" if words else ""
        findings += [left_out] if left_out else []

    n_bleach = options.n_bleach
    if n_bleach is None:
        n_bleach = of_file.n_bleach or 1
    check_count("n_bleach", n_bleach)
    sources["bleach frames"] = _source_of(options.n_bleach, of_file, n_bleach)
    for what in ("bleaching", "other regions"):
        if what in (of_file.words or {}):
            sources[what] = of_file.words[what]
    # A clock that the user gives is the clock of all frames.
    clock_of_file = of_file if options.frame_interval is None else None
    end = _end_of_bleaching(times, n_prebleach, n_bleach, clock_of_file, options)
    sources["end of bleaching"] = end.words
    findings += [end.finding] if end.finding else []
    others = {
        name: words
        for name, words in series.sources.items()
        if name not in ("pixel_size_um", "times_s")
    }
    sources |= others | ({"stored protocol": set_aside.words} if set_aside else {})

    def protocol_for(first):
        postbleach = np.round(times[n_prebleach:] - times[n_prebleach] + first, 9)
        wanted = _wanted(postbleach, options)
        protocol = FRAPProtocol(
            shape=series.frames.shape[1:],
            pixel_size=pixel_size,
            bleach_region=region,
            n_prebleach=n_prebleach,
            n_bleach=n_bleach,
            frame_interval=end.frame_interval,
            postbleach_times=postbleach[wanted],
            bleach_interval=end.bleach_interval,
            padding=_padding(options, stored),
        )
        return protocol, wanted

    protocol, wanted = protocol_for(end.first)
    check_extent(protocol.bleach_mask)
    latest = None if end.latest is None else protocol_for(end.latest)
    latest = None if latest is None or not np.array_equal(latest[1], wanted) else latest[0]
    selected = _selected(series, n_prebleach, wanted)
    spare = None
    if latest is not None:
        spare = float(protocol.times[n_prebleach] - latest.times[n_prebleach])
    return Described(selected, protocol, sources, findings, latest, told, spare, stored, options)


def _end_of_bleaching(times, n_prebleach, n_bleach, of_file, options):
    """Put the end of bleaching on the clock, by what is given, what the file says, or the clock."""
    interval = None
    if options.bleach_duration is not None:
        interval = options.bleach_duration / n_bleach
    if options.first_postbleach is not None:
        check_number("first_postbleach", options.first_postbleach, what="number of seconds")
    elif of_file and of_file.first is not None:
        end = end_of_bleaching(times, n_prebleach, n_bleach, None, interval)
        first = of_file.first
        words = f"{first:.4g} s before the first frame after it, {of_file.source_of('first')}"
        interval = of_file.bleach_interval if interval is None else interval
        return EndOfBleaching(end.frame_interval, first, interval, words)
    if of_file and interval is None:
        interval = of_file.bleach_interval
    return end_of_bleaching(times, n_prebleach, n_bleach, options.first_postbleach, interval)


def _refuse_what_is_of_tables(options):
    """Refuse what is said of a curve alone: of images it would do nothing, without a word."""
    for name, told in (
        ("normalisation", options.normalisation != "auto"),
        ("first_profile", options.first_profile is not None),
    ):
        if told:
            raise ArgumentError(
                Argument(name), " is of tables, and does nothing to images; leave it out."
            )


def unlikely_pixel(size):
    """Say that a pixel size is none of a microscope, as findings: another unit may be meant."""
    if size is None or _PIXELS[0] <= size <= _PIXELS[1]:
        return []
    words = f"a pixel of {size:.4g} µm is no microscope's: is it in another unit?"
    return [Finding.of("pixel_size_unlikely", words)]


def _why(words):
    """Say why a file's own value is of no use, where there is one."""
    silent = words in ("", "file", "the file does not say", "the files do not say")
    return "" if silent else f"; {words}"


def _checked(series):
    """Return a series with its times as numbers; refuse one that is not of frames with times."""
    if np.ndim(series.frames) != 3 or len(series.frames) < 2:
        raise ValueError(
            "frames of a series must have the shape (n_frames, ny, nx), with two frames or more, "
            f"got {np.shape(series.frames)}."
        )
    check_field(series.frames.shape[1:])
    if series.times_s is None:
        return series
    times = np.asarray(series.times_s)
    if times.dtype.kind not in "iuf":
        raise ValueError(f"times_s of a series must be numbers of seconds, got {times.dtype}.")
    times = times.astype(float)
    if times.shape != series.frames.shape[:1]:
        raise ValueError(
            f"times_s of a series must hold a time for each of {len(series.frames)} frames, got "
            f"{times.size}."
        )
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError("times_s of a series must be finite and increase from frame to frame.")
    return replace(series, times_s=times)


def _other_clock(given, times):
    """Say what intervals the file has, where others are given."""
    if times is None:
        return ""
    own = np.diff(times)
    if (np.abs(own / given - 1) <= 0.01).all():
        return ""
    ends = f"{own.min():.6g} to {own.max():.6g}"
    return f"; the file says {np.median(own):.6g} s" + (
        f" ({ends} s)" if np.ptp(own) > 0.02 * np.median(own) else ""
    )


def _unlike(given, own, unit):
    """Say what the file has, where something else is given."""
    if given is None or own is None or abs(given / own - 1) <= 0.01:
        return ""
    return f"; the file says {own:.6g} {unit}"


def before_and_after(corrected, protocol):
    """Return the average frame before bleaching, and the first after it."""
    view, n_prebleach = corrected.view(0), protocol.n_prebleach
    return (
        view.read(frames=slice(0, n_prebleach)).mean(axis=0),
        view.read(frames=slice(n_prebleach, n_prebleach + 1))[0],
    )


def last_frame(corrected, protocol):
    """Return the last frame, in single precision: it is only looked at."""
    last = slice(protocol.n_frames - 1, protocol.n_frames)
    return corrected.view(0).read(frames=last)[0].astype(np.float32, copy=False)


def recenter(corrected, protocol, source):
    """Move the bleach region's centroid to that of the patch that has lost most intensity."""
    before, after = before_and_after(corrected, protocol)
    if not np.isfinite(before - after).all():
        raise ValueError("the frames around bleaching have pixels that are not finite.")
    radius = protocol.equivalent_radius / protocol.pixel_size
    lost = gaussian_filter((before - after).astype(float), 0.25 * radius, mode="nearest")
    patches, _ = label(lost > 0.5 * lost.max())
    patch = patches == patches[np.unravel_index(lost.argmax(), lost.shape)]
    if not lost.max() > 0 or patch.sum() < 0.1 * protocol.bleach_mask.sum():
        raise ValueError("no bleached patch is seen to move the region to; check n_prebleach.")
    dy, dx = (
        np.subtract(center_of_mass(lost, patch, 1), center_of_mass(protocol.bleach_mask))
        * protocol.pixel_size
    )
    region = protocol.bleach_region.moved(dx, dy, protocol.shape, protocol.pixel_size)
    moved = f"{source}, moved by ({dx:.2f}, {dy:.2f}) µm to where bleaching is seen"
    return protocol.replace(bleach_region=region), moved


def _wanted(postbleach, options):
    """Tell which frames after bleaching are used, by their times after its end."""
    skip = check_count("skip", options.skip, 0)
    wanted = np.arange(len(postbleach)) >= skip
    if options.until is not None:
        wanted &= postbleach <= options.until
    if not wanted.any():
        raise ValueError(
            f"skip={skip} and until={options.until} leave none of the {len(postbleach)} "
            "frames after bleaching."
        )
    if wanted.sum() < 2:
        raise ValueError(
            f"skip={skip} and until={options.until} leave one of the {len(postbleach)} frames "
            "after bleaching; a recovery needs two."
        )
    n_early = int(np.sum(wanted & (postbleach <= 0)))
    if n_early:
        raise ArgumentError(
            Argument("first_postbleach"),
            f" is {options.first_postbleach:g} s, so that {n_early} of the frames that are used "
            "were taken before bleaching had ended; leave them out by ",
            Argument("skip", f"skip={skip + n_early}", str(skip + n_early)),
            ".",
        )
    return wanted


def _selected(series, n_prebleach, wanted):
    """Leave out the frames after bleaching that are not wanted."""
    if wanted.all():
        return series
    kept = np.concatenate([np.ones(n_prebleach, bool), wanted])
    times = None if series.times_s is None else series.times_s[kept]
    return replace(series, frames=series.frames[kept], times_s=times)


def _source_of(given, of_file, value):
    """Say where the number of bleach frames, which has a default, was taken from."""
    if given is not None:
        return f"{value}, given"
    return f"{value}, {of_file.source_of('n_bleach') if of_file.n_bleach else 'assumed'}"


def _padding(options, stored):
    if options.padding is not None:
        return options.padding
    return stored.padding if stored else FRAPProtocol().padding
