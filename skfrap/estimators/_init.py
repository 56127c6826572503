"""Where fits start: from the grid, at random, at given values or at another's estimates."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skfrap._arrays import check_array


def check_init(init):
    """Check what fits are asked to start from.

    Parameters
    ----------
    init : {"grid", "random"}, array-like or estimator

    Raises
    ------
    ValueError
        If there is no such start.
    NotFittedError
        If it is an estimator that is not fitted.
    """
    if isinstance(init, str) and init not in ("grid", "random"):
        raise ValueError(f"init must be 'grid', 'random', values or an estimator, got {init!r}.")
    if hasattr(init, "predict"):
        try:
            check_is_fitted(init)
        except NotFittedError as error:
            raise NotFittedError(
                f"init is a {type(init).__name__} that is not fitted. To keep a fitted "
                "one through clone and cross-validation, wrap it in "
                "sklearn.frozen.FrozenEstimator."
            ) from error


def fits_from(init, fitter, X, n_init=1, random_state=None):
    """Fit curves from where they are asked to start.

    Parameters
    ----------
    init : {"grid", "random"}, array-like or estimator
    fitter : CurveFitter
    X : ndarray of shape (n, n_frames)
    n_init : int, default=1
        Random starts of each curve.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    Fits

    Raises
    ------
    ValueError
        If given values, or estimates, are not those of the curves.
    """
    if isinstance(init, str):
        if init == "grid":
            return fitter.fit_from_grid(X)
        # The same points for every curve: its estimate does not depend on those beside it.
        random = check_random_state(random_state)
        n_started = len(fitter.evaluator.names)
        return fitter.fit(X, fitter.at_points(random.uniform(size=(n_init, n_started))))
    values = _values_of(init, X, fitter.space.target_names)
    if hasattr(init, "predict"):
        return fitter.fit_from_estimates(X, values)
    return fitter.fit(X, fitter.at_values(values))


def _values_of(init, X, names):
    """Return what is given, or what an estimator says, in columns of these names."""
    values = init
    if hasattr(init, "predict"):
        answered = getattr(init, "target_names_", None)
        values = np.asarray(init.predict(X)).reshape(len(X), -1)
        if answered is not None and {*answered} == {*names}:
            values = values[:, [answered.index(name) for name in names]]
    values = check_array(values, dtype=np.float64, ensure_2d=False, input_name="init")
    values = np.atleast_2d(values)
    if values.shape[1] != len(names) or len(values) not in (1, len(X)):
        raise ValueError(
            f"init must give {names} for each of the {len(X)} curves or once for "
            f"all, got shape {values.shape}."
        )
    return np.broadcast_to(values, (len(X), len(names)))
