"""Samples that bring their protocols: each is answered by the estimator of its own experiment.

An estimator without a protocol that is fitted to a CurveSequence prepares an estimator like itself
for each protocol in it, and for others when it meets them. Samples of one protocol are answered in
one batch, as that estimator alone would answer them, and all rows are put in order again.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skfrap import __version__
from skfrap._state import public_fitted, set_public_fitted
from skfrap.io._samples import curves_of
from skfrap.models import ImageScores
from skfrap.numerics._lazy import is_lazy, read_rows, row_slices
from skfrap.numerics._progress import shown, side_by_side
from skfrap.parameters import ParameterSpace

_MOST_UNSEEN = 32  # experiments that were not fitted, of which the latest are kept prepared
_SHOWN = 5
_OF_ONE_MODEL = "_fitter", "_simpler", "_posterior", "_n_nodes"  # what fits to arrays leave
_IN_THREADS = "predict", "predict_interval"  # chunk by chunk, where an estimator answers so
_Method = TypeVar("_Method", bound=Callable[..., Any])


def fits_samples(fit: _Method) -> _Method:
    """Let ``fit(self, X, y, ...)`` take samples that bring their protocols."""

    @wraps(fit)
    def fitted(self, X, y=None, *args, **kwargs):
        samples = curves_of(X)
        if samples is not None and self.protocol is None:
            return self._fit_samples(samples, y, *args, **kwargs)
        self._forget_samples()
        if samples is not None:
            X = self._as_array(samples)
        return fit(self, X, y, *args, **kwargs)

    return cast(_Method, fitted)


def answers_samples(method: _Method) -> _Method:
    """Let ``method(self, X, ...)`` take samples that bring their protocols."""
    return _answering(method, joined=True)


def answers_one_experiment(method: _Method) -> _Method:
    """As `answers_samples`, for what cannot be said of several experiments together."""
    return _answering(method, joined=False)


def _answering(method, joined):
    @wraps(method)
    def answered(self, X, *args, **kwargs):
        if joined and is_lazy(X):
            return _answer_in_chunks(self, X, method, *args, **kwargs)
        samples = curves_of(X)
        if samples is not None:
            check_is_fitted(self)
            if not joined:
                _check_one_experiment(samples, method.__name__)
            answer = self._answer_samples(samples, method, *args, **kwargs)
            return _with_findings(answer, samples)
        if self._brought:
            raise ValueError(
                f"X is an array, and this {type(self).__name__} was fitted to samples that bring "
                "their protocols: give skfrap.experiment.CurveSequence(X, protocol), or fit again "
                "with protocol=... for all samples."
            )
        return method(self, X, *args, **kwargs)

    return answered


def _answer_in_chunks(estimator, X, answer, /, *args, **kwargs):
    """Answer curves that are not in memory, some thousands at a time."""
    check_is_fitted(estimator)
    places = [np.arange(rows.start, rows.stop) for rows in row_slices(X.shape[0])]

    one_reads = Lock()  # not all that can be read in parts can be so by several threads

    def answered(some):
        own = copy.copy(estimator)
        if hasattr(own, "_take_rows"):
            own._take_rows(some, X.shape[0])
        with one_reads:
            curves = read_rows(X, slice(some[0], some[-1] + 1))
        return answer(own, curves, *args, **kwargs)

    in_threads = estimator._answers_in_threads and answer.__name__ in _IN_THREADS
    each = side_by_side if in_threads else map
    found = shown(each(answered, places), answer.__name__, total=len(places))
    return join_samples([*found], places)


class OwnProtocols:
    """Fit samples that bring their protocols, each by the model of its own experiment.

    Fitted to such, an estimator has `estimators_`, a list of estimators like itself, one for each
    protocol; `protocol_` is None. A subclass says in ``_settle(samples, y)`` what it answers in.
    """

    _answers_in_threads = False  # whether it is mostly work that threads do side by side

    @property
    def _brought(self):
        """Whether the samples that were fitted brought their protocols."""
        return "estimators_" in vars(self)

    def for_protocol(self, protocol: Any) -> Any:
        """Return the estimator of one experiment, of samples that brought their protocols.

        Pictures, comparisons and whatever else asks a single model take it.

        Parameters
        ----------
        protocol : FRAPProtocol
            One of those that were fitted, or asked for since.

        Returns
        -------
        estimator
            Fitted, of the same class, with this protocol.

        Raises
        ------
        ValueError
            If there is none of this protocol.
        """
        check_is_fitted(self)
        prepared = self._prepared()
        if protocol not in prepared:
            raise ValueError(
                f"none of the {len(prepared)} experiments that were fitted has the protocol "
                f"{protocol!r}; fit to samples of it, or give protocol=... to the estimator."
            )
        return self._like_self(prepared[protocol])

    # Fits and answers

    def _fit_samples(self, samples, y=None, sample_weight=None):
        """Prepare an estimator for each protocol."""
        if sample_weight is not None:
            _check_sample_weight(sample_weight, np.empty((len(samples), 1)))
        self._forget_samples(everything=True)
        made = []
        for protocol, places in samples.by_protocol():
            with _of_which(places, len(samples)):
                made.append(self._of_protocol(protocol).fit(samples.rows(places)))
        names = [one.space_.target_names for one in made]
        other = next((some for some in names if some != names[0]), None)
        if other is not None:
            raise ValueError(
                f"samples differ in what is estimated, {names[0]} and {other}; fit them apart, or "
                "say what to estimate."
            )
        self.protocol_, self.estimators_ = None, made
        self._settle(samples, y)
        for one in made:
            self._hand_over(one)
        self.skfrap_version_ = __version__
        return self

    def _answer_samples(self, samples, method, *args, **kwargs):
        """Answer samples by a method, those of one protocol together."""
        if not self._brought:
            if self.protocol is None:
                raise ValueError(
                    f"samples of X bring their protocols, and this {type(self).__name__} was "
                    "fitted to curves that do not: fit it again to samples that do, or give "
                    "protocol=... for all samples."
                )
            return method(self, self._as_array(samples), *args, **kwargs)
        parts, places = [], []
        for protocol, some in samples.by_protocol():
            with _of_which(some, len(samples)):
                curves = samples.rows(some)
                one = self._like_self(self._found(protocol, curves))
                if hasattr(one, "_take_rows"):
                    one._take_rows(some, len(samples))
                parts.append(method(one, curves, *args, **kwargs))
            places.append(some)
        return join_samples(parts, places)

    def _found(self, protocol, curves):
        """Return the estimator of a protocol, which is prepared if it is not there."""
        prepared = self._prepared()
        if protocol not in prepared:
            one = self._of_protocol(protocol).fit(curves)
            self._hand_over(one)
            unseen = vars(self).setdefault("_unseen", OrderedDict())
            unseen[protocol] = prepared[protocol] = one
            while len(unseen) > _MOST_UNSEEN:
                unseen.popitem(last=False)
        return prepared[protocol]

    def _prepared(self):
        """Return the estimators that there are, by protocol."""
        found = {one.protocol: one for one in vars(self).get("estimators_", ())}
        return found | vars(self).get("_unseen", {})

    def _of_protocol(self, protocol):
        """Make an estimator of the same parameters, but for the protocol; not fitted."""
        return type(self)(**{**self.get_params(deep=False), "protocol": protocol})

    def _like_self(self, one):
        """Copy an estimator, with parameters as they are now: some count when it is asked."""
        copy = object.__new__(type(one))
        vars(copy).update(vars(one))
        vars(copy).update({**self.get_params(deep=False), "protocol": one.protocol})
        return copy

    def _hand_over(self, one):
        """Let an estimator answer in the columns and the form of this one."""
        one.target_names_, one.n_outputs_ = [*self.target_names_], self.n_outputs_
        one._flat_output = self._flat_output

    def _as_array(self, samples):
        """Return curves without their protocols, where one that is given holds for all.

        Scores of images stay what they are, as they say what they are scores of.
        """
        if isinstance(samples, ImageScores):
            return samples.rows(np.arange(len(samples)))
        try:
            return np.asarray(samples)
        except ValueError as error:
            raise ValueError(
                f"the protocol that is given holds for all samples, and {error}"
            ) from error

    def _forget_samples(self, everything=False):
        """Forget the last fit to samples; or any, before another of the other kind."""
        names = ["estimators_", "_unseen"]
        if everything:
            names += [*public_fitted(self), *_OF_ONE_MODEL]
        for name in names:
            vars(self).pop(name, None)

    # Files

    def __getstate__(self):
        # What was not fitted is prepared again where it is asked for.
        return {name: value for name, value in super().__getstate__().items() if name != "_unseen"}

    def to_state(self: Any) -> dict[str, Any]:
        """Return what a file keeps: where samples brought their protocols, all their estimators."""
        if not self._brought:
            return super().to_state()  # type: ignore[misc]  # of the estimator
        fitted = public_fitted(self) | {"one_dimensional": self._flat_output}
        return {
            "parameters": self.get_params(deep=False),
            "fitted": fitted,
            "output": vars(self).get("_sklearn_output_config"),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Any:
        """Make the estimator that :meth:`to_state` described."""
        if "estimators_" not in (state["fitted"] or {}):
            return super().from_state(state)  # type: ignore[misc]  # of the estimator
        estimator: Any = cls(**state["parameters"])
        fitted = dict(state["fitted"])
        estimator._flat_output = fitted.pop("one_dimensional")
        set_public_fitted(estimator, fitted)
        return estimator


def join_samples(parts, places):
    """Put the answers to samples of several protocols together, in the order of the samples."""
    # A network that only predicts has no need of these.
    from skfrap.results import FRAPEstimates
    from skfrap.results._join import join_answers

    if len(parts) > 1 and isinstance(parts[0], FRAPEstimates):
        parts = [replace(part, fit=None) for part in parts]  # their models are not one
    return join_answers(parts, places)


def by_number(samples, tell):
    """Let samples be told of by their numbers, in an array, where curves make none.

    Parameters
    ----------
    samples : CurveSequence
    tell : callable
        ``tell(samples)``.

    Returns
    -------
    numbers : ndarray of shape (n, 1)
        NaN for curves that lack values.
    tell : callable
        ``tell(numbers)``.
    """
    numbers = [k if np.isfinite(curve).all() else np.nan for k, curve in enumerate(samples)]
    return np.array(numbers)[:, np.newaxis], lambda some: tell(samples[some[:, 0].astype(int)])


def space_of_all(estimators):
    """Return the parameter space that holds those of all estimators."""
    spaces = [one.space_ for one in estimators]
    bounds = {
        name: (min(s.bounds[name][0] for s in spaces), max(s.bounds[name][1] for s in spaces))
        for name in spaces[0].bounds
    }
    return ParameterSpace(bounds, spaces[0].free)


def _with_findings(answer, samples):
    """Add to estimates what is to be known of the samples."""
    if not hasattr(answer, "findings") or not any(samples.findings):
        return answer
    both = zip(samples.findings, answer.findings, strict=True)
    return replace(answer, findings=tuple((*of_sample, *own) for of_sample, own in both))


def _check_one_experiment(samples, name):
    n = len({*samples.protocols})
    if n > 1:
        raise ValueError(
            f"{name} keeps what belongs to one model, and the samples of X have {n} protocols; ask "
            "for those of one at a time: for protocol, places in X.by_protocol(): "
            f"...{name}(X[places])."
        )


@contextmanager
def _of_which(places, n):
    """Say of an error which samples it is of, where it is not of all."""
    try:
        yield
    except ValueError as error:
        if len(places) == n or type(error) is not ValueError:
            raise
        raise ValueError(f"{samples_in_words(places)} of X, of one protocol: {error}") from error


def samples_in_words(places):
    """Name samples, the first few."""
    shown = ", ".join(map(str, places[:_SHOWN])) + (", ..." if len(places) > _SHOWN else "")
    return f"sample{'s' * (len(places) > 1)} {shown} (from 0)"
