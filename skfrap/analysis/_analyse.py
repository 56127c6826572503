"""From one image series to a result: correct it, extract its recovery curve and estimate."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from skfrap._checks import check_choice
from skfrap.analysis._experiment import (
    before_and_after,
    experiment_of,
    recenter,
)
from skfrap.analysis._frames import findings_of_frames
from skfrap.analysis._options import ExperimentOptions, make_regressor
from skfrap.analysis._saturation import find_saturation
from skfrap.estimators import FRAPEstimates
from skfrap.experiment import FRAPProtocol
from skfrap.io import ImageSeries, read_series
from skfrap.io._series import Source
from skfrap.judging._frames import Frames, choose_evenness, find_outside
from skfrap.preprocessing import (
    BackgroundSubtractor,
    FadingCorrector,
    FlatFieldCorrector,
    IntensityRescaler,
    RecoveryCurveExtractor,
)
from skfrap.results import Finding
from skfrap.results._tables import plain

_BACKGROUNDS = ("auto", "subtract", "divide", "none")
_FADINGS = ("none", "frame", "exponential")


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
    findings : tuple of Finding
        What is to be known of the experiment as a whole; `estimates` have these as well.
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
    findings: tuple = ()

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
        record = {"series": self.name, "model": self.model}
        record |= {name: plain(value) for name, value in columns.items()}
        record["n_frames"] = self.protocol.n_frames
        record["sources"] = self.sources_in_words()
        return record


def analyse_series(
    source: Source | ImageSeries, options: ExperimentOptions | None = None
) -> SeriesAnalysis:
    """Analyse one image series: correct it, extract its recovery curve and estimate.

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
        If something about the experiment is missing or does not agree with the file.
    """
    options = ExperimentOptions() if options is None else options
    series = _read(source, options)
    described = experiment_of(series, options)
    series, protocol, sources = described.series, described.protocol, described.sources
    recorded = _as_recorded(series, options)
    if options.recenter:
        # What a subtraction adds or takes does not change what was lost.
        given = "none" if options.background == "auto" else options.background
        seen = _corrected(series, protocol, options, given)
        protocol, sources["bleach region"] = recenter(seen, protocol, sources["bleach region"])
    before, after = before_and_after(recorded, protocol)
    frames = Frames(before, after, protocol)
    outside = find_outside(frames)
    evenness = choose_evenness(frames, outside, options.sigma)
    background = options.background
    sources["background"] = f"{background}, given"
    if background == "auto":
        background = evenness.choice
        sources["background"] = f"{background}, chosen: {evenness.reason}"
    corrected = _corrected(series, protocol, options, background)
    curve = RecoveryCurveExtractor(protocol).fit_transform(corrected)
    regressor = make_regressor(protocol, options).fit(curve)
    estimates = regressor.estimate(curve, level=options.level)
    noticed = _by_latest_end(described, estimates, curve, options)
    noticed += [*described.findings, *find_saturation(series.frames, protocol, options)]

    def refit(region):
        moved = protocol.replace(bleach_region=region)
        curve = RecoveryCurveExtractor(moved).fit_transform(corrected)
        return make_regressor(moved, options).fit(curve).fit_results(curve)

    noticed += findings_of_frames(frames, outside, estimates, regressor.model_, refit)
    if background in evenness.wrong:
        words = f"background {background!r} is not right: {evenness.wrong[background]}"
        remedy = f"background={evenness.choice!r}"
        noticed.append(Finding.of("uneven_light", words, "", remedy))
    estimates = estimates.with_findings(noticed)
    prebleach, bleached = before_and_after(corrected, protocol)
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
        findings=tuple(noticed),
    )


def _by_latest_end(described, estimates, curve, options):
    """Say what D would be, had bleaching lasted as long as the clock allows."""
    found = [one for one in described.findings if one.code == "bleach_gap_unexplained"]
    if described.latest is None or not found or "D" not in estimates.values:
        return []
    protocol = described.latest.replace(bleach_region=described.protocol.bleach_region)
    D = make_regressor(protocol, options).fit(curve).fit_results(curve).values()["D"][0]
    first = protocol.times[protocol.n_prebleach]
    described.findings.remove(found[0])
    words = f"{found[0].words}; if it ended {first:.4g} s before the next frame D = {D:.4g} µm²/s"
    return [Finding.of(found[0].code, words, remedy=found[0].remedy)]


def _read(source, options):
    if isinstance(source, ImageSeries):
        return source
    return read_series(source, channel=options.channel, allow_large=options.allow_large)


def _as_recorded(series, options):
    """Rescale a series, and leave it as it is otherwise: a StackSequence of one stack."""
    # What is saturated counts where it is measured: `find_saturation` says so.
    rescaler = IntensityRescaler(options.bit_depth, offset=options.dark_level, max_saturated=1.0)
    return rescaler.fit_transform([series])


def _corrected(series, protocol, options, background):
    """Correct a series: a StackSequence of one stack, which is prepared once."""
    return make_pipeline(*_corrections(protocol, options, background)).fit_transform([series])


def _corrections(protocol, options, background):
    check_choice("background", options.background, _BACKGROUNDS)
    check_choice("fading", options.fading, _FADINGS)
    # What is saturated counts where it is measured: `find_saturation` says so.
    corrections = [
        IntensityRescaler(options.bit_depth, offset=options.dark_level, max_saturated=1.0)
    ]
    # Fading is a factor of the light as it was; once a background is subtracted it no longer is.
    if options.fading != "none":
        corrections.append(FadingCorrector(protocol, per_frame=options.fading == "frame"))
    evenness = {"subtract": BackgroundSubtractor, "divide": FlatFieldCorrector}
    if background in evenness:
        corrector = evenness[background]
        corrections.append(corrector(options.sigma, protocol=protocol))
    return corrections
