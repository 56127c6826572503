"""What is done of one series, in this process or in another: plain values come back."""

import io
import warnings
from dataclasses import dataclass, replace
from typing import Any

from skfrap._text import visible
from skfrap.cli._output import as_title, in_words


@dataclass(frozen=True)
class Outcome:
    """Hold what was found of a series, or why nothing was.

    Attributes
    ----------
    record : dict or None
        For tables and JSON, without the file and the error.
    lines : tuple of str
        For people.
    error : str
    name : str
        For a picture's file.
    picture : bytes or None
        A PNG image.
    picture_error : str
        Why there is none, where one was asked for.
    part : object
        What a report shows of it, None without a report.
    part_error : str
        Why there is none, where one was asked for.
    protocol : FRAPProtocol or None
        With the regions that were used; None of a table.
    spots : tuple of Outcome
        Of several spots in one series, whose own record is None.
    """

    record: dict | None = None
    lines: tuple[str, ...] = ()
    error: str = ""
    name: str = ""
    picture: bytes | None = None
    picture_error: str = ""
    part: Any = None
    part_error: str = ""
    protocol: Any = None
    spots: tuple["Outcome", ...] = ()


class Estimation:
    """Estimate one series after the other; it goes to other processes as it is.

    Parameters
    ----------
    options : dict
        Of :class:`skfrap.analysis.ExperimentOptions`.
    draw : bool
        Whether to draw pictures.
    n_reported : int or None
        How many series are in the report that is wanted, None where none is.
    """

    def __init__(self, options, draw, n_reported=None):
        self.options, self.draw, self.n_reported = options, draw, n_reported

    def __call__(self, source):
        """Analyse a series; whatever goes wrong is in the outcome."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                analysis = self._analyse(source)
        except Exception as error:  # one bad file must not lose the others
            return Outcome(error=in_words(error))
        if not isinstance(analysis, list):
            return self._outcome(analysis, source, name_of(source))
        spots = tuple(self._outcome(one, source, one.name) for one in analysis)
        return Outcome(lines=tuple(line for one in spots for line in one.lines), spots=spots)

    def _outcome(self, analysis, source, name):
        found = {"findings": analysis.estimates.findings[0]}
        found["alternatives"] = analysis.alternatives.to_records()
        outcome = Outcome(
            record=analysis.to_record() | found,
            lines=tuple(_lines(analysis, visible(name))),
            name=analysis.name,
            protocol=None if analysis.prebleach is None else analysis.protocol,
        )
        outcome = self._drawn(outcome, analysis) if self.draw else outcome
        return outcome if self.n_reported is None else self._reported(outcome, analysis, source)

    def _drawn(self, outcome, analysis):
        titled = replace(analysis, name=as_title(analysis.name))
        try:
            image = picture_bytes(lambda plotting: plotting.plot_analysis(titled))
        except Exception as error:  # the numbers stand without their picture
            return replace(outcome, picture_error=in_words(error))
        return replace(outcome, picture=image)

    def _reported(self, outcome, analysis, source):
        from skfrap.report._section import part_of

        record = {"file": name_of(source), **outcome.record, "error": ""}
        try:
            return replace(outcome, part=part_of(analysis, record, self.n_reported))
        except Exception as error:
            return replace(outcome, part_error=in_words(error))

    def _analyse(self, source):
        from skfrap.analysis import ExperimentOptions
        from skfrap.analysis._sources import analyse_source

        return analyse_source(source, ExperimentOptions(**self.options))


def name_of(source):
    """Return what a series is called: its file, or the first of its files."""
    return str(source if isinstance(source, str) else source[0])


def picture_bytes(draw):
    """Return the figure that `draw` makes of the module `skfrap.plotting`, as a PNG image."""
    import matplotlib

    matplotlib.use("Agg")  # draws into memory only, wherever this runs
    from matplotlib import pyplot

    from skfrap import plotting

    before = {*pyplot.get_fignums()}
    image = io.BytesIO()
    try:
        draw(plotting).savefig(image, dpi=120, format="png")
    finally:
        for number in {*pyplot.get_fignums()} - before:  # of what could not be drawn too
            pyplot.close(number)
    return image.getvalue()


def _lines(analysis, name):
    protocol, estimates = analysis.protocol, analysis.estimates
    # What a summary leaves out, where the model has it.
    values = {one: estimates.values[one][0] for one in ("c0", "alpha") if one in estimates.values}
    parts = [f"model {analysis.model}", *(f"{one} = {value:.4g}" for one, value in values.items())]
    known = f"pixel {protocol.pixel_size:.6g} µm, region {_region(protocol)}"
    if not analysis.has_region:
        known = "no bleach region"
    start = "start as told" if analysis.start == "told" else "start as seen"
    result = ", ".join([*estimates.values_in_words(0), start])
    return [
        name,
        f"  {'; '.join([result, *map(str, estimates.findings[0])])}",
        (f"  {', '.join(parts)}; {protocol.n_prebleach} + {protocol.n_postbleach} frames, {known}"),
        *(f"  {what}: {source}" for what, source in analysis.sources.items()),
        *(f"  {line}" for line in analysis.alternatives.lines()),
    ]


def _region(protocol):
    region = protocol.bleach_region
    if getattr(region, "radius", None) and region.center:
        x, y = region.center
        return f"Circle(radius={region.radius:.6g}, center=({x:.6g}, {y:.6g}))"
    return str(region)
