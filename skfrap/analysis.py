"""From one image series to a result: what the command line and reports are made of.

Everything that must be known of an experiment is taken from what the user says, then from the file,
then from a default; each :class:`SeriesAnalysis` tells which came from where.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import center_of_mass, gaussian_filter, label
from sklearn.pipeline import make_pipeline

from skfrap.estimators import FRAPEstimates, LeastSquaresFRAP
from skfrap.experiment import FRAPProtocol, Mask, parse_region
from skfrap.io import ImageSeries, read_image, read_series
from skfrap.models import MODELS
from skfrap.parameters import check_value, parameter
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
)
from skfrap.results._tables import plain

__all__ = ["ExperimentOptions", "SeriesAnalysis", "analyse_series", "describe_experiment"]

_BACKGROUNDS = ("subtract", "divide", "none")
_FADINGS = ("none", "frame", "exponential")
_OF_NOISE = ("a", "b")


@dataclass(frozen=True)
class ExperimentOptions:
    """What a user says of an experiment; None leaves it to the file or to the default.

    Attributes
    ----------
    pixel_size : float
        µm.
    frame_interval : float
        s.
    bleach_region : str or region
        A region, text for :func:`skfrap.experiment.parse_region`, or the path of an image of it.
    recenter : bool
        Move the region to where bleaching is seen in the first frame after it; default False.
    n_prebleach : int
        Frames recorded before bleaching.
    n_bleach : int
        Bleach frames, which are not in the file; default 1.
    bleach_duration : float
        Time that all bleach frames take, s; default: `n_bleach` frame intervals.
    first_postbleach : float
        Time from the end of bleaching to the first frame after it, s; default: a frame interval.
    skip : int
        Frames after bleaching to leave out.
    until : float
        Leave out frames later than this, s after the end of bleaching.
    background : {"subtract", "divide", "none"}
        What to do with the uneven prebleach image; default "subtract".
    sigma : float
        Smoothing of the prebleach image, pixels; default 5.
    fading : {"none", "frame", "exponential"}
        Correction for fading of the whole field; default "none".
    dark_level : float
        Counts without light; default 0.
    bit_depth : int
        Of the detector.
    padding : int
        Pixels by which the model extends the field; default: that of FRAPProtocol.
    model : str
        Name of the model, as in LeastSquaresFRAP; default "diffusion".
    free : tuple of str
        Parameters of the model to estimate besides those without a default, e.g.
        ``("mobile_fraction",)``; default none.
    fixed : dict
        ``{name: value}`` of parameters that are known, and with ``noise="proportional"`` also of
        the noise, ``a`` and ``b``.
    noise, loss : str
        As in LeastSquaresFRAP; default "constant" and "squared".
    bounds : dict
        For the fit, as in LeastSquaresFRAP.
    level : float
        Of the intervals.

    Raises
    ------
    ValueError
        If there is no such model, or `free` and `fixed` do not go with it.
    """

    pixel_size: float | None = None
    frame_interval: float | None = None
    bleach_region: object | None = None
    recenter: bool = False
    n_prebleach: int | None = None
    n_bleach: int | None = None
    bleach_duration: float | None = None
    first_postbleach: float | None = None
    skip: int = 0
    until: float | None = None
    background: str = "subtract"
    sigma: float = 5.0
    fading: str = "none"
    dark_level: float = 0.0
    bit_depth: int | None = None
    padding: int | None = None
    model: str = "diffusion"
    free: tuple[str, ...] = ()
    fixed: dict | None = None
    noise: str = "constant"
    loss: str = "squared"
    bounds: dict | None = None
    level: float = 0.95

    def __post_init__(self):
        _check_fit(self)


@dataclass(frozen=True, eq=False)
class SeriesAnalysis:
    """Hold the analysis of one image series.

    Attributes
    ----------
    name : str
    protocol : FRAPProtocol
        Of the frames that were used.
    model : str
        Its name.
    curve, fitted : ndarray of shape (n_frames,)
        The recovery curve and the model's.
    estimates : FRAPEstimates
        Of one curve.
    sources : dict of str to str
        What was taken from where.
    prebleach, bleached : ndarray of shape (ny, nx)
        Average corrected frame before bleaching, and the first corrected frame after it.
    info : dict
        What the file's writer stored in it, e.g. the truth of a simulation.
    """

    name: str
    protocol: FRAPProtocol
    model: str
    curve: np.ndarray
    fitted: np.ndarray
    estimates: FRAPEstimates
    sources: dict
    prebleach: np.ndarray
    bleached: np.ndarray
    info: dict

    def to_record(self):
        """Return one row of a table: plain values by column name, None where they mean nothing.

        Of the findings it holds the labels; what they say is in ``estimates.findings[0]``.
        """
        columns = {name: values[0] for name, values in self.estimates.to_dict().items()}
        record = {"series": self.name, "model": self.model}
        record |= {name: plain(value) for name, value in columns.items()}
        record["n_frames"] = self.protocol.n_frames
        record["sources"] = "; ".join(f"{what}: {source}" for what, source in self.sources.items())
        return record


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
        missing.append(hint)
        return None

    pixel_size = settle(
        "pixel size",
        options.pixel_size,
        series.pixel_size_um,
        series.sources.get("pixel_size_um", "file"),
        "the pixel size (--pixel-size, µm)",
    )
    n_prebleach = settle(
        "prebleach frames",
        options.n_prebleach,
        stored and stored.n_prebleach,
        "protocol in the file",
        "the number of frames before bleaching (--n-prebleach)",
    )
    region = settle(
        "bleach region",
        options.bleach_region,
        stored and stored.bleach_region,
        "protocol in the file",
        "the bleach region (--bleach-region, e.g. circle:15@50,50 in µm, or an image of it)",
    )
    n_frames = len(series.frames)
    times = series.times_s
    if options.frame_interval is not None:
        times = options.frame_interval * np.arange(n_frames)
        sources["frame times"] = "given"
    elif times is not None:
        sources["frame times"] = series.sources.get("times_s", "file")
    else:
        missing.append("the time between frames (--frame-interval, s)")
    if missing:
        raise ValueError(f"the file does not say {', '.join(missing)}; give what is missing.")
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


def analyse_series(source, options=None):
    """Analyse one image series: correct it, extract its recovery curve and estimate.

    Parameters
    ----------
    source : path, list of paths or ImageSeries
        As in :func:`skfrap.io.read_series`.
    options : ExperimentOptions, default=None

    Returns
    -------
    SeriesAnalysis

    Raises
    ------
    ValueError
        If something about the experiment is missing or does not agree with the file.
    """
    options = ExperimentOptions() if options is None else options
    series = source if isinstance(source, ImageSeries) else read_series(source)
    protocol, sources = describe_experiment(series, options)
    series, protocol = _select_frames(series, protocol, options)
    corrected = _corrected(series, protocol, options)
    if options.recenter:
        protocol, sources["bleach region"] = _recenter(
            corrected, protocol, sources["bleach region"]
        )
        if options.fading != "none":  # the only correction that asks where the region is
            corrected = _corrected(series, protocol, options)
    curve = RecoveryCurveExtractor(protocol).fit_transform(corrected)
    regressor = _regressor(protocol, options).fit(curve)
    estimates = regressor.estimate(curve, level=options.level)
    prebleach, bleached = _before_and_after(corrected, protocol)
    return SeriesAnalysis(
        name=series.name,
        protocol=protocol,
        model=options.model,
        curve=curve[0],
        fitted=estimates.fit.curves[0],
        estimates=estimates,
        sources=sources,
        prebleach=prebleach,
        bleached=bleached,
        info=series.info,
    )


def _check_fit(options):
    """Check what is asked of the fit before any file is read."""
    if options.model not in MODELS:
        raise ValueError(f"model must be one of {tuple(MODELS)}, got {options.model!r}.")
    if isinstance(options.free, str):
        raise ValueError(f"free must be a sequence of names, got {options.free!r}.")
    fixed = options.fixed or {}
    of_noise = [name for name in fixed if name in _OF_NOISE]
    if of_noise and options.noise != "proportional":
        raise ValueError(
            f"{' and '.join(of_noise)} of the noise can be fixed (--fixed) only with "
            f"noise='proportional' (--noise proportional), got {options.noise!r}."
        )
    _check_names("free", options.free, options.model)
    _check_names("fixed", [name for name in fixed if name not in of_noise], options.model)
    for name, value in fixed.items():
        if name in options.free:
            raise ValueError(f"{name} is both free (--free) and fixed (--fixed); choose one.")
        check_value(f"fixed[{name!r}] (--fixed)", value, parameter(name))
    if not _estimated(options):
        raise ValueError(
            f"fixed (--fixed) holds all of {', '.join(fixed)}: nothing is left to estimate."
        )
    if options.skip and "imaging_bleach" in {*options.free, *fixed}:
        raise ValueError(
            f"skip (--skip) is {options.skip}, and imaging_bleach counts every frame that was "
            "taken; use all frames after bleaching, skip 0."
        )
    _regressor(None, options)._check_options()


def _check_names(what, names, model):
    known = MODELS[model].defaults()
    for name in names:
        if name not in known:
            raise ValueError(
                f"{what} (--{what}) takes the parameters of the model {model!r}, "
                f"{', '.join(known)}; got {name!r}."
            )


def _estimated(options):
    """List what is to be estimated: what has no default, and what is asked for."""
    own = MODELS[options.model].defaults()
    fixed = options.fixed or {}
    return [
        name
        for name, default in own.items()
        if name in options.free or (default is None and name not in fixed)
    ]


def _regressor(protocol, options):
    return LeastSquaresFRAP(
        protocol,
        options.bounds,
        model=options.model,
        parameters=_estimated(options),
        fixed=options.fixed,
        noise=options.noise,
        loss=options.loss,
    )


def _corrected(series, protocol, options):
    """Correct a series: a StackSequence of one stack, which is prepared once."""
    return make_pipeline(*_corrections(protocol, options)).fit_transform([series])


def _corrections(protocol, options):
    for what, value, allowed in (
        ("background", options.background, _BACKGROUNDS),
        ("fading", options.fading, _FADINGS),
    ):
        if value not in allowed:
            raise ValueError(f"{what} must be one of {allowed}, got {value!r}.")
    corrections = [IntensityRescaler(options.bit_depth, offset=options.dark_level)]
    # Fading is a factor of the light as it was; once a background is subtracted it no longer is.
    if options.fading != "none":
        corrections.append(FadingCorrector(protocol, per_frame=options.fading == "frame"))
    evenness = {"subtract": BackgroundSubtractor, "divide": FlatFieldCorrector}
    if options.background in evenness:
        corrector = evenness[options.background]
        corrections.append(corrector(options.sigma, protocol=protocol))
    return corrections


def _before_and_after(corrected, protocol):
    """Return the average frame before bleaching, and the first after it."""
    view, n_prebleach = corrected.view(0), protocol.n_prebleach
    return (
        view.read(frames=slice(0, n_prebleach)).mean(axis=0),
        view.read(frames=slice(n_prebleach, n_prebleach + 1))[0],
    )


def _recenter(corrected, protocol, source):
    """Move the bleach region's centroid to that of the patch that has lost most intensity."""
    before, after = _before_and_after(corrected, protocol)
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


def _select_frames(series, protocol, options):
    """Leave out the first frames after bleaching and those that are too late."""
    postbleach = protocol.times[protocol.n_prebleach :]
    if options.skip < 0:
        raise ValueError(f"skip must be at least 0, got {options.skip}.")
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
