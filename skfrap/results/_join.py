"""Put the answers to parts of a batch together, as if they had been asked for at once."""

from dataclasses import fields, replace

import numpy as np

from skfrap.experiment import Noise
from skfrap.results._estimates import FRAPEstimates
from skfrap.results._finding import Finding
from skfrap.results._fit import Fit


def join_answers(parts, rows):
    """Join answers, and put them in order.

    Parameters
    ----------
    parts : list of ndarray, tuple of these, list, Fit or FRAPEstimates
        All of one kind, each with one entry per curve.
    rows : list of ndarray of int
        Which curves each of them is of; all together are all of the batch.

    Returns
    -------
    ndarray, tuple, list, Fit or FRAPEstimates
    """
    return _joined(parts, np.argsort(np.concatenate(rows), kind="stable"))


def no_answers(like, n):
    """Make what is answered where there are no data: NaN, and a finding that says so.

    Parameters
    ----------
    like : ndarray, tuple of these, Fit or FRAPEstimates
        An answer of the same kind, to at least one curve.
    n : int
        Curves.

    Returns
    -------
    ndarray, tuple, Fit or FRAPEstimates
    """
    if isinstance(like, tuple):
        return tuple(no_answers(part, n) for part in like)
    if isinstance(like, Fit):
        return _no_fit(like, n)
    if isinstance(like, FRAPEstimates):
        return _no_estimates(like, n)
    return np.full((n, *like.shape[1:]), np.nan)


def with_all_frames(answer, X, forward_of):
    """Give the fits of curves that lack frames the width of the experiment.

    Parameters
    ----------
    answer : object
        A Fit, FRAPEstimates that hold one, or anything else, which stays as it is.
    X : ndarray of shape (n, n_frames)
        The curves, NaN where there is no value.
    forward_of : callable
        ``forward_of("mean")`` and ``forward_of("noise")`` give the ForwardMap of all frames, for
        the curves, and for the light that their noise goes by.

    Returns
    -------
    object
        Of the kind that was given. Curves and light are known in all frames.
    """
    if isinstance(answer, FRAPEstimates):
        return replace(answer, fit=with_all_frames(answer.fit, X, forward_of))
    if not isinstance(answer, Fit):
        return answer
    forward = forward_of("mean")
    light = curves = forward.curves(answer.theta)
    if answer.light is not answer.curves:
        light = forward_of("noise").curves(answer.theta)
    return replace(
        answer,
        forward=forward,
        data=X,
        curves=curves,
        light=light,
        observed=~np.isnan(X),
    )


def with_data(answer, X):
    """Keep with a Fit, or what holds one, the curves that were asked about, gaps and all."""
    if isinstance(answer, FRAPEstimates):
        return replace(answer, fit=with_data(answer.fit, X))
    return replace(answer, data=X, observed=~np.isnan(X)) if isinstance(answer, Fit) else answer


def _joined(parts, order):
    first = parts[0]
    if isinstance(first, tuple):
        return tuple(_joined([*some], order) for some in zip(*parts, strict=True))
    if isinstance(first, Fit):
        return _joined_fits(parts, order)
    if isinstance(first, FRAPEstimates):
        return _joined_estimates(parts, order)
    if isinstance(first, list):
        flat = [one for part in parts for one in part]
        return [flat[k] for k in order]
    return np.concatenate(parts)[order]


def _joined_fits(fits, order):
    joined = {}
    for field in fields(Fit):
        values = [getattr(fit, field.name) for fit in fits]
        if field.name in ("forward", "noise", "n_values"):
            continue
        if field.name == "rivals":
            values = _of_one_width(values, fits)
        joined[field.name] = None if values[0] is None else np.concatenate(values)[order]
    # A fixed part of the noise may be one number for all.
    a, b = (
        np.concatenate([np.broadcast_to(getattr(fit.noise, name), len(fit)) for fit in fits])[order]
        for name in ("a", "b")
    )
    if not any(np.ndim(fit.noise.b) for fit in fits):
        b = fits[0].noise.b
    return replace(fits[0], noise=Noise(a, b, fits[0].noise.gain), **joined)


def _of_one_width(rivals, fits):
    """Fill up rivals, of which fits from several starts may have different numbers."""
    n_starts = max((part.shape[1] for part in rivals if part is not None), default=None)
    if n_starts is None:
        return rivals
    wide = [np.full((len(fit), n_starts, fit.theta.shape[1]), np.nan) for fit in fits]
    for part, filled in zip(rivals, wide, strict=True):
        if part is not None:
            filled[:, : part.shape[1]] = part
    return wide


def _joined_estimates(parts, order):
    joined = {}
    for field in fields(FRAPEstimates):
        values = [getattr(part, field.name) for part in parts]
        if field.name == "level" or values[0] is None:
            continue
        if isinstance(values[0], dict):
            joined[field.name] = {
                name: np.concatenate([value[name] for value in values])[order] for name in values[0]
            }
        elif field.name in ("findings", "larger"):
            found = [some for value in values for some in value]
            joined[field.name] = tuple(found[k] for k in order)
        else:
            joined[field.name] = _joined(values, order)
    return replace(parts[0], **joined)


def _no_fit(fit, n):
    blank = {
        field.name: _blank(getattr(fit, field.name), n)
        for field in fields(Fit)
        if field.name not in ("forward", "noise", "n_values")
    }
    of_noise = (_blank(part, n) if np.ndim(part) else part for part in (fit.noise.a, fit.noise.b))
    return replace(fit, noise=Noise(*of_noise, fit.noise.gain), **blank)


def _no_estimates(estimates, n):
    finding = Finding.of("no_data", "there are no data to fit")
    blank = {"findings": ((finding,),) * n, "fit": None}
    if estimates.larger is not None:
        blank["larger"] = ((),) * n
    for field in fields(FRAPEstimates):
        value = getattr(estimates, field.name)
        if isinstance(value, dict):
            blank[field.name] = {name: _blank(column, n) for name, column in value.items()}
        elif isinstance(value, np.ndarray):
            blank[field.name] = _blank(value, n)
    if estimates.fit is not None:
        blank["fit"] = _no_fit(estimates.fit, n)
    return replace(estimates, **blank)


def _blank(column, n):
    """Return entries that say nothing: NaN, False, 0 or no text, as the column's type has it."""
    if column is None:
        return None
    shape, kind = (n, *column.shape[1:]), column.dtype.kind
    return np.full(shape, np.nan) if kind == "f" else np.zeros(shape, column.dtype)
