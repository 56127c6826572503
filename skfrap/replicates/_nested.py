"""Nested replicates, as cells within dishes within days: means whose intervals count days."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from skfrap._checks import check_level
from skfrap.parameters import is_parameter, parameter
from skfrap.replicates._input import choose_scale, split_groups, take_replicates, to_natural
from skfrap.replicates._mixed import fit_mixed
from skfrap.replicates._replicates import Comparisons
from skfrap.replicates._rows import is_table
from skfrap.replicates._statistics import holm
from skfrap.results import Finding, FRAPEstimates
from skfrap.results._finding import as_labels, count_in_words, in_words
from skfrap.results._groups import ALL, names_of_groups
from skfrap.results._tables import Columns

_FEWEST = 3  # groups of the coarsest level from which an interval says much
_OWN = "curve"  # the finest level: what is of each curve, beyond its error


@dataclass(frozen=True, eq=False)
class NestedSummary(Columns):
    """Hold the mean of each sample, of curves in nested groups; an entry per sample.

    Attributes
    ----------
    name : str
        What was estimated.
    scale : {"log10", "linear"}
        On which curves were averaged. On a logarithmic scale the mean is the geometric one, and
        standard deviations are in decades.
    level : float
        Of the intervals.
    groups : tuple of str
        The samples.
    levels : tuple of str
        From the coarsest to the finest, as ``("day", "dish")``.
    n, n_left_out : ndarray of shape (n_groups,) of int
        Curves that were averaged, and others.
    reasons : tuple of n_groups tuples of str
        Why curves were left out.
    counts : dict of str to ndarray of shape (n_groups,) of int
        Groups of each level in which a sample is.
    mean, lower, upper, freedom : ndarray of shape (n_groups,)
        In natural units, with degrees of freedom of the intervals; NaN where there are none.
    std : dict of str to float
        Standard deviation at each level, and ``"curve"``, between curves of one group beyond their
        errors; on the scale, of all samples together. NaN where a level is not told apart.
    within_std : float
        Typical standard error of a curve, on the scale.
    contrasts : Comparisons or None
        Of every two samples; None of one.
    converged : bool
    """

    name: str
    scale: str
    level: float
    groups: tuple[str, ...]
    levels: tuple[str, ...]
    n: np.ndarray
    n_left_out: np.ndarray
    reasons: tuple[tuple[str, ...], ...]
    counts: dict
    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    freedom: np.ndarray
    std: dict
    within_std: float
    contrasts: Comparisons | None
    converged: bool

    def __len__(self):
        return len(self.groups)

    @property
    def findings(self) -> tuple[tuple[Finding, ...], ...]:
        """What is to be known of each sample's mean: a tuple of findings for each."""
        return tuple(tuple(self._findings(g)) for g in range(len(self)))

    def _findings(self, g):
        if self.n[g] == 0:
            yield Finding.of("no_usable_replicate", f"no curve tells {self.name}")
            return
        if self.n_left_out[g]:
            words = f"{self.n_left_out[g]} left out ({count_in_words(self.reasons[g])})"
            yield Finding.of("replicates_left_out", words)
        if not self.converged:
            yield Finding.of("not_converged", "variances did not converge")
        top, count = self.levels[0], self.counts[self.levels[0]][g]
        if not np.isfinite(self.lower[g]):
            words = f"of one {top} it is not known how such groups differ, nor an interval"
            yield Finding.of("single_replicate", words)
        elif count < _FEWEST:
            yield Finding.of("few_groups", f"only {count} groups by {top}", subject=top)
        for one, std in self.std.items():
            if np.isnan(std):
                yield Finding.of("level_not_told", f"{one} is not told apart", subject=one)

    def relative(self, std: Any) -> Any:
        """Turn a standard deviation on the scale into a part of the mean.

        Parameters
        ----------
        std : float
            On the scale of the summary.

        Returns
        -------
        float or ndarray of shape (n_groups,)
            Coefficient of variation, one for all samples on a logarithmic scale.
        """
        if self.scale == "log10":
            return np.sqrt(np.expm1((np.log(10) * std) ** 2))
        return std / np.abs(self.mean)

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name.

        Returns
        -------
        dict
            Columns by name.
        """
        column = parameter(self.name).column if is_parameter(self.name) else self.name
        n = len(self)
        columns: dict[str, Any] = {"group": np.array(self.groups), "n": self.n}
        columns |= {"n_left_out": self.n_left_out}
        columns |= {f"n_{name}": counts for name, counts in self.counts.items()}
        ends = {"": self.mean, "_lower": self.lower, "_upper": self.upper}
        columns |= {column + end: values for end, values in ends.items()}
        columns["freedom"] = self.freedom
        for name, std in {**self.std, "within": self.within_std}.items():
            columns[f"{name}_std"] = np.full(n, std)
            columns[f"{name}_percent"] = np.broadcast_to(100 * self.relative(std), n)
        columns["flags"] = np.array([in_words(some) for some in self.findings], dtype=str)
        columns["findings"] = np.array([as_labels(some) for some in self.findings], dtype=str)
        return columns | {"level": np.full(n, self.level), "scale": [self.scale] * n}

    def summary(self) -> list[str]:
        """Describe the mean of each sample, how groups of each level differ, and the contrasts.

        Returns
        -------
        list of str
        """
        lines = super().summary()
        parts = [
            f"{100 * np.mean(self.relative(std)):.2g} % from {name} to {name}"
            for name, std in self.std.items()
            if np.isfinite(std)
        ]
        line = f"they differ by {', '.join(parts)}"
        if self.within_std > 0:
            line += f" beyond their errors of {100 * np.mean(self.relative(self.within_std)):.2g} %"
        lines.append(line)
        return lines + (self.contrasts.summary() if self.contrasts is not None else [])

    def _line(self, g):
        unit = f" {parameter(self.name).unit}".rstrip() if is_parameter(self.name) else ""
        line = "" if self.groups == (ALL,) else f"{self.groups[g]}: "
        notes = [str(one) for one in self.findings[g]]
        if self.n[g] == 0:
            return line + "; ".join(notes)
        mean, lower, upper = (f"{x[g]:.4g}" for x in (self.mean, self.lower, self.upper))
        line += f"{self.name} = {mean}{unit}"
        if np.isfinite(self.lower[g]):
            line += f" ({100 * self.level:g} % interval {lower} to {upper}, "
            line += f"{self.freedom[g]:.3g} degrees of freedom)"
        counts = [f"{self.counts[one][g]} by {one}" for one in self.levels]
        counts[0] = counts[0].replace(" by", " groups by", 1)
        line += f" from {self.n[g]} curves in {', '.join(counts)}"
        return "; ".join([line, *notes])


def summarise_nested(
    estimates: Any,
    levels: Any,
    errors: Any = None,
    groups: Any = None,
    *,
    name: str = "D",
    scale: str | None = None,
    level: float = 0.95,
    table_level: float | None = None,
) -> NestedSummary:
    """Average curves that lie in nested groups, as cells within dishes within days.

    Curves of one dish, and dishes of one day, have something in common: many cells of two dishes
    are but two dishes. Here each level has a variance of its own, beside the known error of each
    curve; they are estimated together, by restricted maximum likelihood, and intervals go by how
    the groups of the coarsest level differ, which alone are independent experiments.

    Parameters
    ----------
    estimates : FRAPEstimates, table or array-like of shape (n,)
        As in :func:`summarise_replicates`, and what is left out is the same.
    levels : str, sequence of str or dict of str to array-like of shape (n,)
        Names of the columns that say in which group a curve is, from the coarsest level to the
        finest, as ``("day", "dish")`` or ``"day/dish"``; or labels by name. A table that has the
        column ``file`` and none of these takes the folders of each file, the last level being the
        folder it is in. The same name in two groups of a coarser level is two groups.
    errors : array-like of shape (n,), default=None
        Standard errors of an array of values, in natural units. None is unknown: they are then part
        of how curves differ.
    groups : array-like of shape (n,) or str, default=None
        The sample or condition of each curve, or the column that says it. Samples may lie within
        groups, as two treatments on each day, or have groups of their own. None is one sample.
    name : str, default="D"
        What to average, a parameter.
    scale : {"log10", "linear"}, default=None
        None is the parameter's.
    level : float, default=0.95
        Of the intervals.
    table_level : float, default=None
        Level of the intervals in a table that does not say it; None is 0.95.

    Returns
    -------
    NestedSummary
        Its ``contrasts`` compare every two samples.

    Raises
    ------
    ValueError
        If columns are missing, lengths differ, or a curve has no group; and as
        :func:`summarise_replicates`.

    See Also
    --------
    summarise_replicates : Replicates of one level.
    skfrap.JointFRAP : One D for curves that share it.

    Notes
    -----
    Weights are those of the mixed model; intervals have the standard errors CR2 of Bell and
    McCaffrey and Satterthwaite's degrees of freedom [1]_, one less than there are days in balanced
    designs. They hold from three groups of the coarsest level on. A difference of two samples is
    taken within each day where days have both, and between days where they have one.

    References
    ----------
    .. [1] Pustejovsky and Tipton, J. Bus. Econ. Stat. 36, 672-683 (2018).

    Examples
    --------
    >>> from skfrap.replicates import summarise_nested
    >>> D = [10.1, 10.9, 11.2, 11.8, 8.9, 9.3, 9.1, 8.6, 12.1, 11.2, 12.7, 13.1]
    >>> levels = {"day": [1] * 4 + [2] * 4 + [3] * 4, "dish": [1, 1, 2, 2] * 3}
    >>> for line in summarise_nested(D, levels).summary():
    ...     print(line)  # doctest: +NORMALIZE_WHITESPACE
    D = 10.65 µm²/s (95 % interval 7.188 to 15.77, 2 degrees of freedom) from 12 curves in 3 groups
    by day, 6 by dish
    they differ by 15 % from day to day, 4.9 % from dish to dish, 4.1 % from curve to curve
    """
    check_level(level)
    scale = choose_scale(name, scale)
    if isinstance(estimates, FRAPEstimates):
        estimates = estimates.to_dict()
    values, own, reasons = take_replicates(estimates, errors, name, scale, table_level)
    names, members = split_groups(groups, estimates, len(values))
    labels = labels_of_levels(levels, estimates, len(values))
    usable = np.flatnonzero(reasons == "")
    condition = np.empty(len(values), dtype=int)
    for k, rows in enumerate(members):
        condition[rows] = k
    left_out = tuple(tuple(filter(None, reasons[rows])) for rows in members)
    n = np.array([np.count_nonzero(reasons[rows] == "") for rows in members])
    found = _fit(values[usable], own[usable], condition[usable], labels, usable, len(names), level)
    means, pairs, std, converged = found
    mean, lower, upper, _, freedom, _ = np.array(means).T
    pairs_of = [*combinations(range(len(names)), 2)]
    contrasts = None
    if pairs_of:
        between = tuple(left_out[a] + left_out[b] for a, b in pairs_of)
        contrasts = _contrasts(pairs, pairs_of, names, n, between, name, scale, level)
    return NestedSummary(
        name=name,
        scale=scale,
        level=level,
        groups=names,
        levels=(*labels,),
        n=n,
        n_left_out=np.array([len(some) for some in left_out]),
        reasons=left_out,
        counts={
            one: np.array([len({*of_curve[rows[reasons[rows] == ""]]}) for rows in members])
            for one, of_curve in labels.items()
        },
        mean=to_natural(mean, scale),
        lower=to_natural(lower, scale),
        upper=to_natural(upper, scale),
        freedom=freedom,
        std=dict(zip((*labels, _OWN), std, strict=True)),
        within_std=float(np.sqrt(np.mean(own[usable] ** 2))) if len(usable) else np.nan,
        contrasts=contrasts,
        converged=converged,
    )


def _fit(values, errors, condition, labels, usable, n_conditions, level):
    """Fit the samples that have values; return means, contrasts and standard deviations."""
    nothing = (np.nan,) * 6
    pairs = [*combinations(range(n_conditions), 2)]
    if len(values) == 0:
        nans = [np.nan] * (len(labels) + 1)
        return [nothing] * n_conditions, [nothing] * len(pairs), nans, True
    present, condition = np.unique(condition, return_inverse=True)
    levels = [np.unique(one[usable], return_inverse=True)[1] for one in labels.values()]
    told = _told_apart(levels, len(values))
    of_levels = [one for one, is_told in zip(levels, told, strict=True) if is_told]
    fit = fit_mixed(values, errors, condition, of_levels, levels[0])
    place = {int(one): k for k, one in enumerate(present)}
    unit = np.eye(len(present))
    means = [
        tuple(fit.contrast(unit[place[k]], level)) if k in place else nothing
        for k in range(n_conditions)
    ]
    contrasts = [
        tuple(fit.contrast(unit[place[a]] - unit[place[b]], level))
        if a in place and b in place
        else nothing
        for a, b in pairs
    ]
    found = iter(np.sqrt(fit.variances))
    std = [float(next(found)) if is_told else np.nan for is_told in told]
    return means, contrasts, [*std, float(next(found))], fit.converged


def _told_apart(levels, n):
    """Tell which levels have a variance to estimate: not of one group, nor of those of the next."""
    told, finest = [], n
    for one in levels[::-1]:
        count = one.max() + 1
        told.append(1 < count < finest)
        finest = min(finest, count)
    return told[::-1]


def labels_of_levels(levels, estimates, n):
    """Return the group of each curve at each level, by name; those of a coarser level are in it."""
    given = dict(levels) if isinstance(levels, Mapping) else None
    if given is None:
        names = levels.split("/") if isinstance(levels, str) else [*levels]
        names = [str(one).strip() for one in names]
        if not names or not all(names) or len({*names}) < len(names):
            raise ValueError(
                f"levels must be names of columns, each once, as 'day/dish'; got {levels!r}."
            )
        given = _columns_or_folders(names, estimates)
    if not given:
        raise ValueError("levels must name at least one level, as 'day/dish'; got none.")
    labels, coarser = {}, np.zeros(n, dtype=int)
    for name, column in given.items():
        own = names_of_groups(column, f"levels[{name!r}]")
        if own.shape != (n,):
            raise ValueError(
                f"levels[{name!r}] must name a group for each of the {n} curves, got {len(own)}."
            )
        number = np.unique(own, return_inverse=True)[1]
        coarser = np.unique(coarser * (number.max() + 1) + number, return_inverse=True)[1]
        labels[name] = coarser
    return labels


def _columns_or_folders(names, table):
    """Take the labels out of columns, or out of the folders of files."""
    if not is_table(table):
        raise ValueError(f"levels are the columns {names}, and estimates are not a table.")
    if any(name in table for name in names) or "file" not in table:
        missing = [name for name in names if name not in table]
        if missing:
            raise ValueError(
                f"levels must be columns of the table, {', '.join(table)}; got {missing[0]!r}."
            )
        return {name: table[name] for name in names}
    labels = []
    for row, file in enumerate(table["file"]):
        folders = PurePosixPath(str(file).replace("\\", "/")).parts[:-1]
        if len(folders) < len(names):
            raise ValueError(
                f"the table has no columns {names}, and the file {str(file)!r} in row {row} (from "
                f"0) is in {len(folders)} folders; put files into {'/'.join(names)}, or add "
                "columns."
            )
        # What stands above the levels does not make two days of one.
        labels.append(folders[len(folders) - len(names) :])
    return dict(zip(names, zip(*labels, strict=True), strict=True)) if labels else {}


def _contrasts(found, pairs, names, n, left_out, name, scale, level):
    """Hold the contrasts of every two samples as comparisons."""
    effect, lower, upper, t, freedom, p_value = np.array(found).T
    effect, lower, upper = (to_natural(one, scale) for one in (effect, lower, upper))
    first, second = np.array([[names[a], names[b]] for a, b in pairs]).T
    unknown = np.full(len(pairs), np.nan)
    return Comparisons(
        name=name,
        scale=scale,
        level=level,
        labels={"first": first, "second": second},
        n_first=np.array([n[a] for a, _ in pairs]),
        n_second=np.array([n[b] for _, b in pairs]),
        effect=effect,
        lower=lower,
        upper=upper,
        t=t,
        freedom=freedom,
        p_value=p_value,
        p_adjusted=holm(p_value),
        variance_ratio=unknown,
        variance_p_value=unknown,
        reasons=left_out,
    )
