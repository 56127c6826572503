"""Targets in pictures: columns of y, their names and scales, and the curves they are of."""

import numpy as np

from skfrap._arrays import check_array, is_masked, nan_where_masked
from skfrap.io._samples import curves_of
from skfrap.numerics._magnitude import as_real
from skfrap.parameters import Parameter, parameter_of_target
from skfrap.parameters._targets import columns_of_targets
from skfrap.plotting._style import place_evenly, with_unit, write_closely

_USUAL = "log10_D", "c0", "alpha"
LOWER = 0  # ends of an interval
UPPER = 1


def name_targets(names, n_targets):
    """Return the parameters in the columns of y; what is not known is drawn as it stands.

    Parameters
    ----------
    names : sequence of str or None
        None is D, c0 and alpha, if there are three.
    n_targets : int

    Returns
    -------
    list of Parameter
    """
    if names is None and n_targets == len(_USUAL):
        names = _USUAL
    if names is None or len(names) != n_targets:
        raise ValueError(
            f"target_names must name the {n_targets} columns, as {list(_USUAL)}; got {names!r}."
        )
    return [_parameter_of(name) for name in names]


def _parameter_of(target_name):
    try:
        return parameter_of_target(target_name)
    except ValueError:
        return Parameter(target_name, "", "linear", -np.inf, np.inf, "unknown")


def names_of(regressor, n_targets):
    """Return the names of the first targets of an estimator; None if it does not tell them."""
    names = getattr(regressor, "target_names_", None)
    return None if names is None else names[:n_targets]


def truth_and_columns(regressor, y):
    """Return y as columns, the columns of predictions that belong to these, and their names.

    By the names of y where it has some, else by place.
    """
    answered = getattr(regressor, "target_names_", None)
    columns = columns_of_targets(y, answered)
    y = as_columns(y, "y")
    if columns is None:
        return y, slice(None), names_of(regressor, y.shape[1])
    return y, columns, [answered[k] for k in columns]


def as_columns(values, what, n_samples=None, n_targets=None):
    """Check finite values of targets, and return them as (n_samples, n_targets)."""
    values = check_array(values, dtype=np.float64, ensure_2d=False, input_name=what)
    values = values.reshape(len(values), -1)
    expected = n_samples or values.shape[0], n_targets or values.shape[1]
    if values.shape != expected:
        raise ValueError(f"{what} must have the shape {expected}, got {values.shape}.")
    return values


def check_ends(intervals, what, shape):
    """Check intervals of targets, (n_samples, n_targets, 2); ends may be infinite."""
    ends = np.asarray(nan_where_masked(intervals), dtype=float)
    if ends.shape != (*shape, 2) or np.isnan(ends).any():
        raise ValueError(
            f"{what} must hold a lower and an upper end for each value, without NaN, in an array "
            f"of shape {(*shape, 2)}; got shape {ends.shape}, with {np.isnan(ends).sum()} NaN."
        )
    if (ends[..., LOWER] > ends[..., UPPER]).any():
        raise ValueError(f"{what} must hold lower ends first; some lie above the upper ones.")
    return ends


def take_curve(X, index):
    """Return one curve of several, or the only one, of shape (1, n_frames).

    What is masked in it stays masked: it is missing, as estimators have it.
    """
    masked, X = is_masked(X), np.atleast_2d(as_real("X", nan_where_masked(X)))
    if X.ndim != 2:
        raise ValueError(f"X must be curves, (n_samples, n_frames), got shape {X.shape}.")
    if not -len(X) <= index < len(X):
        raise ValueError(f"index must be that of one of the {len(X)} curves of X, got {index}.")
    curve = X[[index]]
    return np.ma.masked_invalid(curve) if masked else curve


def regressor_and_input(estimator, X):
    """Return what gives intervals and its X: a pipeline's last step, and what comes before it."""
    if not hasattr(estimator, "steps"):
        return estimator, X
    return estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X


def regressor_and_curve(estimator, X, index):
    """Return what gives intervals, and one curve of its X, of shape (1, n_frames).

    Where samples bring their protocols, it is the estimator of that curve's experiment.
    """
    estimator, X = regressor_and_input(estimator, X)
    samples = curves_of(X)
    if samples is None:
        return estimator, take_curve(X, index)
    if not -len(samples) <= index < len(samples):
        raise ValueError(
            f"index must be that of one of the {len(samples)} curves of X, got {index}."
        )
    one = samples[[index]]
    if hasattr(estimator, "estimators_"):
        estimator.predict(one)  # which prepares what has not been fitted
        estimator = estimator.for_protocol(one.protocols[0])
    return estimator, np.asarray(one)


def scale_axis(axis, entry, n_ticks=6):
    """Draw an axis on the scale of a parameter; its limits must be set already."""
    if entry.is_logarithmic:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        write_closely(axis, n_ticks)
    else:
        place_evenly(axis, n_ticks)


def label_of(entry):
    """Return the name of a parameter with its unit, for an axis in natural units."""
    return with_unit(entry.name, entry.unit)
