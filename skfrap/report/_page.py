"""The whole report: sections of series, what they say together, and a copy for machines."""

import base64
import hashlib
import json
import os
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from skfrap import __version__
from skfrap._files import write_bytes
from skfrap.parameters import parameter
from skfrap.report._batch import groups_of, left_out, main_parameter, together
from skfrap.report._methods import methods, versions
from skfrap.report._records import findings_in, record_of
from skfrap.report._render import KEY, LATER, STANDING, file_text, render, safe
from skfrap.report._section import findings_shown, part_of, state_of
from skfrap.results._estimates import in_numbers

WHAT, FORMAT = "skfrap report", 1
_BEGIN = '<script type="application/json" id="skfrap-results">'
_END = "</script>"


class Report:
    """Collect series one by one, and write them as one HTML file.

    Of a series what is shown is kept, some ten kilobytes, and nothing of its images.

    Parameters
    ----------
    n_series : int, default=1
        How many are expected: pictures of many are smaller.
    title : str, default="FRAP report"
        What to write above.
    command : str, default=""
        The command line that makes the same again.
    options : ExperimentOptions or dict, default=None
        How series are analysed.

    Examples
    --------
    >>> from skfrap.report import Report
    >>> report = Report(n_series=2)
    >>> report.add_failure("cell.tif", "it has no frames")
    >>> "cell.tif" in report.to_html()
    True
    """

    def __init__(
        self,
        n_series: int = 1,
        *,
        title: str = "FRAP report",
        command: str = "",
        options: Any = None,
    ):
        self.n_series, self.title, self.command = n_series, title, command
        self.options = _as_dict(options)
        self.records: list[dict] = []
        self._parts: list[dict | None] = []

    def __len__(self):
        return len(self.records)

    def add(self, analysis: Any, record: dict[str, Any] | None = None) -> dict[str, Any]:
        """Add an analysis.

        Parameters
        ----------
        analysis : SeriesAnalysis
            What is shown.
        record : dict, default=None
            Its record, as `skfrap estimate --json` prints it; None makes one.

        Returns
        -------
        dict
            What is shown of it, plain values, which :meth:`add_part` takes.
        """
        record = record_of(analysis) if record is None else record
        part = part_of(analysis, record, self.n_series)
        self.add_part(record, part)
        return part

    def add_part(self, record: dict[str, Any], part: dict[str, Any] | None) -> None:
        """Add what is rendered already.

        Parameters
        ----------
        record : dict
            Of the series.
        part : dict or None
            What :meth:`add` returned for it, also by way of JSON; None shows the numbers alone.
        """
        self.records.append(record)
        self._parts.append(part)

    def add_failure(self, file: str, error: str) -> None:
        """Add a series that could not be analysed.

        Parameters
        ----------
        file : str
            Its name.
        error : str
            Why.
        """
        self.add_part({"file": file, "error": error}, None)

    def to_html(self, groups: Sequence[str] | None = None) -> str:
        """Return the report.

        Parameters
        ----------
        groups : sequence of str, default=None
            Which group each series is of. None takes the folders of their files.

        Returns
        -------
        str
            The text of the file.
        """
        records = self.records
        groups = groups_of(records, groups)
        settings = [part["settings"] for part in self._parts if part is not None]
        level = settings[0]["level"] if settings else self.options.get("level") or 0.95
        excluded, summary, why = [], None, ""
        try:
            excluded = left_out(records)
            summary = together(records, groups, level)
        except ValueError as error:  # each series stands for itself
            why = str(error)
        text, cite = methods(settings, self.options, len(records), excluded, summary)
        entries = [self._entry(k, groups) for k in range(len(records))]
        script = file_text("report.js") if len(records) > 1 else ""
        return render(
            "page.html",
            title=self.title,
            made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
            versions=versions(),
            style=safe(file_text("style.css") + file_text("report.css")),
            script=safe(script),
            policy=_policy(script),
            entries=entries,
            counts=_counts(entries),
            groups=groups is not None,
            summary=summary,
            excluded=excluded,
            why=why,
            methods=text,
            cite=cite,
            command=self.command,
            name=_heading(main_parameter(records)),
            data=safe(_as_block(self._payload())),
        )

    def write(self, path: str | os.PathLike[str], groups: Sequence[str] | None = None) -> None:
        """Write the report; what was there before stays until all of it is written.

        Parameters
        ----------
        path : path
            File to write.
        groups : sequence of str, default=None
            As of :meth:`to_html`.
        """
        write_bytes(path, self.to_html(groups).encode())

    def _entry(self, k, groups):
        record, part = self.records[k], self._parts[k]
        failed = len(record) <= 2
        findings = findings_in(record)
        name = main_parameter(self.records)
        entry = {
            "key": f"s{k + 1}",
            "file": record["file"],
            "name": record.get("series") or record["file"],
            "group": groups[k] if groups is not None else "",
            "state": "failed" if failed else state_of(findings),
            "error": record["error"],
            "codes": [*dict.fromkeys(one.code.replace("_", " ") for one in findings)],
            "section": None,
            "picture": 0,
            "shape": (1, 1),
            "spark": "",
        }
        entry |= _number(record, name)
        if part is not None:
            later = findings_shown(findings[part["n_findings"] :])
            tokens = {
                KEY: entry["key"],
                STANDING: render("badge.html", state=entry["state"]),
                LATER: render("findings.html", findings=later, heading="Beside the other series"),
            }
            text = part["section"]
            for token, value in tokens.items():
                text = text.replace(token, value)
            entry["section"] = safe(text)
            entry["spark"], entry["shape"] = safe(part["spark"]), part["shape"]
            entry["picture"] = min(2, part["n_pictures"])
        return entry

    def _payload(self):
        return {
            "what": WHAT,
            "format": FORMAT,
            "versions": versions(),
            "command": self.command,
            "options": self.options,
            "records": self.records,
        }


def _policy(script):
    """Have browsers refuse whatever a report does not bring along: it loads and sends nothing."""
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    scripts = f"'sha256-{hashed}'" if script else "'none'"
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
        f"form-action 'none'; script-src {scripts}"
    )


def _as_dict(options):
    if options is None:
        return {}
    given = options if isinstance(options, dict) else vars(options)
    return json.loads(json.dumps(given, default=str))


def _heading(name):
    unit = parameter(name).unit
    return f"{name} ({unit})" if unit else name


def _number(record, name):
    """Return a value for a table, with its interval, and what to sort it by."""
    entry = parameter(name)
    value, lower, upper = (record.get(entry.column + end) for end in ("", "_lower", "_upper"))
    if value is None:
        return {"value": "", "ends": "", "sort": ""}
    if lower is None or upper is None:
        return {"value": f"{value:.4g}", "ends": "", "sort": repr(value)}
    shown, ends = in_numbers(entry, lower, value, upper)
    shown = shown.partition(" = ")[2].removesuffix(f" {entry.unit}")
    return {"value": shown, "ends": ends, "sort": repr(value)}


def _counts(entries):
    states = [one["state"] for one in entries]
    order = ("good", "note", "doubtful", "unusable", "failed")
    return [(state, states.count(state)) for state in order if state in states]


def _as_block(payload):
    """Write values as JSON that no markup can end, and nothing in it begins markup."""
    text = json.dumps(payload, ensure_ascii=True, default=lambda one: one.to_dict())
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"{_BEGIN}{text}{_END}"


def read_report(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the copy of the results that a report holds for machines.

    Parameters
    ----------
    path : path
        A file that :func:`write_report` has written.

    Returns
    -------
    dict
        ``records``, one per series; ``command``, ``options`` and ``versions``.

    Raises
    ------
    ValueError
        If it is no report, or of a later version.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skfrap.report import Report, read_report
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "report.html"
    >>> report = Report()
    >>> report.add_failure("cell.tif", "it has no frames")
    >>> report.write(path)
    >>> read_report(path)["records"]
    [{'file': 'cell.tif', 'error': 'it has no frames'}]
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    found = re.search(re.escape(_BEGIN) + "(.*?)" + re.escape(_END), text, re.DOTALL)
    try:
        payload = json.loads(found[1]) if found else {}
    except ValueError:
        payload = {}
    if not isinstance(payload, dict) or payload.get("what") != WHAT:
        raise ValueError(f"{path} is not a report of skfrap, or not whole: it holds no results.")
    if payload.get("format") != FORMAT:
        made = payload.get("versions", {}).get("skfrap", "another version")
        raise ValueError(f"{path} was made by skfrap {made}, which {__version__} cannot read.")
    return payload


def write_report(
    analyses: Any,
    path: str | os.PathLike[str],
    *,
    groups: Sequence[str] | None = None,
    title: str = "FRAP report",
    command: str = "",
    options: Any = None,
) -> None:
    """Write a report of analysed series: one HTML file that needs nothing else.

    Parameters
    ----------
    analyses : SeriesAnalysis, sequence of SeriesAnalysis, or dict of str to SeriesAnalysis
        What is shown; a dictionary names the file of each. An exception in place of an analysis is
        shown as a series that failed, in a dictionary.
    path : path
        File to write.
    groups : sequence of str, default=None
        Which group each series is of. None takes the folders of their files, if these are several.
    title : str, default="FRAP report"
        What to write above.
    command : str, default=""
        The command line that makes the same again.
    options : ExperimentOptions, default=None
        How they were analysed, for the paragraph on methods.

    Raises
    ------
    ImportError
        If jinja2 is not installed.
    ValueError
        If there is nothing to show, or `groups` has another length.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator
    >>> from skfrap.analysis import ExperimentOptions, analyse_series
    >>> from skfrap.io import ImageSeries
    >>> from skfrap.report import read_report, write_report
    >>> done = FRAPProtocol(shape=(48, 48), bleach_region=Circle(6.0), n_postbleach=20)
    >>> truth = {"D": 40.0, "c0": 0.7, "alpha": 0.6, "a": 1e-3}
    >>> frames = FRAPSimulator(done, truth, random_state=0).sample_images(1).data[0]
    >>> series = ImageSeries(frames, "cell", pixel_size_um=0.76, times_s=done.times + 4)
    >>> told = ExperimentOptions(bleach_region=done.bleach_region, n_prebleach=10, n_bleach=4)
    >>> analysis = analyse_series(series, told)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "report.html"
    >>> write_report(analysis, path)
    >>> read_report(path)["records"][0]["series"]
    'cell'
    """
    if hasattr(analyses, "estimates"):
        analyses = [analyses]
    named = analyses if hasattr(analyses, "items") else None
    pairs = list(named.items()) if named is not None else [(None, one) for one in analyses]
    if not pairs:
        raise ValueError("analyses must hold at least one analysis, got none.")
    report = Report(len(pairs), title=title, command=command, options=options)
    for file, analysis in pairs:
        if isinstance(analysis, BaseException):
            report.add_failure(str(file), str(analysis) or type(analysis).__name__)
        else:
            report.add(analysis, record_of(analysis, file))
    report.write(path, groups)
