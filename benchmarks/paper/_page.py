"""The page that puts the paper's numbers and ours side by side: what is told of all its stages."""

from pathlib import Path

import numpy as np

from benchmarks._main import Study
from benchmarks._pages import markdown_table, paragraphs, with_error
from benchmarks._published import N_LEAST_SQUARES_CURVES, N_TEST_CURVES, NAMES, NETWORKS
from benchmarks.paper import (
    _design,
    _experiment,
    _images,
    _percentages,
    _pictures,
    _tables,
    _time,
    _training,
    _workflow,
)
from benchmarks.paper._bench import FULL, QUICK, Bench

# In the order of the paper's tables and figures.
_NAMES = (
    *("table1", "table2", "table3", "table4", "design", "figure1", "figure2", "figure3"),
    *("figure4", "figure5", "figure6", "figure7", "figures8-9", "figure10", "images"),
)
_ROOMS = (
    _tables,
    _design,
    _pictures,
    _workflow,
    _training,
    _percentages,
    _experiment,
    _time,
    _images,
)
_FOUND = {stage.name: stage for room in _ROOMS for stage in room.STAGES}


def introduce(command, quick, missing):
    warning = "**This is a quick run: its networks are not finished.** " if quick else ""
    warning += f"**Not run: {'; '.join(missing)}.** " if missing else ""
    return (
        f"{warning}Tables and figures of [DeepFRAP](https://doi.org/10.1111/jmi.12989) (Wåhlstrand "
        "Skärström et al., J. Microsc. 282, 146–161, 2021), with skfrap's numbers beside the "
        f"paper's. This page is what `{command}` wrote. All curves are simulated; where two "
        "methods are compared here, that is on the same curves. What the paper proposes for the "
        "future, and where skfrap has it, is on [a page of its own](outlook.md)."
    )


def summarise(outcomes):
    if not {"table3", "table4"} <= outcomes.keys():
        return ""
    joint, separate = outcomes["table3"], outcomes["table4"]
    paper = joint.facts["paper"] | separate.facts["paper"]
    table = []
    for k, name in enumerate(NAMES):
        told = [paper[network]["test"][k] for network in NETWORKS]
        cells = [name, *(with_error(*one) for one in told)]
        for outcome in (joint, separate):
            where = {"data": "test", "method": outcome.facts["method"], "target": name}
            ratio = outcome.find(measure="over least squares", **where)
            floor = outcome.find(measure="over the floor", **where)
            cells += [with_error(ratio.value, ratio.error), _below(ratio, *told[-1])]
            cells.append(with_error(floor.value - 1, floor.error, 100, " %"))
        table.append(cells)
    ours = (
        f"{outcome.facts['method']} | below the paper's final | above the floor"
        for outcome in (joint, separate)
    )
    header = " | ".join(
        ("loss over least squares", *(f"paper, {network}" for network in NETWORKS), *ours)
    )
    return paragraphs(
        f"In short: losses on {joint.facts['n']:,} test curves over those of least squares on the "
        "same curves; the paper's are losses on its "
        f"{N_TEST_CURVES:,} test curves over those of least squares on {N_LEAST_SQUARES_CURVES:,} "
        "others, which its larger errors count. Final is the network that the paper goes on with: "
        "the D part of its joint network, and the separate ones of c0 and alpha. The floor is the "
        "posterior mean (`BayesianFRAP`), below which no estimator can come on average.",
        markdown_table(header, table),
    )


def _below(ratio, paper, error):
    """Say whether a ratio is below the paper's, and by how many standard errors of both."""
    apart = (paper - ratio.value) / np.hypot(error, ratio.error)
    return f"{'yes' if apart > 0 else 'no'}, {abs(apart):.1f} se"


def tell_runs(found, command):
    table = [
        [stage.title.partition(":")[0], f"{run['seconds']:.0f} s", run["date"], run["load"]]
        for stage, (_, run) in found.items()
    ]
    runs = [run for _, run in found.values()]
    seconds = sum(run["seconds"] for run in runs)
    kinds = sorted({f"{run['versions']}, {run['cores']} cores" for run in runs})
    return paragraphs(
        f"{'; '.join(kinds)}. The stages took {seconds / 60:.0f} minutes in all. A stage's time "
        "includes the training of the networks that it is the first to ask for, unless they were "
        f"there from an earlier run. {_trainings(found)}The load is the mean number of programs "
        "that were running when the stage ended: times from a load above 2 are longer than they "
        "need be.",
        markdown_table("stage | time | date | load", table),
    )


def _trainings(found):
    minutes = {}
    for outcome, _ in found.values():
        minutes |= outcome.facts.get("minutes", {})
    if not minutes:
        return ""
    told = ", ".join(f"{name} {value:.1f} minutes" for name, value in minutes.items())
    return f"Training itself, without measuring its progress: {told}. "


STUDY = Study(
    name="paper",
    title="The DeepFRAP paper, reproduced",
    stages=tuple(_FOUND[name] for name in _NAMES),
    full=FULL,
    quick=QUICK,
    bench=lambda amounts, results, given: Bench(
        amounts, given.seed, results.folder_of_networks, given.training
    ),
    introduce=introduce,
    summarise=summarise,
    tell_runs=tell_runs,
    options={
        "again": "compute finished stages anew, with the networks that are there",
        "training": {
            "type": Path,
            "help": "folder of benchmarks.paper_training, with the paper's own design",
        },
    },
    rerun=lambda given: ["--training FOLDER"] if given.training else [],
    docs="paper",
)
