"""Records of analyses: what tables, JSON and reports hold of a series."""

from skfrap.results._alternatives import columns_of_alternatives
from skfrap.results._finding import Finding, as_labels


def record_of(analysis, file=None):
    """Return all numbers of an analysis as plain values, with its findings and alternatives.

    Parameters
    ----------
    analysis : SeriesAnalysis
    file : str, default=None
        What it is of; None is the name of the analysis.

    Returns
    -------
    dict
    """
    found = {"findings": analysis.estimates.findings[0]}
    found["alternatives"] = analysis.alternatives.to_records()
    file = analysis.name if file is None else file
    return {"file": file, **analysis.to_record() | found, "error": ""}


def row_of(record):
    """Return the row of a table: alternatives stand side by side, after all other columns."""
    alternatives = record.get("alternatives", [])
    row = {name: value for name, value in record.items() if name != "alternatives"}
    if "findings" in row:
        row["findings"] = as_labels(map(_as_finding, row["findings"]))
    return row | columns_of_alternatives(alternatives)


def findings_in(record):
    """Return the findings of a record, which may have been through JSON."""
    return [_as_finding(one) for one in record.get("findings", ())]


def _as_finding(one):
    return one if isinstance(one, Finding) else Finding(**one)
