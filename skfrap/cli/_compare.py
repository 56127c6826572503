"""Comparison of models on image series."""

import click

from skfrap.cli._batch import add_picture, attempt_each, exit_if_any_failed, expand, kept_records
from skfrap.cli._names import CANDIDATES, check_candidate
from skfrap.cli._options import (
    choice_option,
    files_argument,
    fit_options,
    json_option,
    level_option,
    pictures_option,
    recording_options,
    table_option,
)
from skfrap.cli._output import clear_errors


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
@fit_options
@choice_option(
    "--criterion",
    ["aic", "aicc", "bic"],
    "bic",
    "What to go by; bic is the strictest with more parameters.",
)
@level_option
@table_option("Write a CSV table, a row per series and model.")
@pictures_option
@json_option
def compare_models_of_series(
    files, models, fixed, noise, criterion, out, plots, as_json, **options
):
    """Tell which model curves ask for.

    Does a curve need a mobile fraction? Does imaging bleach the field, do the particles bind? Each
    series is fitted by all models. One with more parameters always fits better; it is preferred if
    it does so by more than chance would. FILES are as for skfrap estimate.
    """
    with clear_errors():
        names = _names(models, options["skip"])

    import numpy as np

    from skfrap.analysis import ExperimentOptions, analyse_series
    from skfrap.comparison import compare_models, options_for

    with clear_errors():
        models = {name: options_for(name, fixed) for name in names}
        options = ExperimentOptions(**options)

    def compare(source):
        analysis = analyse_series(source, options)
        curve, protocol = analysis.curve[np.newaxis], analysis.protocol
        return analysis, compare_models(
            curve, models, protocol, level=options.level, noise=noise, fixed=fixed
        )

    with kept_records(as_json, out, _rows) as records:
        for name, found, error in attempt_each(compare, expand(files)):
            records.append({"file": name, "error": error})
            if found is None:
                continue
            analysis, comparison = found
            lines = comparison.summary(criterion)[0].split("\n")
            lines += map(str, analysis.findings)  # of the experiment, whatever the model
            best = comparison.best[criterion][0].item()
            rows = [
                row | {"findings": (*analysis.findings, *fit.findings[0])}
                for row, fit in zip(comparison.to_records(), comparison.fits, strict=True)
            ]
            records[-1] |= {"best": best, "summary": lines, "models": rows}
            records[-1] |= {"sources": analysis.sources_in_words()}
            if plots is not None:
                draw = _picture_of(comparison, criterion, analysis.name)
                add_picture(draw, plots, analysis.name, records)
            if not as_json:
                click.echo("\n  ".join([name, *lines]))
    compared = [record["best"] for record in records if "best" in record]
    if len(compared) > 1 and not as_json:
        counts = ", ".join(f"{name} {compared.count(name)}" for name in models)
        click.echo(f"best of {len(compared)} series: {counts}")
    exit_if_any_failed(records)


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


def _picture_of(comparison, criterion, title):
    def draw(plotting):
        return plotting.ModelComparisonDisplay.from_comparison(
            comparison, criterion=criterion, title=title
        ).figure_

    return draw


def _rows(records):
    """Return a row for each series and model."""
    return [{"file": one["file"], **row} for one in records for row in one.get("models", [])]
