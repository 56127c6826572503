"""What the columns of y are: by their names, by what is asked, or by what the curves tell.

Meta-estimators of scikit-learn hand over y without names, and often one column of several. What it
then is can be seen: the curves beside it tell their parameters, and y follows one of these.
"""

from dataclasses import dataclass

import numpy as np

from skfrap.parameters._targets import check_target_names

_MOST_ROWS = 256  # that are asked for what their curves tell
_SLACK = 1e-9  # of bounds, for rounding
_REACH = 3.0  # standard errors
# Labels of another origin than the curves, or curves that are not corrected yet, may well be so far
# off.
_OFF_DECADES, _OFF_SHARE = 0.5, 0.3
# So far off, and yet going with what the curves tell, they can but be on another scale.
_FAR_DECADES, _FAR_SHARE = 1.0, 0.5
_MOST_OFF = 0.5  # of the curves: more are no outliers
_FOLLOWS, _FOLLOWS_BY_CHANCE = 0.3, 4.0  # least rank correlation, and in standard errors of none
_CLOSELY = 0.8  # rank correlation of what is surely the same quantity
_LIKE_STANDARDISED = 0.2  # so near to 0 and 1 are means and spreads of parts of what was scaled
_LITTLE = 0.25  # of how much curves differ in a target, or of another distance
_MANY_ERRORS, _LEAST_ERROR = 10.0, 1e-6
_CLEARLY, _NEARER = 0.2, 0.5  # by how much another target must fit better: correlation, distance


@dataclass(frozen=True, eq=False)
class TargetChoice:
    """What the columns of y are taken for.

    Attributes
    ----------
    names : list of str
        Targets, in the order of the columns.
    doubt : str
        Why y may be something else; empty where it is as it should be.
    unlike : bool
        Whether what the curves tell says that y is something else.
    """

    names: list
    doubt: str = ""
    unlike: bool = False


def choose_targets(X, y, named, asked, space, tell=None):
    """Find out which targets the columns of y are.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames)
    y : ndarray of shape (n,) or (n, n_columns)
    named : list of str or None
        Names of y's columns; they decide.
    asked : list of str or None
        The argument `target_names`, which decides where y has no names. None is the target that a
        column follows, or else the first ones.
    space : ParameterSpace
        What is estimated, in which bounds.
    tell : callable or None
        ``tell(X)`` returns what curves tell of all parameters of the space and the standard errors
        of that, both (n, n_free).

    Returns
    -------
    TargetChoice

    Raises
    ------
    ValueError
        If names are unknown, numbers of columns do not agree, or y has names and is not on the
        scale or within the bounds of what it names.
    """
    possible = space.target_names
    y = np.asarray(y, dtype=float).reshape(len(y), -1)
    if asked is not None:
        check_target_names(asked, possible, "target_names")
    evidence = _Evidence(X, y, space, tell)
    if named is not None:
        check_target_names(named, possible, "y")
        if asked is not None and {*asked} != {*named}:
            raise ValueError(
                f"target_names are {asked} and the columns of y are {named}: give y those columns, "
                "or leave target_names=None."
            )
        refusals = [evidence.refusal(k, name) for k, name in enumerate(named)]
        if any(refusals):
            raise ValueError(
                f"y does not hold what its names say: {'; '.join(filter(None, refusals))}. "
                f"{_remedy(named)}"
            )
        return _with_doubts(evidence, named, "y")
    n_columns = y.shape[1]
    if n_columns > len(possible if asked is None else asked):
        raise ValueError(
            f"y must have the columns {possible if asked is None else asked} or "
            f"{'the first' if asked is None else 'one'} of them, got shape {y.shape}."
        )
    assumed = possible[:n_columns] if asked is None else asked[:n_columns]
    settled = asked is not None and len(asked) == n_columns
    found = assumed if settled else evidence.recognised(assumed, asked or possible)
    if asked is not None and not settled and not evidence.is_followed(found):
        raise ValueError(
            f"y has no names and {n_columns} of the {len(asked)} columns of target_names = "
            f"{asked}, and does not follow any of them; give y names, as DataFrames and Series "
            "have, or say in target_names what it holds."
        )
    return _with_doubts(evidence, found, "y has no names and")


def _with_doubts(evidence, names, who):
    doubts = [evidence.doubt(k, name) for k, name in enumerate(names)]
    if not any(doubts):
        return TargetChoice([*names])
    return TargetChoice(
        [*names],
        f"{who} is taken for {[*names]}, but {'; '.join(filter(None, doubts))}. {_remedy(names)}",
        any(evidence.is_unlike(k, name) for k, name in enumerate(names)),
    )


def _remedy(names):
    logarithms = [name for name in names if name.startswith("log10_")]
    scale = f" ({logarithms[0]} is a logarithm to base 10)" if logarithms else ""
    return (
        f"Targets are on their own scales{scale}: say what y holds by names of its columns or by "
        "target_names=..., and give wider bounds where it is right."
    )


class _Evidence:
    """What bounds and curves say of the columns of y."""

    def __init__(self, X, y, space, tell):
        self.X, self.y, self.space, self.tell = X, y, space, tell
        self.names = space.target_names
        self._told = None
        self._found = {}

    def told(self):
        """Return some rows, and what their curves tell: rows, theta and standard errors."""
        if self._told is None:
            rows = np.flatnonzero(np.isfinite(self.X).all(axis=1) & np.isfinite(self.y).all(axis=1))
            if len(rows) > _MOST_ROWS:
                rows = rows[np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(int)]
            if self.tell is None or len(rows) == 0:
                self._told = rows[:0], None, None
            else:
                self._told = rows, *self.tell(self.X[rows])
        return self._told

    def compare(self, k, name):
        """Compare a column of y with what the curves tell of a target; None where they do not."""
        if (k, name) not in self._found:
            rows, theta, errors = self.told()
            found = None
            if theta is not None:
                column = self.names.index(name)
                entry = self.space.parameters[column]
                found = _Comparison.of(self.y[rows, k], theta[:, column], errors[:, column], entry)
            self._found[k, name] = found
        return self._found[k, name]

    def beyond(self, k, name):
        """Say how far a column lies outside of the bounds of a target, if it does."""
        column = self.names.index(name)
        lower, upper = self.space.lower[column], self.space.upper[column]
        low, high = np.nanmin(self.y[:, k]), np.nanmax(self.y[:, k])
        if low >= lower - _SLACK and high <= upper + _SLACK:
            return ""
        return (
            f"column {k} runs from {low:.4g} to {high:.4g}, and {name} is bounded by {lower:.4g} "
            f"and {upper:.4g}"
        )

    def is_unlike(self, k, name):
        """Tell whether curves say that a column is something else than a target."""
        compared = self.compare(k, name)
        if compared is None:
            return False
        others = self.rival(k, name, self.names), self.nearest(k, name)
        return not compared.agrees or others != (name, name)

    def doubt(self, k, name):
        """Say what speaks against a column being a target."""
        beyond = self.beyond(k, name)
        if not self.is_unlike(k, name):
            return beyond
        rival = self.rival(k, name, self.names)
        if rival != name:
            return f"column {k} follows {rival} in what the curves tell"
        if self.nearest(k, name) != name:
            return f"column {k} is much nearer to {self.nearest(k, name)} in what the curves tell"
        distance = self.compare(k, name).distance
        return beyond or (
            f"column {k} differs from {name} as the curves tell it, by a median of {distance:.2g}"
        )

    def refusal(self, k, name):
        """Say why a column cannot be the target that it is named."""
        beyond = self.beyond(k, name)
        compared = self.compare(k, name)
        if beyond or compared is None or not compared.is_on_another_scale:
            return beyond
        return f"{self.doubt(k, name)}, and yet follows it: it is on another scale"

    def is_followed(self, names):
        """Tell whether all columns clearly follow targets."""
        found = [self.compare(k, name) for k, name in enumerate(names)]
        return all(one is not None and one.agrees and one.follows for one in found)

    def recognised(self, assumed, possible):
        """Return the targets that columns follow, and where they follow no other those assumed."""
        found = [self.rival(k, name, possible) for k, name in enumerate(assumed)]
        return found if len({*found}) == len(found) else [*assumed]

    def rival(self, k, assumed, possible):
        """Return the target that a column clearly follows, else the one assumed."""
        return self._best(k, assumed, possible, _Comparison.is_clearly_better_than)

    def nearest(self, k, assumed):
        """Return the target that a column lies much nearer to, else the one assumed."""
        return self._best(k, assumed, self.names, _Comparison.is_much_nearer_than)

    def _best(self, k, assumed, possible, is_better):
        first = self.compare(k, assumed)
        if first is None:
            return assumed
        others = {name: self.compare(k, name) for name in possible if name != assumed}
        better = {name: one for name, one in others.items() if is_better(one, first)}
        return min(better, key=lambda name: better[name].distance) if better else assumed


@dataclass(frozen=True)
class _Comparison:
    """How a column of y compares with what the curves tell of one target."""

    distance: float  # the median
    in_errors: float  # the same, in standard errors
    correlation: float  # of ranks
    agrees: bool
    follows: bool
    is_on_another_scale: bool
    is_of_few: bool

    @classmethod
    def of(cls, y, theta, errors, entry):
        distance = np.abs(y - theta)
        size = 1.0 if entry.is_logarithmic else np.median(np.abs(theta))
        off, far = (
            (_OFF_DECADES, _FAR_DECADES) if entry.is_logarithmic else (_OFF_SHARE, _FAR_SHARE)
        )
        uncertain = _REACH * np.where(np.isfinite(errors), errors, np.inf)
        correlation = _rank_correlation(y, theta)
        chance = _FOLLOWS_BY_CHANCE / np.sqrt(max(1, len(y) - 1))
        follows = correlation >= max(_FOLLOWS, chance)
        # Where curves differ clearly y must go with them.
        little = _LITTLE * np.std(theta)
        unrelated = (
            chance <= 1
            and not follows
            and np.median(errors) < little
            and np.median(distance) > little
        )
        agrees = np.mean(distance > off * size + uncertain) <= _MOST_OFF and not unrelated
        far_off = np.mean(distance > far * size + uncertain) > _MOST_OFF
        standardised = max(abs(np.mean(y)), abs(np.std(y) - 1)) < _LIKE_STANDARDISED
        return cls(
            float(np.median(distance)),
            float(np.median(distance / np.maximum(errors, _LEAST_ERROR))),
            correlation,
            bool(agrees),
            bool(follows),
            bool(
                (far_off or (standardised and not agrees))
                and abs(correlation) >= max(_CLOSELY, chance)
            ),
            chance > 1,
        )

    def is_clearly_better_than(self, other):
        """Tell whether this is what y is, rather than another target."""
        return (
            self.agrees
            and self.follows
            and self.correlation > other.correlation + _CLEARLY
            and self.distance < _NEARER * other.distance
        )

    def is_much_nearer_than(self, other):
        """Tell whether y is hardly something else, be it of a few curves or of like ones."""
        if self.is_of_few:  # which cannot show what they follow
            return self.in_errors < _REACH and self.in_errors < _NEARER * other.in_errors
        return (
            self.in_errors < _REACH
            and other.in_errors > _MANY_ERRORS
            and self.distance < _LITTLE * other.distance
        )


def _rank_correlation(one, other):
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0  # of a constant there is none
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values):
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - 0.5 * (counts - 1))[place]
