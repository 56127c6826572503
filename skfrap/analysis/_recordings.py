"""Samples that bring their protocol, from files and what is said of them."""

import os
from collections.abc import Sequence
from typing import Any

from skfrap.analysis._analyse import _as_recorded, _corrected, _read
from skfrap.analysis._cells import before_of, in_compartment
from skfrap.analysis._drift import see_motion
from skfrap.analysis._experiment import experiment_of, recenter
from skfrap.analysis._options import ExperimentOptions
from skfrap.analysis._rois import resolved
from skfrap.experiment import FRAPProtocol
from skfrap.io import ImageSeries, Recording, find_series


def describe_experiment(
    series: ImageSeries, options: ExperimentOptions
) -> tuple[FRAPProtocol, dict[str, str]]:
    """Put together the protocol of a series.

    Parameters
    ----------
    series : ImageSeries
        As from :func:`skfrap.io.read_series`.
    options : ExperimentOptions
        What is known of the experiment beside what the file says.

    Returns
    -------
    protocol : FRAPProtocol
        Of the frames in the series, but for those that `skip` and `until` leave out.
    sources : dict of str to str
        What was taken from where, and what was noticed when the file was read.

    Raises
    ------
    ValueError
        Naming everything that is missing, and how to give it.
    """
    described, protocol = _described(_read(series, options), options)
    return protocol, described.sources


def read_recordings(
    sources: Any, options: ExperimentOptions | Sequence[ExperimentOptions] | None = None
) -> list[Recording]:
    """Read image series as samples that bring their protocol, for a pipeline.

    Each protocol is put together as by :func:`analyse_series`: of what is said, what the file says,
    and defaults. Images stay as they were recorded, but for frames that `skip` and `until` leave
    out; corrections are steps of the pipeline. Of a sample that moves that is a finding, which a
    :class:`~skfrap.preprocessing.DriftCorrector` among them settles.

    Parameters
    ----------
    sources : path, str or sequence
        A folder or pattern, of which each series is a sample; or a sequence of series, each as of
        :func:`skfrap.io.read_series` or an :class:`skfrap.io.ImageSeries`.
    options : ExperimentOptions or sequence of these, default=None
        What is said of all series, or of each of them. What concerns corrections and estimates is
        not used. None is what files say.

    Returns
    -------
    list of Recording
        Their `findings` come with the estimates. ``info["sources"]`` says what was taken from
        where.

    Raises
    ------
    ValueError
        If something about an experiment is missing or does not agree with its file; it says of
        which.

    See Also
    --------
    analyse_series : Analyses one series, and chooses corrections by what its images show.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator, make_frap_pipeline
    >>> from skfrap.analysis import read_recordings
    >>> from skfrap.io import write_series
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> truth = {"D": 5.0, "c0": 0.7, "alpha": 0.6, "a": 1e-4}
    >>> for name, radius, interval in (("small", 8.0, 0.25), ("large", 12.0, 0.5)):
    ...     protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(radius),
    ...                             n_postbleach=20, frame_interval=interval)
    ...     frames = FRAPSimulator(protocol, truth, random_state=0).sample_images(1).data[0]
    ...     write_series(folder / f"{name}.tif", frames.astype("f4"), pixel_size_um=1.0,
    ...                  times_s=protocol.times - protocol.times[0],
    ...                  info={"protocol": protocol.to_dict()})
    >>> recordings = read_recordings(folder)
    >>> recordings[0]
    Recording('large': 30 frames of 64 x 64 float32, with its protocol)
    >>> pipeline = make_frap_pipeline().fit(recordings)
    >>> pipeline.estimate(recordings).D_um2_s.round(1).tolist()
    [5.0, 5.0]
    """
    if isinstance(sources, str | os.PathLike):
        sources = find_series(sources)
    elif isinstance(sources, ImageSeries):
        sources = [sources]
    if options is None:
        options = ExperimentOptions()
    if isinstance(options, ExperimentOptions):
        options = [options] * len(sources)
    if len(options) != len(sources):
        raise ValueError(
            f"options must hold one for each of {len(sources)} series, or be one for all, got "
            f"{len(options)}."
        )
    pairs = zip(sources, options, strict=True)
    return [_recording(source, given) for source, given in pairs]


def _described(series, options):
    """Return what is known of a series, and the protocol of its frames."""
    described = experiment_of(series, options)
    series, protocol, sources = described.series, described.protocol, described.sources
    options = resolved(described.options, series, protocol, sources)
    if options.recenter:
        seen = _corrected(_as_recorded(series, options), protocol, options, "none")
        protocol, sources["bleach region"] = recenter(seen, protocol, sources["bleach region"])
    before = before_of(series, protocol, options)
    return described, in_compartment(protocol, before, options, described.stored, sources)


def _recording(source, options):
    series = _read(source, options)
    try:
        described, protocol = _described(series, options)
    except ValueError as error:
        raise ValueError(f"{series.name}: {error}") from error
    series, sources = described.series, described.sources
    motion = see_motion(series, protocol)
    sources["drift"] = motion.words
    return Recording(
        series.frames,
        protocol,
        series.name,
        pixel_size_um=(protocol.pixel_size, sources["pixel size"]),
        bit_depth=series.bit_depth if options.bit_depth is None else options.bit_depth,
        info={**series.info, "sources": sources},
        findings=[*described.findings, *motion.findings],
    )
