"""Joint fits: one D, or whatever is shared, for the series of a group."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skfrap._checks import check_choice, check_level
from skfrap.estimators._least_squares import LeastSquaresFRAP
from skfrap.inference._patterns import FEWEST_FRAMES, patterns
from skfrap.inference.fitting._joint import JointPart, fit_jointly, fit_with_known
from skfrap.io._samples import curves_of
from skfrap.judging._groups import describe_groups
from skfrap.parameters import parameter
from skfrap.results import JointEstimates
from skfrap.results._groups import ALL, names_of_groups


class JointFRAP(BaseEstimator):
    """Fit the series of a group together: one D for all, the other parameters each their own.

    What is shared is estimated by maximum likelihood from all series of the group; the parameters
    of each series that are not shared, and the variance of its noise, are fitted anew at every
    value of it, so nothing is approximated. From n series that do share a D, its error is that of
    their pooled frames. Whether they share it is tested: if they do not, the interval is too
    narrow, and :func:`skfrap.replicates.summarise_nested` is what asks for the mean.

    Parameters
    ----------
    estimator : LeastSquaresFRAP, default=None
        How single series are fitted: model, protocol, bounds, what is known. It must have
        ``noise="constant"`` and ``loss="squared"``. None is ``LeastSquaresFRAP()``.
    shared : str or sequence of str, default="D"
        What the series of a group have in common, of the parameters that are estimated.
    level : float, default=0.95
        Of the intervals.

    Attributes
    ----------
    estimator_ : LeastSquaresFRAP
        Fitted.
    estimates_ : JointEstimates
        What is shared, for each group, with intervals and the test of sharing.
    groups_ : tuple of str
        Names of the groups, in order of appearance.
    labels_ : ndarray of shape (n_series,) of int
        The group of each series that was fitted.
    theta_, std_ : ndarray of shape (n_series, n_free)
        All that is estimated of each series, in the columns of ``target_names_``, and standard
        errors, which count that of what is shared.
    target_names_ : list of str
        Such as ``["log10_D", "c0", "alpha"]``.

    See Also
    --------
    LeastSquaresFRAP : Every series by itself.
    skfrap.replicates.summarise_nested : Means of series that differ.

    Examples
    --------
    >>> from skfrap import FRAPProtocol, FRAPSimulator, JointFRAP, LeastSquaresFRAP
    >>> protocol = FRAPProtocol()
    >>> truth = {"D": 20.0, "a": 1e-2}
    >>> X = FRAPSimulator(protocol, truth, random_state=0).sample(20).data
    >>> joint = JointFRAP(LeastSquaresFRAP(protocol)).fit(X)
    >>> joint.estimates_.summary()[0]  # doctest: +NORMALIZE_WHITESPACE
    'D = 20.13 µm²/s (95 % interval 20.03 to 20.23) from 20 series; nothing speaks against one value
    (p = 0.25)'
    """

    def __init__(
        self,
        estimator: LeastSquaresFRAP | None = None,
        *,
        shared: str | Sequence[str] = "D",
        level: float = 0.95,
    ):
        self.estimator = estimator
        self.shared = shared
        self.level = level

    def fit(self, X: Any, y: Any = None, groups: ArrayLike | str | None = None) -> Self:
        """Estimate what the series of each group share, and all else of each.

        Parameters
        ----------
        X : array-like of shape (n_series, n_frames), DataFrame or CurveSequence
            Recovery curves; of experiments that differ, in a
            :class:`skfrap.experiment.CurveSequence`.
        y : ignored
            Present for the convention of scikit-learn.
        groups : array-like of shape (n_series,) or str, default=None
            The group of each series, or the column of X, a DataFrame, that says it. None takes all
            for one group.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If what is to be shared is not estimated, the estimator has another loss than least
            squares, a series has no data, or there are not as many groups as series.
        """
        level = check_level(self.level)
        X, names = _without_groups(X, groups)
        estimator = LeastSquaresFRAP() if self.estimator is None else clone(self.estimator)
        _check_estimator(estimator)
        estimator.fit(X)
        shared = self._shared_of(estimator)
        parts, n = _parts(estimator, X)
        self.groups_, self.labels_ = _label(names, n)
        space = parts[0].fitter.space
        columns = [space.column(name) for name in shared]
        found = fit_jointly(parts, self.labels_, columns, level)
        self.estimator_ = estimator
        self.target_names_ = space.target_names
        self.theta_, self.std_ = found.theta, found.std
        with np.errstate(over="ignore"):
            values, lower, upper = (
                {name: parameter(name).from_target(ends[:, k]) for k, name in enumerate(shared)}
                for ends in (found.shared, found.ends[..., 0], found.ends[..., 1])
            )
        self.estimates_ = JointEstimates(
            groups=self.groups_,
            n=np.bincount(self.labels_),
            values=values,
            lower=lower,
            upper=upper,
            level=level,
            converged=found.converged,
            statistic=found.statistic,
            freedom=found.freedom,
            other_freedom=found.other_freedom,
            p_sharing=found.p_value,
            noticed=describe_groups(
                estimator.estimate(X).findings,
                self.labels_,
                {name: space.parameters[k] for name, k in zip(shared, columns, strict=True)},
                (found.shared, found.ends, found.at_lower, found.at_upper),
                estimator.bounds or {},
            ),
        )
        self.shared_ = found.shared
        return self

    def predict(self, X: Any, groups: ArrayLike | str | None = None) -> np.ndarray:
        """Estimate series of groups that were fitted: what is shared is known of them.

        Parameters
        ----------
        X : array-like of shape (n_series, n_frames), DataFrame or CurveSequence
            Recovery curves.
        groups : array-like of shape (n_series,) or str, default=None
            As in :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_series, n_free)
            In the columns of `target_names_`.

        Raises
        ------
        ValueError
            If a group was not fitted.
        """
        check_is_fitted(self)
        X, names = _without_groups(X, groups)
        parts, n = _parts(self.estimator_, X)
        here, labels = _label(names, n)
        unknown = [name for name in here if name not in self.groups_]
        if unknown:
            raise ValueError(
                f"groups must be some of those that were fitted, {', '.join(self.groups_)}; got "
                f"{unknown[0]!r}."
            )
        labels = np.array([self.groups_.index(name) for name in here])[labels]
        columns = [parts[0].fitter.space.column(name) for name in self.estimates_.values]
        return fit_with_known(parts, labels, columns, self.shared_)

    def fit_predict(self, X: Any, y: Any = None, groups: ArrayLike | str | None = None) -> Any:
        """Fit, and return all that is estimated of each series.

        Parameters
        ----------
        X, y, groups : object
            As in :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_series, n_free)
            ``theta_``.
        """
        return self.fit(X, y, groups).theta_

    def _shared_of(self, estimator):
        """Return the names of what is shared, each once and estimated."""
        shared = (self.shared,) if isinstance(self.shared, str) else tuple(self.shared)
        first = estimator.estimators_[0] if estimator.protocol_ is None else estimator
        free = first.space_.free
        if not shared or len({*shared}) < len(shared) or not {*shared} <= {*free}:
            raise ValueError(
                f"shared must be some of what is estimated, {free}, each once; got {self.shared!r}."
            )
        return shared


def _check_estimator(estimator):
    if not isinstance(estimator, LeastSquaresFRAP):
        raise TypeError(
            f"estimator must be a LeastSquaresFRAP, got {type(estimator).__name__}; posteriors and "
            "networks know of single series only."
        )
    check_choice("estimator.noise", estimator.noise, ("constant",))
    check_choice("estimator.loss", estimator.loss, ("squared",))


def _without_groups(X, groups):
    """Return X and the group of each series, which a column of X may tell."""
    if not isinstance(groups, str):
        return X, None if groups is None else names_of_groups(groups)
    if not hasattr(X, "columns"):
        raise ValueError(f"groups is the column {groups!r}, and X is not a DataFrame.")
    if groups not in X.columns:
        raise ValueError(f"groups must be a column of X, got {groups!r}.")
    return X.drop(columns=[groups]), names_of_groups(X[groups])


def _label(names, n):
    """Return the groups in order of appearance, and the number of each series' group."""
    if names is None:
        names = np.full(n, ALL)
    if len(names) != n:
        raise ValueError(f"groups must name one for each of the {n} series, got {len(names)}.")
    groups = tuple(dict.fromkeys(names.tolist()))
    number = {name: k for k, name in enumerate(groups)}
    return groups, np.array([number[name] for name in names.tolist()])


def _parts(estimator, X):
    """Fit each series by itself; return those of one fitter together, and how many there are."""
    samples = curves_of(X)
    if samples is None or estimator.protocol_ is not None:
        if samples is not None:
            X = estimator._as_array(samples)
        X = estimator._check_curves(X)
        return _parts_of(estimator, X, np.arange(len(X))), len(X)
    parts = []
    for protocol, places in samples.by_protocol():
        curves = samples.rows(places)
        one = estimator._like_self(estimator._found(protocol, curves))
        parts += _parts_of(one, one._check_curves(curves), places)
    return parts, len(samples)


def _parts_of(estimator, X, places):
    """Return the parts of curves of one experiment: one, but where curves lack frames."""
    if estimator._fitter.objective is not None:
        raise ValueError("a joint fit takes curves of one row each, got a protocol of several.")
    if not np.isnan(X).any():
        return [JointPart(estimator._fitter, X, estimator._fits(X), places)]
    parts = []
    for rows, frames in patterns(X):
        if len(frames) < FEWEST_FRAMES:
            raise ValueError(
                f"series {places[rows[0]]} (from 0) of X has {len(frames)} values, in which there "
                "is no fit; leave it out."
            )
        some = estimator._at(frames, rows, len(X))
        curves = np.ascontiguousarray(X[rows][:, frames])
        parts.append(JointPart(some._fitter, curves, some._fits(curves), places[rows]))
    return parts
