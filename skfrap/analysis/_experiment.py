"""What is known of a recording: from the user, then from the file, then from a default."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import center_of_mass, gaussian_filter, label

from skfrap._checks import Argument, ArgumentError, check_count
from skfrap.experiment import FRAPProtocol, Mask, parse_region
from skfrap.io import read_image


def describe_experiment(series, options):
    """Put together the protocol of a series.

    Parameters
    ----------
    series : ImageSeries
    options : ExperimentOptions

    Returns
    -------
    protocol : FRAPProtocol
        Of all frames in the series.
    sources : dict of str to str
        What was taken from where.

    Raises
    ------
    ValueError
        Naming everything that is missing, and how to give it.
    """
    stored = series.info.get("protocol")
    stored = FRAPProtocol.from_dict(stored) if stored else None
    sources, missing = {}, []

    def settle(what, given, from_file, file_source, hint):
        if given is not None:
            sources[what] = "given"
            return given
        if from_file is not None:
            sources[what] = file_source
            return from_file
        missing.extend((", ", *hint))
        return None

    pixel_size = settle(
        "pixel size",
        options.pixel_size,
        series.pixel_size_um,
        series.sources.get("pixel_size_um", "file"),
        ("the pixel size (", Argument("pixel_size"), ", µm)"),
    )
    n_prebleach = settle(
        "prebleach frames",
        options.n_prebleach,
        stored and stored.n_prebleach,
        "protocol in the file",
        ("the number of frames before bleaching (", Argument("n_prebleach"), ")"),
    )
    region = settle(
        "bleach region",
        options.bleach_region,
        stored and stored.bleach_region,
        "protocol in the file",
        (
            "the bleach region (",
            Argument("bleach_region"),
            ", e.g. circle:15@50,50 in µm, or an image of it)",
        ),
    )
    n_frames = len(series.frames)
    times = series.times_s
    if options.frame_interval is not None:
        times = options.frame_interval * np.arange(n_frames)
        sources["frame times"] = "given"
    elif times is not None:
        sources["frame times"] = series.sources.get("times_s", "file")
    else:
        missing += [", ", "the time between frames (", Argument("frame_interval"), ", s)"]
    if missing:
        raise ArgumentError("the file does not say ", *missing[1:], "; give what is missing.")
    if not 1 <= n_prebleach < n_frames:
        raise ValueError(
            f"n_prebleach is {n_prebleach}, and the series has {n_frames} frames; there must be at "
            "least one frame before bleaching and one after."
        )
    if isinstance(region, str | Path):
        sources["bleach region"] = f"given, {region}"
        region = _read_region(region, pixel_size, series.frames.shape[1:])

    n_bleach = options.n_bleach
    if n_bleach is None:
        n_bleach = stored.n_bleach if stored else 1
    sources["bleach frames"] = _source_of(options.n_bleach, stored, n_bleach)
    # A dozen digits are more than any clock has, and make the protocols of like files equal.
    interval = float(f"{np.median(np.diff(times)):.12g}")
    # A clock that the user gives is the clock of all frames.
    stored_clock = stored if options.frame_interval is None else None
    first = options.first_postbleach
    if first is None:
        first = float(stored.times[stored.n_prebleach]) if stored_clock else interval
    sources["end of bleaching"] = _source_of(
        options.first_postbleach, stored_clock, f"{first:.4g} s before the first frame after it"
    )
    bleach_interval = None
    if options.bleach_duration is not None:
        bleach_interval = options.bleach_duration / n_bleach if n_bleach else None
    elif stored_clock:
        bleach_interval = stored.bleach_interval
    postbleach = times[n_prebleach:] - times[n_prebleach] + first
    return (
        FRAPProtocol(
            shape=series.frames.shape[1:],
            pixel_size=pixel_size,
            bleach_region=region,
            n_prebleach=n_prebleach,
            n_bleach=n_bleach,
            frame_interval=interval,
            postbleach_times=np.round(postbleach, 9),
            bleach_interval=bleach_interval,
            padding=_padding(options, stored),
        ),
        sources,
    )


def before_and_after(corrected, protocol):
    """Return the average frame before bleaching, and the first after it."""
    view, n_prebleach = corrected.view(0), protocol.n_prebleach
    return (
        view.read(frames=slice(0, n_prebleach)).mean(axis=0),
        view.read(frames=slice(n_prebleach, n_prebleach + 1))[0],
    )


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


def select_frames(series, protocol, options):
    """Leave out the first frames after bleaching and those that are too late."""
    postbleach = protocol.times[protocol.n_prebleach :]
    check_count("skip", options.skip, 0)
    wanted = np.arange(len(postbleach)) >= options.skip
    if options.until is not None:
        wanted &= postbleach <= options.until
    if wanted.all():
        return series, protocol
    if not wanted.any():
        raise ValueError(
            f"skip={options.skip} and until={options.until} leave none of the {len(postbleach)} "
            "frames after bleaching."
        )
    kept = np.concatenate([np.ones(protocol.n_prebleach, bool), wanted])
    times = None if series.times_s is None else series.times_s[kept]
    selected = replace(series, frames=series.frames[kept], times_s=times)
    return selected, protocol.replace(postbleach_times=postbleach[wanted])


def _source_of(given, stored, value):
    """Say where something that has a default was taken from."""
    if given is not None:
        return f"{value}, given"
    return f"{value}, {'protocol in the file' if stored else 'assumed'}"


def _read_region(text, pixel_size, shape):
    if str(text).partition(":")[0] in ("circle", "rectangle", "polygon"):
        return parse_region(text, pixel_size)
    if not Path(text).is_file():
        raise ValueError(
            f"bleach region {str(text)!r} is neither the file of an image nor understood as "
            "circle:RADIUS[@X,Y], rectangle:WIDTHxHEIGHT[@X,Y] or polygon:X,Y;X,Y;X,Y."
        )
    image = read_image(text)
    if image.shape != tuple(shape):
        raise ValueError(
            f"the image of the bleach region, {text}, has {image.shape} pixels, and the series has "
            f"{tuple(shape)}."
        )
    return Mask.from_image(image)


def _padding(options, stored):
    if options.padding is not None:
        return options.padding
    return stored.padding if stored else FRAPProtocol().padding
