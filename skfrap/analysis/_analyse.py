"""From one image series to a result: correct it, extract its recovery curve and estimate."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import make_pipeline

from skfrap._checks import check_choice
from skfrap.analysis._cells import before_of, in_compartment
from skfrap.analysis._drift import Motion, follow_sample
from skfrap.analysis._experiment import (
    before_and_after,
    experiment_of,
    last_frame,
    recenter,
)
from skfrap.analysis._geometries import Geometries
from skfrap.analysis._images import (
    ImageEstimate,
    compare_images,
    misfit_findings,
    see_images,
    with_images,
)
from skfrap.analysis._near import Near
from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._rois import resolved
from skfrap.analysis._saturation import find_saturation
from skfrap.analysis._seen import SeenStart
from skfrap.analysis._starts import (
    OF_EITHER,
    Witness,
    alternatives_of,
    chosen_start,
    fit_as_told,
    see,
    source_of_start,
)
from skfrap.estimators import FRAPEstimates
from skfrap.experiment import FRAPProtocol
from skfrap.io import ImageSeries, read_series
from skfrap.io._series import Source, on_clock
from skfrap.judging._alternation import find_alternation
from skfrap.judging._cells import outside_of_cell
from skfrap.judging._frames import Frames, choose_evenness, find_outside, judge_sample
from skfrap.judging._neighbours import find_correlated_noise
from skfrap.judging._prebleach import find_prebleach_change, levels_about
from skfrap.models.forward._window import window_of
from skfrap.numerics._threads import one_blas_thread
from skfrap.preprocessing import (
    BackgroundSubtractor,
    Drift,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
    ReferenceCorrector,
    StackSequence,
)
from skfrap.preprocessing._images import check_filter
from skfrap.results import Alternatives, Finding
from skfrap.results._tables import plain

_BACKGROUNDS = ("auto", "subtract", "divide", "none")
_FADINGS = ("none", "frame", "exponential")
_MOST_KEPT = 2**25  # pixels of aligned frames that are kept: 128 MiB


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
    curve, fitted : ndarray of shape (n_values,)
        The recovery curve and the model's; row by row where the protocol has several.
    estimates : FRAPEstimates
        Of one curve.
    sources : dict of str to str
        What was taken from where.
    prebleach, bleached : ndarray of shape (ny, nx) or None
        Average corrected frame before bleaching, and the first corrected frame after it.
        None for a curve.
    info : dict
        What the file's writer stored in it, e.g. the truth of a simulation.
    findings : tuple of Finding
        What is to be known of the experiment as a whole; `estimates` have these as well.
    start : {"told", "measured"}
        What bleaching left, as `estimates` take it: the region as told, or as the images show it.
        The region of `protocol`, the curve and its fit are then those of the patch as seen.
    alternatives : Alternatives
        D under other assumptions, and which of them is recommended.
    seen : SeenStart or None
        What the images show of the start; None where they show none.
    data : {"curve", "images", "rings"}
        What `estimates` are fitted to: the curve of the bleach region, all pixels about it, or
        rings about the patch as seen.
    images : ImageEstimate or None
        What all pixels say, with both errors; None where that was not asked for, or cannot be had.
    has_region : bool
        Whether the bleach region is known. It is not for a table without one, of which a half-time
        and a mobile fraction are estimated; that of `protocol` then means nothing.
    drift : Drift or None
        How the sample moves; None where that was not measured.
    aligned : bool
        Whether the frames were moved back by it.
    last : ndarray of shape (ny, nx) or None
        The last corrected frame; None for a curve.
    origin : tuple of int
        (row, column) of the first pixel in the field, where only a part of it was analysed, as of
        several spots; (0, 0) of all of it.
    """

    name: str
    protocol: FRAPProtocol
    model: str
    curve: np.ndarray
    fitted: np.ndarray
    estimates: FRAPEstimates
    sources: dict
    prebleach: np.ndarray | None
    bleached: np.ndarray | None
    info: dict
    findings: tuple = ()
    start: str = "told"
    alternatives: Alternatives = field(default_factory=Alternatives)
    seen: SeenStart | None = None
    data: str = "curve"
    images: ImageEstimate | None = None
    has_region: bool = True
    drift: Drift | None = None
    aligned: bool = False
    last: np.ndarray | None = None
    origin: tuple[int, int] = (0, 0)

    def sources_in_words(self) -> str:
        """Return what was taken from where, as one text.

        Returns
        -------
        str
        """
        return "; ".join(f"{what}: {source}" for what, source in self.sources.items())

    def to_record(self) -> dict[str, Any]:
        """Return one row of a table: plain values by column name, None where they mean nothing.

        Of the findings it holds the labels; what they say is in ``estimates.findings[0]``.

        Returns
        -------
        dict
        """
        columns = {name: values[0] for name, values in self.estimates.to_dict().items()}
        record: dict[str, Any] = {"series": self.name, "model": self.model}
        record |= {name: plain(value) for name, value in columns.items()}
        record["n_frames"] = self.protocol.n_frames
        record["sources"] = self.sources_in_words()
        record["start"] = self.start
        record["data"] = self.data
        record["compartment_um2"] = self._compartment_um2()
        record["drift_um"] = None
        if self.drift is not None and np.isfinite(self.drift.errors).all():
            record["drift_um"] = plain(self.drift.largest * self.protocol.pixel_size)
        return record

    def _compartment_um2(self):
        """Return the area of the compartment, None without one."""
        inside = self.protocol.compartment_mask
        return None if inside is None else plain(float(inside.sum() * self.protocol.pixel_size**2))


@one_blas_thread()
def analyse_series(
    source: Source | ImageSeries, options: ExperimentOptions | None = None
) -> SeriesAnalysis:
    """Analyse one image series: correct it, extract its recovery curve and estimate.

    Where there is room for rings about the dark patch, D is also estimated from what the images
    show of the start, without the bleach region; ``options.start`` says which of the two is the
    result, and ``alternatives`` has both.

    Parameters
    ----------
    source : path, list of paths or ImageSeries
        As in :func:`skfrap.io.read_series`.
    options : ExperimentOptions, default=None
        What is known of the experiment, and how it is to be analysed. None is what the file says.

    Returns
    -------
    SeriesAnalysis

    Raises
    ------
    ValueError
        If something about the experiment is missing or does not agree with the file, or no region
        is told and the images do not show one.
    """
    options = ExperimentOptions() if options is None else options
    one = _prepared(source, options)
    return _analysed(one, lambda told: _images_of(one, one.options, told), OfFrames(one))


class OfFrames:
    """Hold what the frames of a prepared series say wherever its region is, once it is asked for.

    Parameters
    ----------
    one : _Prepared

    Attributes
    ----------
    near : Near or None
        What is known of the curve of a region nearby.
    """

    def __init__(self, one):
        self._one = one
        self.near: Near | None = None

    @cached_property
    def seen(self):
        """The start as seen, a SeenStart or None, and why there is none."""
        one = self._one
        return see(one.corrected, one.before, one.after, one.protocol, one.options)

    @cached_property
    def noticed(self):
        """Findings on the detector and on how frames were recorded."""
        frames = self._one.series.frames
        correlated = find_correlated_noise(frames, self._one.protocol.n_prebleach)
        return [*find_alternation(frames), *correlated]


def _analysed(one, images_of, of_frames):
    """Analyse a series that is prepared; `images_of` gives what all pixels say, or why nothing."""
    options = one.options
    corrected, protocol, sources = one.corrected, one.protocol, one.sources
    told: Any = None  # the curve of the region, where there is one
    geometries: Any = None
    if one.described.told:
        of_region = one.frames, one.outside, of_frames.near
        told = fit_as_told(corrected, one.described, protocol, options, *of_region)
        of_frames.near = of_frames.near or Near(protocol, told.estimates)
        geometries = Geometries(
            corrected, one.frames.before, told, protocol, options, one.background
        )
    images, no_images = images_of(told)
    apart = compare_images(told, images) if images else None
    seen, unseen = of_frames.seen
    if seen is not None and told is not None:
        seen = replace(seen, told=protocol)
    witness = Witness.of(told, seen, one.frames, one.described.spare)
    start = chosen_start(options, told, seen, witness, unseen)
    sources["start"] = source_of_start(options, start, told, witness, unseen)
    data = "images" if options.data == "images" else "curve"
    if options.data != "curve":
        sources["all pixels"] = images.in_words() if images else no_images
    of_told, of_seen = _noticed(one, of_frames, told, geometries, witness)
    of_either = of_told
    if apart is not None:
        of_told = [*of_told, *apart.findings]
    alternatives = alternatives_of(told, seen, options, of_told, of_seen, start, witness)
    if geometries:
        alternatives = geometries.recommend(alternatives, witness, seen)
    if images:
        alternatives = with_images(alternatives, images, apart, of_either, taken=data == "images")
    if data == "images":
        curve, start = told.curve, "told"
        noticed = [*of_either, *misfit_findings(images.misfit, protocol)]
        estimates = images.estimates.with_findings(noticed)
        fitted = images.curve(told)
    elif start == "told":
        curve, estimates, noticed = told.curve, told.estimates.with_findings(of_told), of_told
        fitted = estimates.fit.curves[0]
    else:
        data, protocol, noticed = "rings", seen.protocol, of_seen
        curve = RecoveryCurveExtractor(protocol).fit_transform(corrected)
        fitted = seen.curve_beside(curve[0])
        estimates = seen.estimates.with_findings(of_seen)
    return SeriesAnalysis(
        name=one.series.name,
        protocol=protocol,
        model=options.model,
        curve=curve[0],
        fitted=fitted,
        estimates=estimates,
        sources=sources,
        prebleach=one.before,
        bleached=one.after,
        info=one.series.info,
        findings=tuple(noticed),
        start=start,
        alternatives=alternatives,
        seen=seen,
        data=data,
        images=images,
        drift=one.motion.drift,
        aligned=one.motion.aligned,
        last=last_frame(corrected, protocol),
    )


def _images_of(one, options, told):
    """Estimate from all pixels, where that is asked for: the estimate, and why there is none."""
    if options.data == "curve":
        return None, ""
    added = one.background == "subtract" and "divide" in one.evenness.wrong
    given = options.background != "auto"
    flat_field = options.sigma
    stacks = one.corrected
    if one.background == "divide" or not (added or given):
        stacks = _corrected(one.recorded, one.protocol, options, "none")
    else:
        flat_field = None
    images, why = None, "all pixels are not used: no bleach region is told"
    if told is not None and one.outside is not None and _ends_in_window(one):
        why = "all pixels are not used: the sample ends among them"
    elif told is not None:
        images, why = see_images(stacks, one.protocol, options, told, flat_field)
    if images is None and options.data == "images":
        raise ValueError(f"data='images' cannot be had; {why}.")
    return images, why


def _ends_in_window(one):
    return one.outside.dark[window_of(one.protocol, "auto")].any()


class _Prepared(NamedTuple):
    """One series, corrected, and what is known of its experiment before anything is fitted."""

    series: ImageSeries
    described: Any  # the experiment, as it was told and as the file has it
    protocol: FRAPProtocol
    sources: dict
    frames: Frames  # around bleaching, as they were recorded
    outside: Any  # where the sample ends, if it is seen to
    evenness: Any
    background: str
    recorded: Any  # rescaled and aligned
    corrected: Any
    before: np.ndarray
    after: np.ndarray
    motion: Motion
    options: ExperimentOptions  # with the regions that are measured


def _prepared(source, options):
    """Read a series, find out what its experiment was, and correct it."""
    series = _read(source, options)
    described = experiment_of(series, options)
    series, protocol, sources = described.series, described.protocol, described.sources
    options = resolved(described.options, series, protocol, sources)
    motion = follow_sample(series, _outlined(series, described, options), options.drift)
    sources["drift"] = motion.words
    recorded = _as_recorded(series, options, motion.corrections(protocol))
    if options.recenter:
        # What a subtraction adds or takes does not change what was lost.
        given = "none" if options.background == "auto" else options.background
        evened = _corrected(recorded, protocol, options, given)
        protocol, sources["bleach region"] = recenter(evened, protocol, sources["bleach region"])
    before, after = before_and_after(recorded, protocol)
    protocol = in_compartment(protocol, before, options, described.stored, sources)
    described = replace(described, protocol=protocol)
    frames = Frames(before, after, protocol)
    outside = find_outside(frames) or outside_of_cell(frames)
    check_filter(options.sigma, before.shape)
    evenness = choose_evenness(frames, outside, options.sigma)
    if protocol.compartment is not None:
        outside = None  # that the sample ends is told
        evenness = evenness._replace(choice="none", reason="particles are in a compartment")
    background = options.background
    sources["background"] = f"{background}, given"
    if background == "auto":
        background = evenness.choice
        sources["background"] = f"{background}, chosen: {evenness.reason}"
    corrected = _corrected(recorded, protocol, options, background)
    before, after = before_and_after(corrected, protocol)
    return _Prepared(
        series, described, protocol, sources, frames, outside, evenness, background, recorded,
        corrected, before, after, motion, options,
    )  # fmt: skip


def _outlined(series, described, options):
    """Put the compartment into a protocol as frames that are not aligned show it, if they do."""
    protocol = described.protocol
    try:
        before = before_of(series, protocol, options)
        return in_compartment(protocol, before, options, described.stored, {})
    except ValueError:  # which is raised for aligned frames, if it is to be
        return protocol


def _noticed(one, of_frames, told, geometries, witness):
    """Return what is to be known of D from the start as told, and of D from the start as seen."""
    options, noticed = one.options, [*one.described.findings, *one.motion.findings]
    noticed += [*find_saturation(one.series.frames, one.protocol, options)]
    noticed += of_frames.noticed
    if told is not None and options.fading == "none" and options.reference is None:
        expected = told.estimates.fit.curves[0][: one.protocol.n_prebleach]
        mask, dark = one.protocol.bleach_mask, options.dark_level
        found = find_prebleach_change(levels_about(one.series.frames, mask, dark), expected)
        # A frame too many may be what changes, and a curve says so itself.
        known = {one.code for one in told.estimates.findings[0]}
        said = {"other_n_prebleach_fits", *(one.code for one in found)}
        noticed += [] if known & said else found
    uneven = []
    if one.background in one.evenness.wrong:
        why = one.evenness.wrong[one.background]
        words = f"background {one.background!r} is not right: {why}"
        remedy = f"background={one.evenness.choice!r}"
        uneven.append(Finding.of("uneven_light", words, "", remedy))
    # What is said of the clock, or of the region, is said of the start as told.
    of_told = [*(told.by_clock if told else ()), *noticed, *(told.findings if told else ())]
    of_told += [*uneven, *(geometries.findings if geometries else ()), *witness.of_told]
    of_seen = [found for found in noticed if found.code != "bleach_gap_unexplained"]
    of_seen += [*judge_sample(one.outside), *uneven, *witness.of_seen]
    if told is not None:  # frames that are counted wrongly are so for either start
        of_seen += [found for found in told.estimates.findings[0] if found.code in OF_EITHER]
    return of_told, of_seen


def _read(source, options):
    if isinstance(source, ImageSeries):
        return source if options.times is None else on_clock(source, options.times)
    return read_series(
        source,
        channel=options.channel,
        allow_large=options.allow_large,
        series=options.series,
        join=options.join,
        times=options.times,
    )


def _as_recorded(series, options, aligning=()):
    """Rescale and align a series, and leave it as it is otherwise: a StackSequence of one stack."""
    # What is saturated counts where it is measured: `find_saturation` says so.
    rescaler = IntensityRescaler(options.bit_depth, offset=options.dark_level, max_saturated=1.0)
    recorded = make_pipeline(rescaler, *aligning).fit_transform([series])
    if aligning and series.frames.size <= _MOST_KEPT:
        return StackSequence([recorded[0]])  # frames are moved once, however often they are read
    return recorded


def _corrected(recorded, protocol, options, background):
    """Correct a series as it was recorded: a StackSequence of one stack, prepared once."""
    corrections = _corrections(protocol, options, background)
    return make_pipeline(*corrections).fit_transform(recorded) if corrections else recorded


def _corrections(protocol, options, background):
    check_choice("background", options.background, _BACKGROUNDS)
    check_choice("fading", options.fading, _FADINGS)
    corrections: list[Any] = []
    if options.reference is not None:
        corrections.append(ReferenceCorrector(options.reference, protocol))
    # Fading is a factor of the light as it was; once a background is subtracted it no longer is.
    if options.fading != "none":
        corrections.append(FadingCorrector(protocol, per_frame=options.fading == "frame"))
    evenness = {"subtract": BackgroundSubtractor, "divide": FlatFieldCorrector}
    if background in evenness:
        corrector = evenness[background]
        corrections.append(corrector(options.sigma, protocol=protocol))
    return corrections
