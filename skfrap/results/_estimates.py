"""What an estimate says to a person: values, intervals, and whether to believe them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skfrap.parameters import parameter
from skfrap.results._finding import Finding, as_labels, has_severity, in_words
from skfrap.results._fit import Fit
from skfrap.results._tables import as_table

NO_INTERVAL = "no interval"


@dataclass(frozen=True, eq=False)
class FRAPEstimates:
    """Hold the estimates of a batch of recovery curves; every array has one entry per curve.

    The columns of :meth:`to_dict` are attributes too: ``estimates.D_um2_s``,
    ``estimates.D_um2_s_lower``, ``estimates.alpha``, ``estimates.k_off_per_s_upper``.

    Attributes
    ----------
    values, lower, upper : dict of str to ndarray of shape (n,)
        Parameters by name, fixed ones and derived ones included, in natural units, and the ends of
        their intervals. What says how fast something happens is NaN where no bleaching is visible.
    noise_a, noise_b : ndarray of shape (n,)
        Variance of a pixel's noise, from the residuals (NaN without degrees of freedom), and that
        per intensity; the latter is None unless the noise was taken to be proportional.
    residual_sum_of_squares : ndarray of shape (n,)
    converged : ndarray of shape (n,) of bool
    at_bound : ndarray of shape (n,) of str
        Names of the parameters that ended on a bound, separated by commas; empty if none.
    findings : tuple of n tuples of Finding
        What is to be known of each estimate before it is used; empty if there is nothing. In tables
        their labels: codes, with the subject after a colon where there is one.
    poorly_determined : ndarray of shape (n,) of bool
        True where D, or what stands for it in the model, must not be used as a number: any finding
        is unusable.
    usable : ndarray of shape (n,) of bool
        True where an estimate may be averaged with others: no finding is unusable or doubtful.
    flags : ndarray of shape (n,) of str
        The findings in words.
    level : float
        Level of the intervals.
    fit : Fit or None
        All that was fitted: curves, residuals, covariance; None where it was not kept.
    larger : tuple of n tuples of LargerFit, or None
        Fits of larger models, of estimates that ask for one; None where none was looked for.
    """

    values: dict
    lower: dict
    upper: dict
    noise_a: np.ndarray
    noise_b: np.ndarray | None
    residual_sum_of_squares: np.ndarray
    converged: np.ndarray
    at_bound: np.ndarray
    findings: tuple
    level: float = 0.95
    fit: Fit | None = field(default=None, repr=False)
    larger: tuple | None = field(default=None, repr=False)

    def __len__(self):
        return len(self.findings)

    def __getattr__(self, name):
        if name.startswith("_"):  # copies and pickles ask so of what has no columns yet
            raise AttributeError(f"FRAPEstimates has no {name!r}.")
        columns = self._parameter_columns()
        if name in columns:
            return columns[name]
        raise AttributeError(
            f"FRAPEstimates has no {name!r}; its columns are {', '.join(self.to_dict())}."
        )

    @property
    def poorly_determined(self) -> np.ndarray:
        """Where an estimate must not be used as a number."""
        return has_severity(self.findings, "unusable")

    @property
    def usable(self) -> np.ndarray:
        """Where an estimate may be averaged with others."""
        return ~has_severity(self.findings, "unusable", "doubtful")

    @property
    def flags(self) -> np.ndarray:
        """What is to be known of each estimate, in words."""
        return np.array([in_words(some) for some in self.findings], dtype=str)

    def has_finding(self, code: str, subject: str | None = None) -> np.ndarray:
        """Tell which estimates have a finding.

        Parameters
        ----------
        code : str
            A key of :data:`skfrap.results.FINDINGS`.
        subject : str, default=None
            Of the finding; None is any.

        Returns
        -------
        ndarray of shape (n,) of bool
        """
        return np.array(
            [
                any(one.code == code and subject in (None, one.subject) for one in some)
                for some in self.findings
            ],
            dtype=bool,
        )

    def with_findings(self, findings: Sequence[Finding]) -> "FRAPEstimates":
        """Return the same estimates with more to be known of every one of them.

        Parameters
        ----------
        findings : sequence of Finding
            Of the experiment as a whole; they stand before those of single curves.

        Returns
        -------
        FRAPEstimates
        """
        if not findings:
            return self
        return replace(self, findings=tuple((*findings, *some) for some in self.findings))

    def _parameter_columns(self):
        return {
            parameter(name).column + end: values[name]
            for name in self.values
            for end, values in (("", self.values), ("_lower", self.lower), ("_upper", self.upper))
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name; that of the findings holds their labels.

        Returns
        -------
        dict of str to ndarray
            Columns by name.
        """
        others = (
            "noise_a",
            "noise_b",
            "residual_sum_of_squares",
            "converged",
            "at_bound",
            "poorly_determined",
            "flags",
        )
        columns = {name: getattr(self, name) for name in others}
        if self.noise_b is None:
            del columns["noise_b"]
        columns["findings"] = np.array([as_labels(some) for some in self.findings], dtype=str)
        columns["level"] = np.full(len(self), self.level)  # of the intervals in this very table
        return self._parameter_columns() | columns

    def to_frame(self, index: Sequence[Any] | None = None) -> Any:
        """Return a pandas DataFrame, a row per curve.

        Parameters
        ----------
        index : sequence of length n, default=None
            Row labels, e.g. file names.

        Returns
        -------
        pandas.DataFrame
        """
        return as_table(self.to_dict(), index)

    def summary(self) -> list[str]:
        """Describe each estimate in a line: what was estimated of the sample, and the findings.

        Returns
        -------
        list of str
        """
        return [
            "; ".join([", ".join(self.values_in_words(k)), *map(str, some)])
            for k, some in enumerate(self.findings)
        ]

    def values_in_words(self, index: int) -> list[str]:
        """Write what was estimated of the sample from one curve.

        Parameters
        ----------
        index : int
            Which estimate.

        Returns
        -------
        list of str
            A text for each parameter: value, unit and interval.
        """
        level, texts = f"{100 * self.level:g} % interval ", []
        for name in self.values:
            ends = (self.lower, self.values, self.upper)
            lower, value, upper = (end[name][index] for end in ends)
            # What every recording has, c0 and alpha, says nothing of the sample.
            habitual = parameter(name).dependence in ("factor", "polynomial")
            if habitual or lower == upper:
                continue
            if np.isnan(value):
                texts.append(f"{name} not estimated")
                continue
            value, ends = in_numbers(parameter(name), lower, value, upper)
            if ends == NO_INTERVAL:
                texts.append(f"{value} ({ends})")
                continue
            texts.append(f"{value} ({level}{ends})")
            level = ""
        return texts


def in_numbers(entry, lower, value, upper):
    """Write a value and its interval in natural units, in as many digits as tell them apart.

    Where an end is not known there is no interval.

    Parameters
    ----------
    entry : Parameter
    lower, value, upper : float

    Returns
    -------
    value, ends : str
    """
    width, n = upper - lower, 4
    if 0 < width < np.inf and value != 0:
        n = int(np.clip(2 + np.ceil(np.log10(abs(value) / width)), n, 9))
    unit = f" {entry.unit}".rstrip()
    known = not (np.isnan(lower) or np.isnan(upper))
    ends = f"{lower:.{n}g} to {upper:.{n}g}" if known else NO_INTERVAL
    return f"{entry.name} = {value:.{n}g}{unit}", ends
