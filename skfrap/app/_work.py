"""What is done in a process of its own: reading, fitting, comparing, reporting.

Each task takes and returns plain values, and knows the series that is open by the files that
`open_series` has made of it: nothing here is remembered that could not be had again.
"""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from skfrap._checks import Argument, ArgumentError
from skfrap._text import visible
from skfrap.analysis import ExperimentOptions, LiveAnalysis
from skfrap.analysis._spots import EACH
from skfrap.analysis._tables import SHAPELESS
from skfrap.app._analyses import analyse, analyse_soon, analysed, analyses_of, options_of
from skfrap.app._fields import BY_NAME
from skfrap.app._outcome import describe_curve, describe_values
from skfrap.app._reading import kept_images, list_series, open_series, write_demo
from skfrap.app._rois import rois_of_settings, settings_of_rois
from skfrap.app._shapes import region_in_pixels
from skfrap.models._named import model_named
from skfrap.report import Report
from skfrap.report._records import record_of, row_of
from skfrap.report._section import part_of
from skfrap.results._tables import CSVTable

_MENDABLE = ValueError, OSError, ImportError
_KNOWN = {one.name for one in fields(ExperimentOptions)}


def in_words(error: BaseException) -> tuple[str, int, tuple[str, ...]]:
    """Say what went wrong: words, a status of HTTP, and the settings that are meant.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    tuple
        Arguments of an AppError.
    """
    named: list[str] = []

    def write(argument: Argument) -> str:
        known = BY_NAME.get(argument.name)
        if known is not None or argument.name == "channel":
            named.append(argument.name)
        words = str(argument) if known is None else f"“{known.label}”"
        return f"{words}: {argument.value}" if known and argument.value else words

    words = error.spell(write) if isinstance(error, ArgumentError) else str(error)
    if not named:
        named = [name for name in BY_NAME if re.match(rf"{name}\b", words)]
    mendable = isinstance(error, _MENDABLE)
    if isinstance(error, OSError) and error.strerror:
        words = f"the file cannot be read: {error.strerror}"
    if not words or not mendable:
        words = f"{type(error).__name__}: {words}".rstrip(": ")
    return _without_folder(visible(words))[:4000], 422 if mendable else 500, tuple(named)


def _without_folder(words):
    """Name files as the page does, without the folder that they were put into."""
    parts = words.split("skfrap-app-")
    for k, part in enumerate(parts[1:], 1):
        before = parts[k - 1]
        start = max(before.rfind(" "), before.rfind("'"), before.rfind('"')) + 1
        parts[k - 1] = before[:start]
        parts[k] = "/".join(part.split("/")[2:]) if part.count("/") > 1 else part
    return "".join(parts)


def _reported(given):
    """Make options for a report, with files by their names: their folder is gone by then."""
    files = {name for name in given if BY_NAME[name].kind == "file"}
    return options_of(
        {name: Path(value).name if name in files else value for name, value in given.items()}
    )


def warm() -> list[str]:
    """Import what analyses need, before it is needed.

    Returns
    -------
    list of str
        Names of settings that there are.
    """
    LiveAnalysis, analyses_of  # noqa: B018
    return sorted(_KNOWN)


_live: dict[str, Any] = {}  # the last one, by what it was made of


def _live_of(keep, given, exact=False):
    """Return an analysis to follow a region with; a given region is not part of what it is."""
    if given.get("bleach_region") == EACH:  # one of them is followed by itself
        given = {name: value for name, value in given.items() if name != "bleach_region"}
    others = sorted((name, value) for name, value in given.items() if name != "bleach_region")
    key, has_region = repr((keep, others)), "bleach_region" in given
    # One that has found the region follows any; without a region it is to be found.
    known = _live.get("has_region")
    if _live.get("key") != key or (known and not has_region) or (exact and known != has_region):
        _live.clear()
        live = LiveAnalysis(kept_images(keep), options_of(given))
        _live.update(key=key, has_region=has_region, analysis=live)
    return _live["analysis"]


def _region_of(given):
    """Return the region that is given, refused where several are meant."""
    if given.get("bleach_region") == EACH:
        raise ArgumentError(Argument("bleach_region"), " is each of several here; draw one.")
    return given.get("bleach_region")


def follow(keep: str, given: dict, region: str | None, fit: bool) -> dict[str, Any]:
    """Return the curve of a region, and its fit if asked for.

    Parameters
    ----------
    keep : str
        Of the series, as of :func:`open_series`.
    given : dict
        Settings.
    region : str or None
        In pixels; None is the series' own.
    fit : bool

    Returns
    -------
    dict
    """
    live = _live_of(keep, given)
    region = region or _region_of(given)
    protocol = live.protocol_of(region)
    if not fit:
        return {"curve": describe_curve(protocol, live.curve(region))}
    estimates = live.fit(region)
    fitted = estimates.fit
    curve = describe_curve(protocol, fitted.data[0], fitted.curves[0])
    return {"curve": curve, "values": describe_values(estimates), "seen": describe_use(live, given)}


def describe_use(live: LiveAnalysis, given: dict) -> dict[str, Any]:
    """Tell what is used, and from where, before anything is fitted.

    Parameters
    ----------
    live : LiveAnalysis
    given : dict
        Settings.

    Returns
    -------
    dict
    """
    protocol = live.protocol
    model: Any = model_named(given.get("model", "diffusion"))
    region, sources = given.get("bleach_region"), live.sources
    if region is None or region == EACH:
        region = region_in_pixels(protocol.bleach_region, protocol.shape, protocol.pixel_size)
    else:
        sources = {**sources, "bleach region": f"given, {region}"}
        known = live.protocol_of(region)
        region = region_in_pixels(known.bleach_region, known.shape, known.pixel_size)
    return {
        "sources": sources,
        "region": region,
        "n_prebleach": protocol.n_prebleach,
        "free": [name for name, value in model.defaults().items() if value is not None],
    }


def analyse_file(
    source: str | list[str],
    series: int | None,
    join: bool,
    channel: int | None,
    given: dict,
    name: str,
    part: str,
    n_series: int,
) -> dict[str, Any]:
    """Analyse one series of a batch, from its file.

    Parameters
    ----------
    source : str or list of str
        As of :func:`skfrap.io.read_series`.
    series : int or None
        Which of several.
    join : bool
        Whether the files are parts of one experiment.
    channel : int or None
    given : dict
        Settings.
    name : str
        What people call it.
    part : str
        Path of the file in which its part of a report is kept.
    n_series : int
        Of the batch.

    Returns
    -------
    dict
        Its records, one for each of several spots, and what the page shows of them.
    """
    options = replace(options_of(given), channel=channel, series=series, join=join)
    analyses = analysed(source, options)
    records = [record_of(one, name) for one in analyses]
    parts = [part_of(*both, n_series) for both in zip(analyses, records, strict=True)]
    Path(part).write_text(json.dumps(parts), encoding="utf-8")
    for record in records:
        record["findings"] = [one.to_dict() for one in record["findings"]]
    several = len(analyses) > 1
    words = [
        f"spot {k}: {text}" if several and not j else text
        for k, one in enumerate(analyses, 1)
        for j, text in enumerate(one.estimates.values_in_words(0))
    ]
    usable = all(bool(one.estimates.usable[0]) for one in analyses)
    return {"records": records, "words": words, "usable": usable}


def table_of(records: list[dict]) -> str:
    """Write the table of a batch, as `skfrap estimate --out` does.

    Parameters
    ----------
    records : list of dict
        As in a report; of what failed, name and error.

    Returns
    -------
    str
        CSV.
    """
    table = CSVTable()
    for record in records:
        table.add(row_of(record))
    return table.to_text()


def report_of_one(keep: str, given: dict, name: str, command: str, path: str) -> None:
    """Write the report of the series that is open.

    Parameters
    ----------
    keep : str
        Of the series.
    given : dict
        Settings.
    name : str
        What people call it.
    command : str
        The command line that repeats it.
    path : str
        Of the file to write.
    """
    title, options = f"FRAP report of {name}", _reported(given)
    analyses = analyses_of(keep, given)
    report = Report(len(analyses), title=title, command=command, options=options)
    for one in analyses:
        report.add(one, record_of(one, name))
    report.write(Path(path))


def report_of_all(
    found: list[tuple[list[dict], str | None]], given: dict, command: str, path: str
) -> None:
    """Write the report of a batch.

    Parameters
    ----------
    found : list of (list of dict, str or None)
        Of each series its records, and the path of what `analyse_file` has kept of it; None of what
        failed.
    given : dict
        Settings.
    command : str
        The command line that repeats it.
    path : str
        Of the file to write.
    """
    n = sum(len(records) for records, _ in found)
    report = Report(n, command=command, options=_reported(given))
    for records, part in found:
        shown = [None] if part is None else json.loads(Path(part).read_text(encoding="utf-8"))
        for record, one in zip(records, shown, strict=True):
            report.add_part(record, one)
    report.write(Path(path))


def compare(keep: str, given: dict, models: list[str], spot: int = 0) -> dict[str, Any]:
    """Fit the curve by several models, and say which of them it asks for.

    Parameters
    ----------
    keep : str
        Of the series.
    given : dict
        Settings.
    models : list of str
        As `skfrap compare-models` takes them.
    spot : int, default=0
        Which of several.

    Returns
    -------
    dict
    """
    from skfrap.comparison import compare_models, options_for

    fixed = given.get("fixed", {})
    analysis = analyses_of(keep, given)[spot]
    lost = [name for name in models if name.partition("+")[0] not in SHAPELESS]
    if lost and not analysis.has_region:
        raise ArgumentError(
            f"{', '.join(lost)} needs the bleach region (", Argument("bleach_region"), ")."
        )
    comparison = compare_models(
        analysis.curve[np.newaxis],
        {name: options_for(name, fixed) for name in models},
        analysis.protocol,
        level=given.get("level", 0.95),
        noise=given.get("noise", "constant"),
        fixed=fixed,
    )
    rows = []
    for row, fit in zip(comparison.to_records(), comparison.fits, strict=True):
        words = [] if fit.estimates is None else fit.estimates.values_in_words(0)
        found = [str(one) for one in fit.findings[0]]
        weight = {"criterion": row.get("bic"), "weight": row.get("bic_weight")}
        rows.append({"name": fit.name, "words": words, "findings": found, **weight})
    return {
        "rows": rows,
        "best": comparison.best["bic"][0].item(),
        "summary": comparison.summary("bic")[0].split("\n"),
    }


def residual_images(keep: str, given: dict) -> dict[str, Any]:
    """Subtract the fitted images from the measured ones.

    Parameters
    ----------
    keep : str
        Of the series.
    given : dict
        Settings.

    Returns
    -------
    dict
        ``labels``, ``shape``, ``reach``, and ``pixels``, bytes of floats.
    """
    found = _live_of(keep, given, exact=True).residual_images(_region_of(given))
    images = np.stack([image for _, image in found]).astype("<f4")
    finite = np.abs(images[np.isfinite(images)])
    reach = (float(np.percentile(finite, 99.5)) if finite.size else 0.0) or 1.0
    return {
        "labels": [words for words, _ in found],
        "shape": list(images.shape[1:]),
        "reach": reach,
        "pixels": images.tobytes(),
    }


def read_regions(path: str, keep: str, target: str) -> dict[str, Any]:
    """Read regions of ImageJ as settings.

    Parameters
    ----------
    path : str
        Of their file.
    keep : str
        Of the series that is open.
    target : str
        What the page draws.

    Returns
    -------
    dict
    """
    return settings_of_rois(path, keep, target)


def write_regions(keep: str, given: dict, path: str) -> None:
    """Write the regions that are drawn for ImageJ.

    Parameters
    ----------
    keep : str
        Of the series that is open.
    given : dict
        Settings.
    path : str
        Of the file to write.
    """
    rois_of_settings(_live_of(keep, given), given, path)


TASKS = {
    one.__name__: one
    for one in (
        warm, write_demo, list_series, open_series, follow, analyse_soon, analyse, analyse_file,
        table_of,
        compare, residual_images, report_of_one, report_of_all,
        read_regions, write_regions,
    )
}  # fmt: skip
"""What can be asked for, by name."""
