"""Replicates of a sample: their mean with an honest interval, and comparisons of samples.

An interval of one curve says how well that curve determines D. How D varies from replicate to
replicate it does not say, and that is mostly more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from skfrap._checks import check_level
from skfrap.parameters import is_parameter, parameter
from skfrap.replicates._input import (
    ALL,
    choose_scale,
    split_groups,
    take_replicates,
    to_natural,
)
from skfrap.replicates._statistics import holm, paired, random_effects, welch
from skfrap.results import Finding
from skfrap.results._finding import as_labels, count_in_words, in_words
from skfrap.results._tables import Columns

_SIGNIFICANT = 0.05
_TOO_ALIKE = 0.995  # p-value from which replicates vary less than their errors let them


@dataclass(frozen=True, eq=False)
class ReplicateSummary(Columns):
    """Hold the mean of the replicates of each group; every array has one entry per group.

    Attributes
    ----------
    name : str
        What was estimated.
    scale : {"log10", "linear"}
        On which replicates were averaged. On a logarithmic scale the mean is the geometric one, and
        standard deviations are in decades.
    level : float
        Of the intervals.
    groups : tuple of str
    n, n_left_out : ndarray of shape (n_groups,) of int
        Replicates that were averaged, and others: failed, unusable and doubtful ones.
    reasons : tuple of n_groups tuples of str
        Why replicates were left out, in a word or two for each.
    mean, lower, upper : ndarray of shape (n_groups,)
        In natural units. The ends are NaN for a single replicate.
    between_std, between_lower, between_upper, within_std : ndarray of shape (n_groups,)
        Standard deviation between replicates, its interval, and the typical standard error of a
        replicate, on the scale.
    p_between : ndarray of shape (n_groups,)
        How often replicates vary as much by their errors alone.
    values, errors : tuple of ndarray
        The replicates of each group that were averaged, in natural units, and their standard errors
        on the scale.
    """

    name: str
    scale: str
    level: float
    groups: tuple[str, ...]
    n: np.ndarray
    n_left_out: np.ndarray
    reasons: tuple[tuple[str, ...], ...]
    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    between_std: np.ndarray
    between_lower: np.ndarray
    between_upper: np.ndarray
    within_std: np.ndarray
    p_between: np.ndarray
    values: tuple[np.ndarray, ...]
    errors: tuple[np.ndarray, ...]

    def __len__(self):
        return len(self.groups)

    @property
    def unit(self):
        """Unit of the values, empty where there is none."""
        return parameter(self.name).unit if is_parameter(self.name) else ""

    @property
    def findings(self):
        """What is to be known of each group's mean: a tuple of findings for each."""
        return tuple(tuple(self._findings(g)) for g in range(len(self)))

    @property
    def flags(self):
        """What is to be known of each group's mean, in words."""
        return np.array([in_words(some) for some in self.findings], dtype=str)

    def _findings(self, g):
        if self.n[g] == 0:
            yield Finding.of("no_usable_replicate", f"no replicate tells {self.name}")
        if self.n_left_out[g]:
            why = count_in_words(self.reasons[g])
            yield Finding.of("replicates_left_out", f"{self.n_left_out[g]} left out ({why})")
        if self.n[g] == 1:
            words = "how replicates differ is not known, nor an interval"
            yield Finding.of("single_replicate", words)
        if self.p_between[g] > _TOO_ALIKE:
            words = "the errors of replicates are too large for values so alike"
            remedy = "does the model describe them?"
            yield Finding.of("replicates_too_alike", words, remedy=remedy)

    def relative(self, std: np.ndarray) -> np.ndarray:
        """Turn standard deviations on the scale into parts of the mean.

        Parameters
        ----------
        std : ndarray of shape (n_groups,)
            On the scale of the summary.

        Returns
        -------
        ndarray of shape (n_groups,)
            Coefficients of variation; on a logarithmic scale, of a log-normal distribution.
        """
        if self.scale == "log10":
            with np.errstate(over="ignore"):  # replicates of which one is 0, but for rounding
                return np.sqrt(np.expm1((np.log(10) * std) ** 2))
        return std / np.abs(self.mean)

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name; those that end in ``_percent`` are parts of the mean.

        Returns
        -------
        dict
            Columns by name.
        """
        column = parameter(self.name).column if is_parameter(self.name) else self.name
        columns = {"group": np.array(self.groups), "n": self.n, "n_left_out": self.n_left_out}
        ends = {"": self.mean, "_lower": self.lower, "_upper": self.upper}
        columns |= {column + end: values for end, values in ends.items()}
        spreads = ("between_std", "between_lower", "between_upper", "within_std")
        columns |= {name: getattr(self, name) for name in spreads}
        columns |= {
            f"{name}_percent": 100 * self.relative(getattr(self, f"{name}_std"))
            for name in ("between", "within")
        }
        labels = np.array([as_labels(some) for some in self.findings], dtype=str)
        columns |= {"p_between": self.p_between, "flags": self.flags, "findings": labels}
        return columns | {
            "level": np.full(len(self), self.level),
            "scale": [self.scale] * len(self),
        }

    def _line(self, g):
        n, unit = self.n[g], f" {self.unit}".rstrip()
        line = "" if self.groups == (ALL,) else f"{self.groups[g]}: "
        words = {one.code: str(one) for one in self.findings[g]}
        left_out = words.pop("replicates_left_out", "")
        out = f", {left_out}" if left_out else ""
        if n == 0:
            return f"{line}{words['no_usable_replicate']}{out}"
        mean, lower, upper = (f"{x[g]:.4g}" for x in (self.mean, self.lower, self.upper))
        if n == 1:
            line += f"{self.name} = {mean}{unit} from 1 replicate{out}"
            return "; ".join([line, *words.values()])
        line += (
            f"{self.name} = {mean}{unit} ({100 * self.level:g} % interval {lower} to {upper}) "
            f"from {n} replicates{out}"
        )
        between, low, high = (
            f"{100 * self.relative(std)[g]:.2g}"
            for std in (self.between_std, self.between_lower, self.between_upper)
        )
        line += f"; they differ by {between} % ({low} to {high})"
        if self.within_std[g] > 0:
            line += f" beyond their errors of {100 * self.relative(self.within_std)[g]:.2g} %"
        return "; ".join([line, *words.values()])


@dataclass(frozen=True, eq=False)
class Comparisons(Columns):
    """Hold tests of pairs of groups or methods; every array has one entry per pair.

    Attributes
    ----------
    name, scale, level : object
        As in :class:`ReplicateSummary`.
    labels : dict of str to ndarray of shape (n_pairs,)
        What is compared: ``first``, ``second``, and the ``group`` in which methods are.
    n_first, n_second : ndarray of shape (n_pairs,) of int
    effect, lower, upper : ndarray of shape (n_pairs,)
        On a logarithmic scale the first mean over the second, on a linear one the first less the
        second, with intervals (not adjusted for the number of pairs).
    t, freedom, p_value : ndarray of shape (n_pairs,)
        Of the t test of means.
    p_adjusted : ndarray of shape (n_pairs,)
        For the number of pairs, after Holm.
    variance_ratio, variance_p_value : ndarray of shape (n_pairs,)
        Of first over second, and the p-value of equal variances.
    reasons : tuple of n_pairs tuples of str
        Why replicates of either were left out, in a word or two for each.
    """

    name: str
    scale: str
    level: float
    labels: dict
    n_first: np.ndarray
    n_second: np.ndarray
    effect: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    t: np.ndarray
    freedom: np.ndarray
    p_value: np.ndarray
    p_adjusted: np.ndarray
    variance_ratio: np.ndarray
    variance_p_value: np.ndarray
    reasons: tuple[tuple[str, ...], ...]

    def __len__(self):
        return len(self.p_value)

    @property
    def n_left_out(self):
        """How many replicates of either were left out."""
        return np.array([len(some) for some in self.reasons])

    def to_dict(self) -> dict[str, Any]:
        """Return the columns by name; the effect is called ``ratio`` or ``difference``.

        Returns
        -------
        dict
            Columns by name.
        """
        what = "ratio" if self.scale == "log10" else "difference"
        columns = self.labels | {"n_first": self.n_first, "n_second": self.n_second}
        columns |= {"n_left_out": self.n_left_out}
        columns |= {what: self.effect, f"{what}_lower": self.lower, f"{what}_upper": self.upper}
        others = ("t", "freedom", "p_value", "p_adjusted", "variance_ratio", "variance_p_value")
        columns |= {name: getattr(self, name) for name in others}
        return columns | {
            "level": np.full(len(self), self.level),
            "scale": [self.scale] * len(self),
        }

    def _line(self, k):
        labels = {name: values[k] for name, values in self.labels.items()}
        group = labels.get("group", ALL)
        line = "" if group == ALL else f"{group}, "
        line += f"{labels['first']} against {labels['second']}: "
        if not np.isfinite(self.p_value[k]):
            return f"{line}too few replicates that differ to compare {self.name}"
        effect, lower, upper = (f"{x[k]:.4g}" for x in (self.effect, self.lower, self.upper))
        what = "is {} times as large" if self.scale == "log10" else "is larger by {}"
        line += f"{self.name} {what.format(effect)} ({100 * self.level:g} % interval {lower} to "
        line += f"{upper}; p = {self.p_value[k]:.2g}"
        if len(self) > 1:
            line += f", {self.p_adjusted[k]:.2g} adjusted for {len(self)} comparisons"
        verdict = "differ" if self.p_adjusted[k] < _SIGNIFICANT else "are not seen to differ"
        line += f"): the means {verdict}"
        if self.variance_p_value[k] < _SIGNIFICANT:
            line += f"; so do the variances (ratio {self.variance_ratio[k]:.3g}, p = "
            line += f"{self.variance_p_value[k]:.2g})"
        if self.reasons[k]:
            line += f"; {len(self.reasons[k])} left out ({count_in_words(self.reasons[k])})"
        return line


def summarise_replicates(
    estimates, errors=None, groups=None, *, name="D", scale=None, level=0.95, table_level=None
):
    """Average the replicates of each group, with an interval that holds for further replicates.

    Variance between replicates and the errors of each are told apart (a random-effects model).
    What is positive and spreads over decades, as D, is averaged on a logarithmic scale: the mean is
    the geometric one, and its interval says within which factor it is known.

    Parameters
    ----------
    estimates : FRAPEstimates, table or array-like of shape (n,)
        One entry per curve. A table is a DataFrame or dictionary with the columns of FRAPEstimates,
        as ``skfrap estimate --out`` writes it; errors are then taken from the intervals, and what
        has an unusable or a doubtful finding is left out: what is poorly determined, has not
        converged, or is of a model that does not describe the curve. So is what a table has twice
        (by its column ``file``), an interval with its ends exchanged or without the value in it,
        and, in a table without findings, what has flags. An array holds values in natural units.
        Not a number, None and masked values are left out.
    errors : array-like of shape (n,), default=None
        Standard errors of an array of values, in natural units. None counts all variance as between
        replicates, which changes the interval of the mean but little.
    groups : array-like of shape (n,) or str, default=None
        Which sample each curve is a replicate of, or the column of the table that says it. None
        takes all for replicates of one.
    name : str, default="D"
        What to average, a parameter.
    scale : {"log10", "linear"}, default=None
        None is the parameter's.
    level : float, default=0.95
        Of the intervals.
    table_level : float, default=None
        Level of the intervals in a table that does not say it; None is 0.95. Tables of skfrap have
        a column ``level``, which holds for each row.

    Returns
    -------
    ReplicateSummary

    Raises
    ------
    ValueError
        If columns are missing, lengths differ, values do not go with the scale, a cell is no number
        or not TRUE or FALSE where it should be, a curve has no group, or two rows of a table are of
        one file and have different values.

    See Also
    --------
    compare_groups : Several groups.

    Examples
    --------
    >>> from skfrap.replicates import summarise_replicates
    >>> summary = summarise_replicates([24.0, 29.0, 22.0, 26.0], errors=[1.0, 1.0, 1.0, 1.0])
    >>> summary.summary()[0]  # doctest: +NORMALIZE_WHITESPACE
    'D = 25.18 µm²/s (95 % interval 20.88 to 30.36) from 4 replicates; they differ by 11 % (5.3 to
    46) beyond their errors of 4 %'
    """
    check_level(level)
    scale = choose_scale(name, scale)
    values, errors, reasons = take_replicates(estimates, errors, name, scale, table_level)
    names, members = split_groups(groups, estimates, len(values))
    kept = [rows[reasons[rows] == ""] for rows in members]
    left_out = tuple(tuple(filter(None, reasons[rows])) for rows in members)
    found = [random_effects(values[rows], errors[rows], level) for rows in kept]
    columns = _columns(found)
    columns["p_between"] = columns.pop("p_value")
    for end in ("mean", "lower", "upper"):
        columns[end] = to_natural(columns[end], scale)
    return ReplicateSummary(
        name=name,
        scale=scale,
        level=level,
        groups=names,
        n=np.array([len(rows) for rows in kept]),
        n_left_out=np.array([len(some) for some in left_out]),
        reasons=left_out,
        values=tuple(to_natural(values[rows], scale) for rows in kept),
        errors=tuple(errors[rows] for rows in kept),
        **columns,
    )


def compare_groups(
    estimates: Any, groups: Any, *, name: Any = "D", scale: Any = None, level: Any = 0.95
) -> Comparisons:
    """Compare every two groups of replicates: Welch's t test of means, F test of variances.

    Each replicate counts once, whatever its error: the errors are part of how replicates vary. The
    F test is sensitive to single replicates that are far off.

    Parameters
    ----------
    estimates : FRAPEstimates, table or array-like of shape (n,)
        One value for each replicate, or results that hold them.
    groups : array-like of shape (n,) or str
        The group of each.
    name, scale, level : object
        As in :func:`summarise_replicates`.

    Returns
    -------
    Comparisons

    See Also
    --------
    compare_methods : The same curves, estimated in two ways.
    summarise_replicates : One group.

    Examples
    --------
    >>> from skfrap.replicates import compare_groups
    >>> compare_groups([24.0, 29.0, 22.0, 60.0, 75.0, 66.0], list("aaabbb")).effect.round(3)
    array([0.372])
    """
    check_level(level)
    scale = choose_scale(name, scale)
    values, _, reasons = take_replicates(estimates, None, name, scale)
    usable = reasons == ""
    names, members = split_groups(groups, estimates, len(values))
    if len(names) < 2:
        raise ValueError(f"groups must name at least two groups to compare, got {names}.")
    kept = {name: values[rows[usable[rows]]] for name, rows in zip(names, members, strict=True)}
    why = [tuple(filter(None, reasons[rows])) for rows in members]
    pairs = [*combinations(names, 2)]
    left_out = tuple(a + b for a, b in combinations(why, 2))
    found = [(welch(kept[a], kept[b], level), len(kept[a]), len(kept[b])) for a, b in pairs]
    first, second = np.array(pairs).T
    return _comparisons(found, {"first": first, "second": second}, left_out, name, scale, level)


def compare_methods(methods, groups=None, *, name="D", scale=None, level=0.95, pair=True):
    """Compare every two methods on the same curves, in each group.

    Parameters
    ----------
    methods : dict of str to (FRAPEstimates, table or array-like of shape (n,))
        Estimates of the same curves, in the same order, by the method's name.
    groups : array-like of shape (n,) or str, default=None
        As in :func:`summarise_replicates`.
    name, scale, level : object
        As in :func:`summarise_replicates`.
    pair : bool, default=True
        Whether to compare curve by curve: the paired t test, and Pitman and Morgan's of variances.
        Curves vary more than methods do, and differences are lost in that otherwise. False treats
        methods as if they had seen different curves, as Welch's and Fisher's tests do.

    Returns
    -------
    Comparisons

    See Also
    --------
    compare_groups : Groups of replicates.
    summarise_replicates : One group.

    Examples
    --------
    >>> from skfrap.replicates import compare_methods
    >>> methods = {"fit": [24.0, 29.0, 22.0], "network": [24.4, 29.8, 22.3]}
    >>> compare_methods(methods).summary()[0]  # doctest: +NORMALIZE_WHITESPACE
    'fit against network: D is 0.9811 times as large (95 % interval 0.9637 to 0.9988; p = 0.044):
    the means differ'
    """
    check_level(level)
    scale = choose_scale(name, scale)
    if not isinstance(methods, Mapping) or len(methods) < 2:
        raise ValueError(
            "methods must be a dictionary of at least two methods' estimates by name, "
            f"got {methods!r}."
        )
    taken = {method: take_replicates(one, None, name, scale) for method, one in methods.items()}
    sizes = {method: len(values) for method, (values, *_) in taken.items()}
    if len({*sizes.values()}) > 1:
        raise ValueError(f"methods must be of the same curves, got {sizes} of them.")
    names, members = split_groups(groups, next(iter(methods.values())), next(iter(sizes.values())))
    labels, found, left_out = [], [], []
    for group, rows in zip(names, members, strict=True):
        for first, second in combinations(methods, 2):
            (one, _, reasons), (other, _, other_reasons) = taken[first], taken[second]
            usable, other_usable = reasons == "", other_reasons == ""
            if pair:
                usable = other_usable = usable & other_usable
            samples = one[rows[usable[rows]]], other[rows[other_usable[rows]]]
            labels.append((group, first, second))
            either = np.where(reasons == "", other_reasons, reasons)[rows]
            left_out.append(tuple(filter(None, either)))
            sizes = (len(sample) for sample in samples)
            found.append(((paired if pair else welch)(*samples, level), *sizes))
    columns = dict(zip(("group", "first", "second"), np.array(labels).T, strict=True))
    return _comparisons(found, columns, tuple(left_out), name, scale, level)


def _comparisons(found, labels, left_out, name, scale, level):
    tests, n_first, n_second = zip(*found, strict=True)
    columns = _columns(tests)
    effect = columns.pop("difference")
    ends = (to_natural(one, scale) for one in (effect, columns.pop("lower"), columns.pop("upper")))
    effect, lower, upper = ends
    return Comparisons(
        name=name,
        scale=scale,
        level=level,
        labels=labels,
        n_first=np.array(n_first),
        n_second=np.array(n_second),
        effect=effect,
        lower=lower,
        upper=upper,
        p_adjusted=holm(columns["p_value"]),
        reasons=left_out,
        **columns,
    )


def _conventions(results):
    """Return the columns without which others cannot be read."""
    return {"level": np.full(len(results), results.level), "scale": [results.scale] * len(results)}


def _columns(results):
    """Turn named tuples into arrays by name."""
    return dict(zip(results[0]._fields, np.array(results).T, strict=True))
