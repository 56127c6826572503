"""The page that puts the paper's numbers and ours side by side."""

import shutil
from dataclasses import asdict

import skfrap
from benchmarks._pages import markdown_table, paragraphs, with_error
from benchmarks._published import BEST_RATIOS, NAMES
from benchmarks.paper._bench import QUICK

_PAGE = "index.md"
_FORMAT = 1  # of the files of results: to be raised when stages tell other facts


def settings_of(amounts, seed):
    """Return what results depend on, as JSON gives it back."""
    plain = {name: _lists(value) for name, value in asdict(amounts).items()}
    return plain | {"seed": seed, "format": _FORMAT, "skfrap": skfrap.__version__}


def _lists(value):
    return [_lists(one) for one in value] if isinstance(value, (tuple, list)) else value


def write(stages, results):
    """Write the page of all stages that are finished, and their rows; return its path."""
    stages = [*stages]
    found = {stage: kept for stage in stages if (kept := results.read(stage.name)) is not None}
    missing = [stage.title for stage in stages if stage not in found]
    parts = ["# The DeepFRAP paper, reproduced", _introduction(results, missing)]
    outcomes = {stage.name: outcome for stage, (outcome, _) in found.items()}
    if {"table3", "table4"} <= outcomes.keys():
        parts.append(_summary(outcomes))
    for stage, (outcome, _) in found.items():
        parts += [f"## {stage.title}", stage.write(outcome)]
    parts += ["## How this was run", _runs(found)]
    path = results.folder / _PAGE
    path.write_text(paragraphs(*parts) + "\n", encoding="utf-8")
    results.write_rows([stage.name for stage in found])
    return path


def _introduction(results, missing):
    settings = results.settings
    quick = settings == settings_of(QUICK, settings["seed"])
    command = "python -m benchmarks.paper" + " --quick" * quick
    command += f" --seed {settings['seed']}" if settings["seed"] else ""
    warning = "**This is a quick run: its networks are not finished.** " if quick else ""
    warning += f"**Not run: {'; '.join(missing)}.** " if missing else ""
    return (
        f"{warning}Tables and figures of [DeepFRAP](https://doi.org/10.1111/jmi.12989) (Wåhlstrand "
        "Skärström et al., J. Microsc. 282, 146–161, 2021), with skfrap's numbers beside the "
        f"paper's. This page is what `{command}` wrote. All curves are simulated; where two "
        "methods are compared here, that is on the same curves."
    )


def _summary(outcomes):
    joint, separate = outcomes["table3"], outcomes["table4"]
    table = []
    for name, best in zip(NAMES, BEST_RATIOS, strict=True):
        cells = [name, f"{best:.4f}"]
        for outcome, method in ((joint, "skfrap, joint"), (separate, "skfrap, separate")):
            ratio, floor = (
                outcome.find(data="test", method=method, target=name, measure=measure)
                for measure in ("over least squares", "over the floor")
            )
            below = "yes" if ratio.value < best else "no"
            cells += [with_error(ratio.value, ratio.error), below]
            cells.append(with_error(floor.value - 1, floor.error, 100, " %"))
        table.append(cells)
    header = [
        "loss over least squares",
        "the paper's best",
        "skfrap, joint",
        "below the paper's",
        "above the floor",
        "skfrap, separate",
        "below the paper's",
        "above the floor",
    ]
    return paragraphs(
        f"In short: losses on {joint.facts['n']:,} test curves over those of least squares on the "
        "same curves. "
        "The floor is the posterior mean (`BayesianFRAP`), below which no estimator can come on "
        "average.",
        markdown_table(header, table),
    )


def _runs(found):
    table = [
        [
            stage.title.partition(":")[0],
            f"{run['seconds']:.0f} s",
            run["date"],
            run["load"],
        ]
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
        markdown_table(["stage", "time", "date", "load"], table),
    )


def _trainings(found):
    minutes = {}
    for outcome, _ in found.values():
        minutes |= outcome.facts.get("minutes", {})
    if not minutes:
        return ""
    told = ", ".join(f"{name} {value:.1f} minutes" for name, value in minutes.items())
    return f"Training itself, without measuring its progress: {told}. "


def copy_to_docs(results, folder):
    """Copy the page and the figures it shows, and nothing else, into a folder of the docs."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.png"), *folder.glob("*.md")):
        old.unlink()
    text = (results.folder / _PAGE).read_text(encoding="utf-8")
    (folder / _PAGE).write_text(text, encoding="utf-8")
    for path in results.folder.glob("*.png"):
        if f"({path.name})" in text:
            shutil.copy(path, folder)
    return folder / _PAGE
