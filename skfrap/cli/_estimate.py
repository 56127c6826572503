"""Estimates from image series."""

import sys
from dataclasses import replace

import click

from skfrap._text import visible
from skfrap.cli._batch import add_picture, attempt_each, exit_if_any_failed, expand, kept_records
from skfrap.cli._names import MODELS, check_names
from skfrap.cli._options import (
    FILE,
    choice_option,
    compartment_option,
    files_argument,
    fit_options,
    free_option,
    json_option,
    level_option,
    pictures_option,
    recording_options,
    resume_option,
    rows_option,
    table_option,
)
from skfrap.cli._output import as_title, clear_errors, say
from skfrap.cli._unusable import tell_unusable


@click.command()
@files_argument
@click.option(
    "--as-one-series",
    is_flag=True,
    help="Take all FILES as the frames of one series, in the order given.",
)
@recording_options
@compartment_option
@rows_option
@choice_option(
    "--model",
    [*MODELS],
    "diffusion",
    "diffusion: particles diffuse freely. binding: they also bind to what does not move; for "
    "molecules with partners in the cell. two_populations: fast ones and slow ones. turnover: a "
    "pool replaces them. flow: they are carried along. anomalous, "
    "subdiffusion: displacements grow as a power of time, after one bleach frame. reaction: "
    "binding where diffusion is over at once. The others are textbook formulas, to compare with.",
)
@choice_option(
    "--start",
    ["auto", "told", "measured"],
    "auto",
    "What bleaching left. told: the bleach region, darkened as it was told. measured: what the "
    "images show; region and time of bleaching play no part. auto: told, unless no region is "
    "known or the images contradict it.",
)
@choice_option(
    "--data",
    ["curve", "images", "both"],
    "both",
    "What is fitted where the region is told. curve: its mean intensity. images: all pixels about "
    "it, each frame over a level of its own, light divided by that before bleaching. both: the "
    "curve, with the images beside it, and a flag where they disagree.",
)
@click.option(
    "--first-profile",
    type=FILE,
    help="For a table of a curve: a table of distances from the middle of the patch, µm, and of "
    "intensities in the first frame after bleaching, over those before. The start is then seen.",
)
@click.option(
    "--last-profile", type=FILE, help="The same of the mean of the last 10 frames: what stays."
)
@free_option(
    "Estimate this as well: mobile_fraction if the intensity stays below what it was; "
    "imaging_bleach if imaging bleaches the field; bleach_blur if the region's edge is not sharp. "
    "A wrong NAME is answered with those there are. Repeatable."
)
@fit_options
@choice_option(
    "--loss",
    ["squared", "huber"],
    "squared",
    "huber: single spoilt frames, by a flicker or something that drifts by, hardly count.",
)
@level_option
@table_option("Write a CSV table, anew after each series.")
@resume_option
@pictures_option
@json_option
def estimate(files, as_one_series, out, resume, plots, as_json, **options):
    """Estimate D, or another model's parameters, from image series.

    FILES are TIFF, OME-TIFF or ImageJ files, folders of single images (one series) or of series, or
    glob patterns. Pixel size and times are taken from the file where it has them; series written by
    skfrap bring all the rest as well. Without --bleach-region and --n-prebleach the images show
    what was bleached, and when. FILES that end in .csv, .tsv or .txt are tables of one curve each,
    with columns of times in s and of intensities.

    Below the result stands what D would be under other assumptions, and which of them is
    recommended; * is the result.
    """
    with clear_errors():
        check_names("free (--free)", options["free"], options["model"])
        of_the_model = [name for name in options["fixed"] if name not in ("a", "b")]
        check_names("fixed (--fixed)", of_the_model, options["model"])

    from tqdm import tqdm

    from skfrap import analysis as analyses_of
    from skfrap.analysis import ExperimentOptions
    from skfrap.analysis._curves import is_table

    options["rows"] = options["rows"] or None
    with clear_errors():
        given = ExperimentOptions(**options)

    def analyse(source):
        if is_table(source):
            return analyses_of.analyse_curve(source, given)
        return analyses_of.analyse_series(source, given)

    series = [list(files)] if as_one_series else expand(files)
    quiet = as_json or len(series) == 1 or sys.stderr is None or not sys.stderr.isatty()
    profiles = [options[name] for name in ("first_profile", "last_profile")]
    outlines = [options["compartment"], *(one.partition(":")[2] for one in options["rows"] or ())]
    inputs = [*files, options["bleach_region"], *profiles, *outlines]
    keep = {"out": out, "as_json": as_json, "plots": plots, "resume": resume, "rows_of": _rows}
    with kept_records("estimate", options, series, inputs, **keep) as kept:
        shown = tqdm(
            kept.pending(),
            total=len(series) - len(kept.records),
            desc="estimating",
            unit="series",
            disable=quiet,
        )
        analyses = attempt_each(analyse, shown)
        for name, analysis, error in analyses:
            record = {"file": name, "error": error}
            if analysis is not None:
                found = {"findings": analysis.estimates.findings[0]}
                found["alternatives"] = analysis.alternatives.to_records()
                record = {"file": name, **analysis.to_record() | found, "error": error}
                if plots is not None:
                    add_picture(_picture_of(analysis), analysis.name, record, kept)
            kept.add(record)
            if analysis is not None and not as_json:
                with tqdm.external_write_mode(file=sys.stdout):
                    say("\n".join(_lines(analysis, visible(name))))
    tell_unusable(kept.records)
    exit_if_any_failed(kept.records)


def _picture_of(analysis):
    titled = replace(analysis, name=as_title(analysis.name))
    return lambda plotting: plotting.plot_analysis(titled)


def _rows(record):
    """Return the row of a table: alternatives stand side by side, after all other columns."""
    from skfrap.results._alternatives import columns_of_alternatives

    alternatives = record.get("alternatives", [])
    row = {name: value for name, value in record.items() if name != "alternatives"}
    return [row | columns_of_alternatives(alternatives)]


def _lines(analysis, name):
    protocol, estimates = analysis.protocol, analysis.estimates
    # What a summary leaves out, where the model has it.
    values = {one: estimates.values[one][0] for one in ("c0", "alpha") if one in estimates.values}
    parts = [f"model {analysis.model}", *(f"{one} = {value:.4g}" for one, value in values.items())]
    start = "start as told" if analysis.start == "told" else "start as seen"
    result = ", ".join([*estimates.values_in_words(0), start])
    return [
        name,
        f"  {'; '.join([result, *map(str, estimates.findings[0])])}",
        (
            f"  {', '.join(parts)}; {protocol.n_prebleach} + {protocol.n_postbleach} frames, "
            f"pixel {protocol.pixel_size:.6g} µm, region {_region(protocol)}"
        ),
        *(f"  {what}: {source}" for what, source in analysis.sources.items()),
        *(f"  {line}" for line in analysis.alternatives.lines()),
    ]


def _region(protocol):
    region = protocol.bleach_region
    if getattr(region, "radius", None) and region.center:
        x, y = region.center
        return f"Circle(radius={region.radius:.6g}, center=({x:.6g}, {y:.6g}))"
    return str(region)
