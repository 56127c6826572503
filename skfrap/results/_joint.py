"""What a joint fit says: one value for the series of a group, and whether they have one."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skfrap.parameters import parameter
from skfrap.results._finding import Finding, as_labels, in_words
from skfrap.results._groups import ALL
from skfrap.results._tables import Columns

_SIGNIFICANT = 0.01


@dataclass(frozen=True, eq=False)
class JointEstimates(Columns):
    """Hold what the series of each group share; every array has one entry per group.

    Attributes
    ----------
    groups : tuple of str
    n : ndarray of shape (n_groups,) of int
        Series in each.
    values, lower, upper : dict of str to ndarray of shape (n_groups,)
        What is shared by name, in natural units, and the ends of its intervals.
    level : float
        Of the intervals.
    converged : ndarray of shape (n_groups,) of bool
    statistic, freedom, other_freedom, p_sharing : ndarray of shape (n_groups,)
        Of the test of whether sharing holds: an F value, its degrees of freedom, and how often
        series that do share would differ as much. NaN for a single series.
    noticed : tuple of n_groups tuples of Finding
        Of what is shared, and of the series by themselves.
    """

    groups: tuple[str, ...]
    n: np.ndarray
    values: dict
    lower: dict
    upper: dict
    level: float
    converged: np.ndarray
    statistic: np.ndarray
    freedom: np.ndarray
    other_freedom: np.ndarray
    p_sharing: np.ndarray
    noticed: tuple[tuple[Finding, ...], ...] = ()

    def __len__(self):
        return len(self.groups)

    @property
    def shares(self) -> np.ndarray:
        """Where nothing speaks against sharing, (n_groups,) of bool."""
        return ~(self.p_sharing < _SIGNIFICANT)

    @property
    def findings(self) -> tuple[tuple[Finding, ...], ...]:
        """What is to be known of each group: a tuple of findings for each."""
        return tuple(tuple(self._findings(g)) for g in range(len(self)))

    def _findings(self, g):
        if self.noticed:
            yield from self.noticed[g]
        if not self.shares[g]:
            names = " and ".join(self.values)
            words = (
                f"series differ in {names} by more than their noise (p = {self.p_sharing[g]:.2g})"
            )
            yield Finding.of("not_shared", words)
        if not self.converged[g]:
            yield Finding.of("not_converged", "the joint fit did not converge")

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name.

        Returns
        -------
        dict
            Columns by name.
        """
        columns: dict[str, Any] = {"group": np.array(self.groups), "n": self.n}
        for name in self.values:
            column = parameter(name).column
            columns[column] = self.values[name]
            columns[f"{column}_lower"] = self.lower[name]
            columns[f"{column}_upper"] = self.upper[name]
        others = ("statistic", "freedom", "other_freedom", "p_sharing", "converged")
        columns |= {name: getattr(self, name) for name in others}
        columns["flags"] = np.array([in_words(some) for some in self.findings], dtype=str)
        columns["findings"] = np.array([as_labels(some) for some in self.findings], dtype=str)
        return columns | {"level": np.full(len(self), self.level)}

    def _line(self, g):
        line = "" if self.groups == (ALL,) else f"{self.groups[g]}: "
        parts = []
        for k, (name, values) in enumerate(self.values.items()):
            ends = f"{self.lower[name][g]:.4g} to {self.upper[name][g]:.4g}"
            words = f"{100 * self.level:g} % interval {ends}" if k == 0 else ends
            unit = f" {parameter(name).unit}".rstrip()
            parts.append(f"{name} = {values[g]:.4g}{unit} ({words})")
        line += f"{', '.join(parts)} from {self.n[g]} series"
        if self.n[g] > 1 and self.shares[g]:
            line += f"; nothing speaks against one value (p = {self.p_sharing[g]:.2g})"
        return "; ".join([line, *map(str, self.findings[g])])
