"""How far an answer moves under other assumptions: a small table beside the result."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skfrap.parameters import parameter
from skfrap.results._finding import Finding
from skfrap.results._tables import as_table, plain

_DIGITS = 4


@dataclass(frozen=True)
class Alternative:
    """Hold what one set of assumptions makes of a series.

    Parameters
    ----------
    name : str
        For people and tables: ``"told, all mobile"``, ``"measured, free"``.
    start : {"told", "measured"}
        Whether what bleaching left is the region as it was told, or as the images show it.
    values, lower, upper : dict of str to float
        D in µm²/s, and ``mobile_fraction`` where the alternative has one, with the ends of their
        intervals; NaN where there is no value.
    assumes : str
        What it takes for granted.
    data : {"curve", "rings", "images"}
        What it is fitted to. Only alternatives of the same data can be compared by `cost`.
    cost : float
        By how much it fits worse than the best of the same data: of curves and images in the
        Bayesian information criterion, of rings in -2 log evidence. NaN where it was not computed.
    findings : tuple of Finding, default=()
        What is to be known of it before it is used.
    taken : bool, default=False
        Whether the result is this one.
    recommended : bool, default=False
        Whether it is the one to believe.
    why : str, default=""
        Why it is recommended, or why not.
    errors : dict of str to float, default={}
        Parts of the standard error of log10 D, where it has several: ``"noise"`` and ``"misfit"``
        of images.

    Examples
    --------
    >>> from skfrap.results import Alternative
    >>> one = Alternative("told, all mobile", "told", {"D": 12.0}, {"D": 11.5}, {"D": 12.5},
    ...                   "the region as told, at once", "curve", 0.0, recommended=True)
    >>> one.key, one.values["D"]
    ('told_all_mobile', 12.0)
    """

    name: str
    start: str
    values: dict
    lower: dict
    upper: dict
    assumes: str
    data: str
    cost: float
    findings: tuple[Finding, ...] = ()
    taken: bool = False
    recommended: bool = False
    why: str = ""
    errors: dict = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name as columns of tables have it, without blanks and commas."""
        return self.name.replace(",", "").replace(" ", "_")

    @property
    def usable(self) -> bool:
        """Whether there is a D, and no finding says that it must not be used."""
        unusable = any(one.severity == "unusable" for one in self.findings)
        return bool(np.isfinite(self.values.get("D", np.nan))) and not unusable

    def to_dict(self) -> dict[str, Any]:
        """Return plain values by name, as JSON has them.

        Returns
        -------
        dict
            Parameters by the names of their columns, as ``D_um2_s`` and ``D_um2_s_lower``.
        """
        found = [one.to_dict() for one in self.findings]
        others: dict[str, Any] = {"name": self.name, "start": self.start}
        others |= self._columns()
        others |= {f"log10_D_{kind}_error": plain(error) for kind, error in self.errors.items()}
        others |= {"assumes": self.assumes, "data": self.data, "cost": plain(self.cost)}
        others |= {"taken": self.taken, "recommended": self.recommended}
        return others | {"why": self.why, "findings": found}

    def _columns(self):
        return {
            parameter(name).column + end: plain(float(values[name]))
            for name in self.values
            for end, values in (("", self.values), ("_lower", self.lower), ("_upper", self.upper))
        }


@dataclass(frozen=True)
class Alternatives:
    r"""Hold the alternatives of one series, in the order in which they are shown.

    Parameters
    ----------
    rows : tuple of Alternative
        What to show, from top to bottom.

    Examples
    --------
    >>> from skfrap.results import Alternative, Alternatives
    >>> values, lower, upper = {"D": 12.0}, {"D": 11.5}, {"D": 12.5}
    >>> told = Alternative("told, all mobile", "told", values, lower, upper, "", "curve", 0.0,
    ...                    taken=True, recommended=True, why="the images give the same D")
    >>> print("\n".join(Alternatives((told,)).lines()))
    alternatives            D (µm²/s)
    * told, all mobile      12 (11.5 to 12.5)
    recommended: told, all mobile: the images give the same D
    """

    rows: tuple[Alternative, ...] = field(default=())

    def __len__(self):
        return len(self.rows)

    def __iter__(self) -> Iterator[Alternative]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> Alternative:
        return self.rows[index]

    @property
    def recommended(self) -> Alternative | None:
        """The alternative that is recommended; None where none can be."""
        return next((one for one in self.rows if one.recommended), None)

    def to_records(self) -> list[dict[str, Any]]:
        """Return a dictionary of plain values for each alternative.

        Returns
        -------
        list of dict
            As :meth:`Alternative.to_dict`.
        """
        return [one.to_dict() for one in self.rows]

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row per alternative.

        Returns
        -------
        pandas.DataFrame
        """
        return as_table(self.to_records())

    def lines(self) -> list[str]:
        """Write the table for people; a star marks the result.

        Returns
        -------
        list of str
            A head, a line per alternative, and what is recommended. Empty without alternatives.
            The codes of findings stand at those that are not of the result's start and data.
        """
        if not self.rows:
            return []
        width = max(len(one.name) for one in self.rows) + 2
        cells = [(one, _in_words(one, "D"), _in_words(one, "mobile_fraction")) for one in self.rows]
        shown = max(len(D) for _, D, _ in cells)
        some = any(mobile for *_, mobile in cells)
        head = f"{'alternatives':{width + 4}}  {'D (µm²/s)':{shown}}"
        lines = [f"{head}  mobile fraction" if some else head.rstrip()]
        beside = max(len(mobile) for *_, mobile in cells)
        taken = next(((one.start, one.data) for one in self.rows if one.taken), None)
        for one, D, mobile in cells:
            mark = "*" if one.taken else " "
            found = [] if (one.start, one.data) == taken else _labels(one.findings)
            line = f"{mark} {one.name:{width}}    {D:{shown}}  {mobile:{beside}}  {' '.join(found)}"
            lines.append(line.rstrip())
        best = self.recommended
        if best is None:
            return [*lines, "recommended: none, no alternative gives a D that can be used"]
        return [*lines, f"recommended: {best.name}: {best.why}"]


def columns_of_alternatives(records):
    """Lay alternatives out side by side, as columns of the series' own row in a table.

    Parameters
    ----------
    records : list of dict
        As :meth:`Alternatives.to_records` gives them, or as they come out of a file.

    Returns
    -------
    dict
        ``recommended`` and ``recommended_why``, and for each alternative its parameters as
        ``told_all_mobile_D_um2_s``.

    Examples
    --------
    >>> from skfrap.results._alternatives import columns_of_alternatives
    >>> one = {"name": "measured, free", "D_um2_s": 2.0, "recommended": True, "why": "it is seen"}
    >>> columns_of_alternatives([one])["measured_free_D_um2_s"]
    2.0
    """
    best = next((one for one in records if one["recommended"]), {"name": "", "why": ""})
    columns = {"recommended": best["name"], "recommended_why": best["why"]} if records else {}
    for one in records:
        key = one["name"].replace(",", "").replace(" ", "_")
        for name, value in one.items():
            if name.startswith(("D_", "mobile_fraction", "log10_D_")):
                columns[f"{key}_{name}"] = value
    return columns


def _labels(findings):
    """Return the labels of findings that keep a number from being used as it is."""
    return [one.label for one in findings if one.severity != "note"]


def _in_words(one, name):
    """Write a value with its interval, where there is one."""
    value = one.values.get(name, np.nan)
    if not np.isfinite(value):
        return "none" if name == "D" else ""
    ends = one.lower[name], one.upper[name]
    text = f"{value:.{_DIGITS}g}"
    if not np.isfinite(ends).all() or ends[0] == ends[1]:
        return text
    low, high = (f"{end:.{_DIGITS}g}" for end in ends)
    return f"{text} ({low} to {high})"
