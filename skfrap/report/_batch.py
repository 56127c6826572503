"""What a report says of several series together: groups, comparisons, and who is left out."""

from pathlib import PurePosixPath

import numpy as np

from skfrap.parameters import parameter
from skfrap.parameters._parameter import PARAMETERS
from skfrap.replicates import compare_groups, summarise_replicates
from skfrap.replicates._input import ALL, choose_scale, take_replicates
from skfrap.report import _svg
from skfrap.report._records import findings_in, row_of
from skfrap.report._render import safe
from skfrap.results._finding import count_in_words

_MOST_PAIRS = 28  # of groups that are compared: of eight


def main_parameter(records):
    """Return what a report is about: D where there is one, else the first rate of the model."""
    columns = {name for record in records for name in record}
    if "D_um2_s" in columns:
        return "D"
    rates = (name for name in PARAMETERS if parameter(name).is_rate)
    return next((name for name in rates if parameter(name).column in columns), "D")


def groups_of(records, groups=None):
    """Return the group of each record: as given, or the folder of its file.

    Parameters
    ----------
    records : list of dict
    groups : sequence of str, default=None
        None takes folders, where the files are in several.

    Returns
    -------
    list of str or None
        None where all are of one group.
    """
    if groups is not None:
        groups = [str(one) for one in groups]
        if len(groups) != len(records):
            raise ValueError(
                f"groups must have one entry per series, {len(records)}, got {len(groups)}."
            )
        return groups
    folders = [PurePosixPath(str(one["file"]).replace("\\", "/")).parent for one in records]
    if len({*folders}) < 2:
        return None
    names = [one.name or "." for one in folders]
    # Folders of one name in several places are told apart by where they are.
    distinct = len({*names}) == len({*folders})
    return names if distinct else [str(one) for one in folders]


def together(records, groups, level):
    """Summarise replicates, compare groups, and tell who is left out.

    Parameters
    ----------
    records : list of dict
    groups : list of str or None
    level : float
        Of the intervals.

    Returns
    -------
    dict or None
        None where there are no two series with a value, or all are left out.
    """
    name = main_parameter(records)
    column = parameter(name).column
    usable = [record for record in records if record.get(column) is not None]
    if len(usable) < 2:
        return None
    table = _table(records)
    summary = summarise_replicates(table, groups=groups, name=name, level=level)
    if not summary.n.any():
        return None
    drawn, size = _svg.replicates(summary)
    compared = None
    n_groups = len(summary)
    if groups is not None and n_groups * (n_groups - 1) // 2 <= _MOST_PAIRS:
        compared = compare_groups(table, groups, name=name, level=level)
    return {
        "name": name,
        "groups": [_group(summary, g, groups is None) for g in range(n_groups)],
        "lines": summary.summary(),
        "scale": summary.scale,
        "unit": summary.unit,
        "level": 100 * level,
        "drawn": safe(drawn),
        "size": size,
        "pairs": [] if compared is None else _pairs(compared),
        "effect": "ratio" if summary.scale == "log10" else "difference",
        "not_compared": groups is not None and compared is None,
    }


def left_out(records):
    """Tell which series are left out of means, and why.

    Returns
    -------
    list of dict
        ``index`` into the records, ``file``, ``reason`` and ``words``.
    """
    name = main_parameter(records)
    if parameter(name).column not in {key for record in records for key in record}:
        reasons = ["no value"] * len(records)
    else:
        _, _, reasons = take_replicates(_table(records), None, name, choose_scale(name, None), None)
    found = []
    for k, (record, reason) in enumerate(zip(records, reasons, strict=True)):
        failed = len(record) <= 2  # a name and an error
        if failed or reason:
            words = record["error"] if failed else "; ".join(map(str, _counting(record)))
            reason = "could not be analysed" if failed else str(reason)
            found.append({"index": k, "file": record["file"], "reason": reason, "words": words})
    return found


def _counting(record):
    return [one for one in findings_in(record) if one.severity != "note"]


def _table(records):
    """Lay records out as a table, as one that was written and read again."""
    rows = [row_of(record) for record in records]
    names = dict.fromkeys(name for row in rows for name in row if not _beside(name))
    _tell_apart(rows, parameter(main_parameter(records)).column)
    return {name: [_cell(row.get(name), name) for row in rows] for name in names}


def _tell_apart(rows, column):
    """Give series of one file names of their own: a file may hold several, and a list has no files.

    What was analysed twice has one name, so that it counts once.
    """
    known = {}
    for row in rows:
        values = known.setdefault(row["file"], [])
        value = row.get("series"), row.get(column)
        if value not in values:
            values.append(value)
        if values.index(value):
            row["file"] = f"{row['file']} ({values.index(value) + 1})"


def _beside(name):
    """Tell whether a column is of alternatives, or of the run."""
    return name.startswith(("told_", "measured_", "recommended")) or name in ("error", "picture")


def _cell(value, name):
    return "" if value is None and name in ("findings", "flags", "file", "at_bound") else value


def _group(summary, g, alone):
    number = "{:.4g}".format
    several = summary.n[g] > 1
    between = 100 * summary.relative(summary.between_std)[g] if several else np.nan
    return {
        "name": "all series" if alone or summary.groups[g] == ALL else summary.groups[g],
        "n": int(summary.n[g]),
        "mean": number(summary.mean[g]) if summary.n[g] else "",
        "ends": f"{number(summary.lower[g])} to {number(summary.upper[g])}" if several else "",
        "between": f"{between:.2g} %" if np.isfinite(between) else "",
        "n_left_out": int(summary.n_left_out[g]),
        "reasons": count_in_words(summary.reasons[g]),
    }


def _pairs(compared):
    pairs, number = [], "{:.4g}".format
    for k, line in enumerate(compared.summary()):
        known = bool(np.isfinite(compared.p_value[k]))
        pairs.append(
            {
                "first": compared.labels["first"][k],
                "second": compared.labels["second"][k],
                "effect": number(compared.effect[k]) if known else "",
                "ends": f"{number(compared.lower[k])} to {number(compared.upper[k])}"
                if known
                else "",
                "p": f"{compared.p_value[k]:.2g}" if known else "",
                "p_adjusted": f"{compared.p_adjusted[k]:.2g}" if known else "",
                "words": line,
            }
        )
    return pairs
