"""Several bleached spots in one series, each by itself."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skfrap._checks import ArgumentError
from skfrap.analysis._analyse import SeriesAnalysis, _read, analyse_series
from skfrap.analysis._detected import around_bleaching
from skfrap.analysis._experiment import experiment_of
from skfrap.analysis._options import ExperimentOptions
from skfrap.experiment import Circle
from skfrap.io import ImageSeries
from skfrap.io._series import Source
from skfrap.preprocessing import find_bleach_regions
from skfrap.results import Finding

EACH = "each"
_CLEAR_OF = 1.5  # radii of another spot, that are kept out
_FEWEST = 3.0  # radii of a spot, that must be left around it
_FELT = 0.01  # of a spot's depth, that others may add to it


def analyse_spots(
    source: Source | ImageSeries, options: ExperimentOptions | None = None
) -> list[SeriesAnalysis]:
    """Analyse each of several spots that were bleached at once in one series.

    They are found in the first frame after bleaching, and each is analysed in a part of the field
    that holds no other. Where what was bleached in the others reaches it by diffusion, that is a
    finding.

    Parameters
    ----------
    source : path, list of paths or ImageSeries
        As in :func:`skfrap.io.read_series`.
    options : ExperimentOptions, default=None
        What is known of the experiment besides regions. None is what the file says.

    Returns
    -------
    list of SeriesAnalysis
        Row by row, from the top of the field. Names have the number of the spot, and sources its
        place.

    Raises
    ------
    ValueError
        If a spot is not clear, or two are too near to each other.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator
    >>> import numpy as np
    >>> from skfrap.analysis import ExperimentOptions, analyse_spots
    >>> from skfrap.io import ImageSeries
    >>> one = FRAPProtocol(shape=(64, 64), pixel_size=0.5, bleach_region=Circle(3.0), n_bleach=1,
    ...                    n_prebleach=5, n_postbleach=30, frame_interval=0.2)
    >>> truth = {"D": 1.0, "c0": 0.7, "alpha": 0.4, "a": 1e-5}
    >>> frames = FRAPSimulator(one, truth, random_state=0).sample_images(2).data
    >>> series = ImageSeries(np.concatenate([*frames], axis=2), "two", pixel_size_um=0.5,
    ...                      times_s=one.times - one.times[0])
    >>> options = ExperimentOptions(n_prebleach=5, first_postbleach=0.2)
    >>> found = analyse_spots(series, options)
    >>> [spot.name for spot in found]
    ['two, spot 1', 'two, spot 2']
    >>> [round(float(spot.estimates.D_um2_s[0]), 1) for spot in found]
    [1.0, 1.0]
    """
    options = ExperimentOptions() if options is None else options
    if options.compartment not in (None, "none"):
        raise ArgumentError(
            "several spots are analysed in an open field, and a compartment is told; analyse them "
            "one by one."
        )
    series = _read(source, options)
    looked = replace(options, bleach_region=None, start="auto", recenter=False)
    described = experiment_of(series, looked)
    n, pixel_size = described.protocol.n_prebleach, described.protocol.pixel_size
    before, after = around_bleaching(series, n, described.options)
    found = find_bleach_regions(before, after, pixel_size)
    spots = [_Spot.of(one, pixel_size) for one in found]
    given = replace(
        options, n_prebleach=n, skip=described.options.skip, n_bleach=described.options.n_bleach,
        first_postbleach=described.options.first_postbleach,
        dark_level=described.options.dark_level,
    )  # fmt: skip
    return [_analysed(series, given, spots, k) for k in range(len(spots))]


class _Spot(NamedTuple):
    """A circle in pixels, and what was seen of it."""

    row: float
    column: float
    radius: float
    reason: str

    @classmethod
    def of(cls, found, pixel_size):
        x, y = np.divide(found.region.center, pixel_size)
        return cls(y, x, found.region.radius / pixel_size, found.reason)


def _analysed(series, options, spots, k):
    spot, others = spots[k], [one for one in spots if one is not spots[k]]
    rows, columns = _window(series.frames.shape[1:], spot, others)
    part = replace(series, frames=series.frames[:, rows, columns])
    pixel = options.pixel_size or series.pixel_size_um
    center = ((spot.column - columns.start) * pixel, (spot.row - rows.start) * pixel)
    region = Circle(spot.radius * pixel, center)
    analysis = analyse_series(part, replace(options, bleach_region=region))
    sources = dict(analysis.sources)
    sources["bleach region"] = (
        f"{spot.reason}; spot {k + 1} of {len(spots)}, in columns {columns.start} to "
        f"{columns.stop - 1} and rows {rows.start} to {rows.stop - 1} of the field"
    )
    estimates = analysis.estimates
    felt = _felt(analysis, spot, others)
    if felt > _FELT:
        words = f"other spots are so near that they add up to {100 * felt:.0f} % of its depth"
        noticed = [Finding.of("several_patches", words, "", "leave out the late frames")]
        estimates = estimates.with_findings(noticed)
    name = f"{series.name}, spot {k + 1}"
    origin = int(rows.start), int(columns.start)
    return replace(analysis, name=name, sources=sources, estimates=estimates, origin=origin)


def _window(shape, spot, others):
    """Return the largest part of the field about a spot that holds no other."""
    low = np.array([0.0, 0.0])
    high = np.array(shape, float)
    place = np.array([spot.row, spot.column])
    for other in others:
        away = np.array([other.row, other.column]) - place
        axis = int(np.abs(away).argmax())
        edge = place[axis] + away[axis] - np.sign(away[axis]) * _CLEAR_OF * other.radius
        if away[axis] > 0:
            high[axis] = min(high[axis], edge)
        else:
            low[axis] = max(low[axis], edge)
    first, last = np.ceil(low).astype(int), np.floor(high).astype(int)
    room = min((place - first).min(), (last - place).min())
    if others and room < _FEWEST * spot.radius:
        raise ArgumentError(
            f"a spot of {spot.radius:.3g} pixels has only {room:.3g} pixels around it without "
            "another; the spots are too near to each other, or to the edge of the field, to be "
            "analysed by themselves."
        )
    return slice(first[0], last[0]), slice(first[1], last[1])


def _felt(analysis, spot, others):
    """Return by how much others darken a spot until the last frame, over its own depth."""
    if "D" not in analysis.estimates.values:
        return 0.0
    protocol = analysis.protocol
    spread = 4 * analysis.estimates.values["D"][0] * protocol.times[-1] / protocol.pixel_size**2
    felt = 0.0
    for other in others:
        away = np.hypot(other.row - spot.row, other.column - spot.column) ** 2
        then = min(spread, away) if spread > 0 else 0.0  # it is felt most when it has come so far
        felt += other.radius**2 / then * np.exp(-away / then) if then > 0 else 0.0
    return float(felt)
