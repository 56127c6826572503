"""Estimates from image series."""

import sys

import click

from skfrap._text import visible
from skfrap.cli._batch import add_drawn_picture, exit_if_any_failed, kept_records
from skfrap.cli._names import check_names
from skfrap.cli._options import (
    FILE,
    choice_option,
    compartment_option,
    files_argument,
    fit_options,
    free_option,
    jobs_options,
    json_option,
    level_option,
    model_option,
    pictures_option,
    recording_options,
    resume_option,
    rows_option,
    save_rois_option,
    table_option,
    table_options,
)
from skfrap.cli._output import clear_errors, say
from skfrap.cli._overwrite import check_apart
from skfrap.cli._report import Remembering, ReportFile, report_option
from skfrap.cli._rois import SavedROIs
from skfrap.cli._sources import each_series, expand_mixed
from skfrap.cli._unusable import tell_unusable
from skfrap.cli._work import Estimation, name_of
from skfrap.cli._workers import workers


@click.command(cls=Remembering)
@files_argument
@click.option(
    "--as-one-series",
    is_flag=True,
    help="Take all FILES as the frames of one series, in the order given.",
)
@recording_options
@compartment_option
@rows_option
@table_options
@model_option(
    "diffusion: particles diffuse freely. binding: they also bind to what does not move; for "
    "molecules with partners in the cell. two_populations: fast ones and slow ones. turnover: a "
    "pool replaces them. flow: they are carried along. anomalous, "
    "subdiffusion: displacements grow as a power of time, after one bleach frame. reaction: "
    "binding where diffusion is over at once. The others are textbook formulas, to compare with. "
    "Installed packages may bring more.",
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
@save_rois_option
@report_option
@jobs_options
@json_option
def estimate(
    files, as_one_series, out, resume, plots, save_rois, report, jobs, scheduler, as_json, **options
):
    """Estimate D, or another model's parameters, from image series.

    FILES are TIFF, OME-TIFF or ImageJ files, folders of single images (one series) or of series, or
    glob patterns. Pixel size and times are taken from the file where it has them; series written by
    skfrap bring all the rest as well. Without --bleach-region and --n-prebleach the images show
    what was bleached, and when. FILES that end in .csv, .tsv, .txt, .xlsx or .xls are tables of the
    intensities of regions, a row for each frame, as Fiji, ZEN, LAS X and spreadsheets write them:
    columns, units and the time of bleaching are found, and said. Without --bleach-region they give
    a half-time and a mobile fraction. A folder may hold series, tables, and folders of them.

    Below the result stands what D would be under other assumptions, and which of them is
    recommended; * is the result.
    """
    with clear_errors():
        check_names("free (--free)", options["free"], options["model"])
        of_the_model = [name for name in options["fixed"] if name not in ("a", "b")]
        check_names("fixed (--fixed)", of_the_model, options["model"])
    # They start while this process imports the same.
    outcomes = click.get_current_context().with_resource(workers(jobs, scheduler))

    from tqdm import tqdm

    from skfrap.analysis import ExperimentOptions
    from skfrap.results._twins import Twins

    options["rows"] = options["rows"] or None
    options["columns"] = options["columns"] or None
    given_series = options["series"]
    options["series"] = None if given_series == "all" else given_series
    with clear_errors():
        ExperimentOptions(**options)
    series = [list(files)] if as_one_series else expand_mixed(files, [out, report])
    if given_series == "all" and not options["join"]:
        series = each_series(series)
    quiet = as_json or len(series) == 1 or sys.stderr is None or not sys.stderr.isatty()
    profiles = [options[name] for name in ("first_profile", "last_profile")]
    outlines = [options["compartment"], *(one.partition(":")[2] for one in options["rows"] or ())]
    measured = [options["reference"], options["background"], options["times"]]
    inputs = [*files, options["bleach_region"], *profiles, *outlines, *measured]
    check_apart(out=out, report=report, save_rois=save_rois)
    rois = SavedROIs(save_rois, inputs)
    report = ReportFile.of(report, [*series, *inputs], len(series), options)
    keep = {"out": out, "as_json": as_json, "plots": plots, "resume": resume, "rows_of": _rows}
    keep["report"] = report
    work = Estimation(options, plots is not None, None if report is None else len(series))
    with rois, kept_records("estimate", options, series, inputs, **keep) as kept:
        shown = tqdm(
            outcomes(work, kept.pending()),
            total=len(series) - len(kept.records),
            desc="estimating",
            unit="series",
            disable=quiet,
        )
        twins = Twins(kept.records)
        for source, outcome in shown:
            name, again = name_of(source), ""
            record, part = {"file": name, "error": outcome.error}, outcome.part
            for one in outcome.spots or (outcome,):
                rois.add(one)
            if outcome.spots:
                record, part, again = _of_spots(outcome, name, plots is not None, kept, twins)
            elif outcome.record is None:
                say(f"{visible(name)}: {outcome.error}", err=True)
            else:
                record = {"file": name, **outcome.record, "error": ""}
                again = twins.note(record)
                _add_pictures(outcome, record, name, plots is not None, kept)
            kept.add(record, part, source)
            if outcome.lines and not as_json:
                with tqdm.external_write_mode(file=sys.stdout):
                    say("\n".join([*outcome.lines, *([f"  {again}"] if again else [])]))
    tell_unusable(kept.records)
    exit_if_any_failed(kept.records)


def _add_pictures(outcome, record, name, with_picture, kept):
    """Write the picture of a series; the numbers stand without it, and without the report."""
    if with_picture:
        add_drawn_picture(outcome, record, kept)
    if outcome.part_error:
        say(f"{visible(name)}: not drawn in the report: {outcome.part_error}", err=True)


def _of_spots(outcome, name, with_picture, kept, twins):
    """Return the record of a series of several spots, what a report shows, and copies in words."""
    spots = [{"file": name, **one.record, "error": ""} for one in outcome.spots]
    for one, record in zip(outcome.spots, spots, strict=True):
        _add_pictures(one, record, name, with_picture, kept)
    again = [twins.note(record) for record in spots]
    errors = "; ".join(record["error"] for record in spots if record["error"])
    findings = tuple(found for record in spots for found in record["findings"])
    record = {"file": name, "spots": spots, "findings": findings, "error": errors}
    return record, [one.part for one in outcome.spots], next(filter(None, again), "")


def _rows(record):
    """Return the rows of a table: alternatives stand side by side, after all other columns."""
    from skfrap.results._alternatives import columns_of_alternatives

    if "spots" in record:
        return [row for spot in record["spots"] for row in _rows(spot)]
    alternatives = record.get("alternatives", [])
    row = {name: value for name, value in record.items() if name != "alternatives"}
    return [row | columns_of_alternatives(alternatives)]
