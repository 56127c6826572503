"""What is to be known of a number before it is used, as data: nothing needs to read a sentence.

`FINDINGS` is the list of all codes. A code keeps its meaning from version to version.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from skfrap._checks import check_choice
from skfrap.results._kinds import FINDINGS


@dataclass(frozen=True)
class Finding:
    """Hold one thing that is to be known of a number before it is used.

    As text it is its words and its remedy.

    Parameters
    ----------
    code : str
        A key of :data:`skfrap.results.FINDINGS`; it never changes its meaning.
    severity : {"unusable", "doubtful", "note"}
        That of the code, see :class:`KindOfFinding`.
    subject : str
        What it is about: the name of a parameter, names separated by commas, the number of a frame;
        empty where it is about the whole.
    words : str
        For people, and for nothing else.
    remedy : str, default=""
        What to do in this case, where the words do not say it all.

    Raises
    ------
    ValueError
        If there is no such code, or the severity is not that of the code.

    Examples
    --------
    >>> from skfrap.results import Finding
    >>> finding = Finding.of("at_upper_bound", "D is at its upper bound", "D", "take frames faster")
    >>> finding.severity, finding.label, str(finding)
    ('unusable', 'at_upper_bound:D', 'D is at its upper bound: take frames faster')
    """

    code: str
    severity: str
    subject: str
    words: str
    remedy: str = ""

    def __post_init__(self):
        kind = _kind_of(self.code)
        if self.severity != kind.severity:
            raise ValueError(
                f"severity of {self.code!r} must be {kind.severity!r}, got {self.severity!r}."
            )
        if any(character.isspace() for character in self.subject):
            raise ValueError(f"subject must be names without blanks, got {self.subject!r}.")

    def __str__(self):
        return f"{self.words}: {self.remedy}" if self.remedy else self.words

    @classmethod
    def of(cls, code: str, words: str, subject: str = "", remedy: str = "") -> "Finding":
        """Make a finding, with the severity of its code.

        Parameters
        ----------
        code : str
            Of one of :data:`FINDINGS`.
        words : str
            For people.
        subject : str, default=""
            The parameter it is of.
        remedy : str, default=""
            What to do.

        Returns
        -------
        Finding
        """
        return cls(code, _kind_of(code).severity, subject, words, remedy)

    @property
    def label(self) -> str:
        """The code, and the subject after a colon where there is one: ``at_upper_bound:D``."""
        return f"{self.code}:{self.subject}" if self.subject else self.code

    def to_dict(self) -> dict[str, Any]:
        """Return plain values by name.

        Returns
        -------
        dict
            Plain values.
        """
        return asdict(self)


def _kind_of(code):
    return FINDINGS[check_choice("code", code, FINDINGS)]


def in_words(findings):
    """Join findings to one text for people."""
    return "; ".join(map(str, findings))


def as_labels(findings):
    """Join the labels of findings by blanks, as a cell of a table holds them."""
    return " ".join(finding.label for finding in findings)


def codes_in(labels):
    """Return the codes in a cell of a table, as :func:`as_labels` makes it.

    Raises
    ------
    ValueError
        If one is not known.

    Examples
    --------
    >>> from skfrap.results._finding import codes_in
    >>> codes_in("at_upper_bound:D not_converged")
    ['at_upper_bound', 'not_converged']
    """
    codes = [label.partition(":")[0] for label in labels.split()]
    for code in codes:
        _kind_of(code)
    return codes


def worst_code(codes):
    """Return the first of the most severe codes that keep a number out of means, or nothing."""
    for severity in ("unusable", "doubtful"):
        for code in codes:
            if FINDINGS[code].severity == severity:
                return code
    return ""


def has_severity(findings, *severities):
    """Tell of each entry whether any of its findings has one of some severities.

    Parameters
    ----------
    findings : sequence of n sequences of Finding
    *severities : str

    Returns
    -------
    ndarray of shape (n,) of bool
    """
    return np.array([any(f.severity in severities for f in some) for some in findings], dtype=bool)


def count_in_words(reasons):
    """Count reasons, the most frequent first: ``"2 not converged, 1 no value"``."""
    return ", ".join(f"{count} {reason}" for reason, count in Counter(reasons).most_common())


class FindingsByRow:
    """Collect findings of a batch, in the order in which they are added to each entry.

    Parameters
    ----------
    n : int
        How many entries there are.
    """

    def __init__(self, n):
        self._rows = [[] for _ in range(n)]

    def add(self, where, code, words, subject="", remedy=""):
        """Add one finding to entries.

        Parameters
        ----------
        where : ndarray of shape (n,) of bool
        code, words, subject, remedy : str
            As of :meth:`Finding.of`.
        """
        rows = np.flatnonzero(where)
        if len(rows):
            finding = Finding.of(code, words, subject, remedy)
            for k in rows:
                self._rows[k].append(finding)

    def add_to(self, row, code, words, subject="", remedy=""):
        """Add one finding to one entry; the others as of :meth:`add`."""
        self._rows[row].append(Finding.of(code, words, subject, remedy))

    def __iter__(self):
        return iter(self._rows)

    def has(self, code):
        """Tell which entries have a finding of some code so far, (n,)."""
        return np.array([any(one.code == code for one in row) for row in self._rows], dtype=bool)

    def any(self):
        """Tell which entries have findings so far, (n,)."""
        return np.array([bool(row) for row in self._rows], dtype=bool)

    def to_tuple(self):
        """Return a tuple of findings for each entry."""
        return tuple(tuple(row) for row in self._rows)
