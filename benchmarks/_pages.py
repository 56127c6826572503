"""Pages of results in Markdown, and the tables and figures beside them."""

import math
import shutil

import numpy as np

DPI = 140  # of figures


def write_csv(path, columns):
    """Write columns of one length as comma-separated values, None as nothing."""
    lines = [",".join(columns)]
    for values in zip(*columns.values(), strict=True):
        lines.append(",".join(_csv_cell(value) for value in values))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _csv_cell(value):
    if value is None:
        return ""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    text = str(value)
    return f'"{text}"' if "," in text else text


def add_row(columns, **values):
    """Append a row to columns of a table, which the first row makes."""
    for name, value in values.items():
        columns.setdefault(name, []).append(value)


def paragraphs(*parts):
    """Join paragraphs of Markdown."""
    return "\n\n".join(parts)


def markdown_table(header, rows):
    """Write a Markdown table; the first column is text, the others are aligned as numbers.

    The header may be given as one string, in which " | " stands between the columns.
    """
    header = header.split(" | ") if isinstance(header, str) else header
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def picture(name, description):
    """Write a Markdown picture."""
    return f"![{description}]({name}.png)"


def with_error(value, error, scale=1.0, unit=""):
    """Write a number with its standard error, of which two digits count."""
    value, error = value * scale, error * scale
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 4
    return f"{value:.{digits}f} ± {error:.{digits}f}{unit}"


def number(value):
    """Write a number to two or three digits."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.2g}"


def duration(seconds):
    """Write a time with a unit that suits it; nothing where there is none."""
    if np.isnan(seconds):
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds / 1e-6)} µs"


def write_page(study, results, command):
    """Write the page of all stages that are finished, and their rows; return its path."""
    found = {stage: kept for stage in study.stages if (kept := results.read(stage)) is not None}
    outcomes = {stage.file: outcome for stage, (outcome, _) in found.items()}
    missing = [stage.title for stage in study.stages if stage not in found]
    sections = {stage.title: stage.write(outcome) for stage, (outcome, _) in found.items()}
    sections |= study.close(outcomes) | {"How this was run": study.tell_runs(found, command)}
    parts = [f"# {study.title}", study.introduce(command, study.is_quick(results), missing)]
    parts.append(study.summarise(outcomes))
    for title, text in sections.items():
        parts += [f"## {title}", text] if text else []
    path = results.folder / study.page
    path.write_text(paragraphs(*filter(None, parts)) + "\n", encoding="utf-8")
    results.write_rows(outcomes.values(), study.rows)
    return path


def copy_to_docs(study, results, folder):
    """Copy the page and the figures it shows, and nothing else, into a folder of the docs."""
    text = (results.folder / study.page).read_text(encoding="utf-8")
    for old in folder.glob(f"{results.figures}*.png"):
        old.unlink()
    for path in results.folder.glob(f"{results.figures}*.png"):
        name = path.relative_to(results.folder)
        if f"({name.as_posix()})" in text:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / name)
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.copy(results.folder / study.page, folder / study.page)
