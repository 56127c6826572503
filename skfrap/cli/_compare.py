"""Comparison of models on image series and on tables."""

from typing import Any, NamedTuple

import click

from skfrap._text import visible
from skfrap.cli._batch import add_picture, attempt_each, exit_if_any_failed, kept_records
from skfrap.cli._names import CANDIDATES, check_candidate
from skfrap.cli._options import (
    choice_option,
    compartment_option,
    files_argument,
    fit_options,
    json_option,
    level_option,
    pictures_option,
    recording_options,
    resume_option,
    rows_option,
    table_option,
    table_options,
)
from skfrap.cli._output import as_title, clear_errors, say
from skfrap.cli._sources import each_series, expand_mixed
from skfrap.cli._work import name_of

_WITHOUT_REGION = (  # of a table of which D is not asked for
    "exponential",
    "exponential+mobile_fraction",
    "exponential+mobile_fraction+half_time_ratio+second_fraction",
)


class _Curve(NamedTuple):
    """A curve of a series or of a table, and what is known of its experiment."""

    name: str
    curve: Any  # of shape (1, n_values)
    protocol: Any
    findings: tuple
    sources: str


@click.command("compare-models")
@files_argument
@click.option(
    "--models",
    default=",".join(CANDIDATES),
    show_default=True,
    help="What to compare, separated by commas: diffusion, binding (slow) or another --model of "
    "skfrap estimate; +NAME is estimated as well, as --free is there.",
)
@recording_options
@compartment_option
@rows_option
@table_options
@fit_options
@choice_option(
    "--criterion",
    ["aic", "aicc", "bic"],
    "bic",
    "What to go by; bic is the strictest with more parameters.",
)
@level_option
@table_option("Write a CSV table, a row per series and model, anew after each series.")
@resume_option
@pictures_option
@json_option
def compare_models_of_series(
    files, models, fixed, noise, criterion, out, resume, plots, as_json, **options
):
    """Tell which model curves ask for.

    Does a curve need a mobile fraction? Does imaging bleach the field, do the particles bind? Each
    series is fitted by all models. One with more parameters always fits better; it is preferred if
    it does so by more than chance would. FILES are as for skfrap estimate. Of tables without
    --bleach-region, exponentials are compared unless --models says otherwise.
    """
    with clear_errors():
        names = _names(models, options["skip"])
    source_of = click.get_current_context().get_parameter_source("models")
    as_given = source_of is not click.core.ParameterSource.DEFAULT

    from skfrap.analysis import ExperimentOptions
    from skfrap.analysis._tables import is_table
    from skfrap.comparison import compare_models, options_for

    options["rows"] = options["rows"] or None
    options["columns"] = options["columns"] or None
    asked = options | {"models": names, "fixed": fixed, "noise": noise, "criterion": criterion}
    each = options["series"] == "all" and not options["join"]
    options["series"] = None if options["series"] == "all" else options["series"]
    with clear_errors():
        models = {name: options_for(name, fixed) for name in names}
        options = ExperimentOptions(**options)
    half_times = _WITHOUT_REGION if options.bleach_region is None and not as_given else names

    so_far = {}  # of a series, the models that are fitted

    def compare(source):
        so_far.clear()
        found = _curve_of(source, options, half_times)
        compared = models
        if is_table(source):
            compared = {name: options_for(name, fixed) for name in half_times}

        def keep_part(comparison):
            so_far[name_of(source)] = found, comparison, [*compared]

        return found, compare_models(
            found.curve, compared, found.protocol, level=options.level, noise=noise, fixed=fixed,
            callback=keep_part,
        )  # fmt: skip

    told = ("bleach_region", "compartment", "reference", "background", "times")
    outlines = [one.partition(":")[2] for one in asked["rows"] or ()]
    inputs = [*files, *(asked[name] for name in told), *outlines]
    series = expand_mixed(files, [out])
    series = each_series(series) if each else series
    keep = {"out": out, "as_json": as_json, "plots": plots, "resume": resume, "rows_of": _rows}
    with kept_records("compare-models", asked, series, inputs, **keep) as kept:
        try:
            for name, found, error in attempt_each(compare, kept.pending()):
                record = {"file": name, "error": error}
                if found is None:
                    kept.add(record)
                    continue
                curve, comparison = found
                record |= _found(curve, comparison, criterion)
                if plots is not None:
                    draw = _picture_of(comparison, criterion, as_title(curve.name))
                    add_picture(draw, curve.name, record, kept)
                so_far.clear()
                kept.add(record)
                if not as_json:
                    say("\n  ".join([visible(name), *record["summary"]]))
        except (KeyboardInterrupt, SystemExit):
            _keep_parts(so_far, criterion, kept, as_json)
            raise
    records = kept.records
    compared = [record["best"] for record in records if "best" in record]
    if len(compared) > 1 and not as_json:
        names = dict.fromkeys([*models, *half_times])
        counts = ", ".join(
            f"{name} {compared.count(name)}" for name in names if name in models or name in compared
        )
        say(f"best of {len(compared)} series: {counts}")
    exit_if_any_failed(records)


def _curve_of(source, options, names):
    """Return the curve of a series, or of a table, as skfrap estimate fits it."""
    from skfrap.analysis import analyse_series
    from skfrap.analysis._tables import curve_of_table, is_table

    if is_table(source):
        table = curve_of_table(source, options, [name.partition("+")[0] for name in names])
        words = "; ".join(f"{what}: {said}" for what, said in table.sources.items())
        return _Curve(table.table.name, table.curve, table.protocol, (*table.findings,), words)
    one = analyse_series(source, options)
    return _Curve(one.name, one.curve[None], one.protocol, one.findings, one.sources_in_words())


def _names(models, skip):
    """Return the models that are named, once each."""
    names = [*dict.fromkeys(name.strip() for name in models.split(","))]
    for name in names:
        check_candidate(name)
    if skip and any("imaging_bleach" in name for name in names):
        raise ValueError(
            f"--skip is {skip}, and imaging_bleach counts every frame that was "
            "taken; leave it out of --models, or use all frames after bleaching."
        )
    return names


def _found(curve, comparison, criterion):
    """Return what a record tells of a comparison."""
    lines = comparison.summary(criterion)[0].split("\n")
    lines += map(str, curve.findings)  # of the experiment, whatever the model
    rows = [
        row | {"findings": (*curve.findings, *fit.findings[0])}
        for row, fit in zip(comparison.to_records(), comparison.fits, strict=True)
    ]
    best = comparison.best[criterion][0].item()
    return {"best": best, "summary": lines, "models": rows, "sources": curve.sources}


def _keep_parts(so_far, criterion, kept, as_json):
    """Keep the models of a series that were fitted when the run was ended.

    The record has an error, so that a run that goes on fits the series anew.
    """
    for name, (curve, comparison, names) in so_far.items():
        left = ", ".join(one for one in names if one not in comparison.models)
        error = f"ended before these were fitted: {left}"
        record = {"file": name, "error": error} | _found(curve, comparison, criterion)
        kept.add(record)
        if not as_json:
            say("\n  ".join([f"{visible(name)}: {error}", *record["summary"]]))


def _picture_of(comparison, criterion, title):
    def draw(plotting):
        return plotting.ModelComparisonDisplay.from_comparison(
            comparison, criterion=criterion, title=title
        ).figure_

    return draw


def _rows(record):
    """Return a row for each model."""
    return [{"file": record["file"], **row} for row in record.get("models", [])]
