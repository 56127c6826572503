"""Frames that are masked in all curves: they are left out, as if they had not been recorded."""

from functools import wraps

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted


def leaves_out_masked_frames(method):
    """Have a method of an estimator that learns nothing from curves take masked arrays.

    It is asked of an estimator for the frames that are left, with the same parameters. Where it is
    ``fit``, what is masked does not count. Estimators that learn from curves refuse masked ones.
    """

    @wraps(method)
    def answer(self, X, *arguments, **options):
        kept = _kept_frames(X) if hasattr(self, "_protocol_of_frames") else None
        if kept is None:
            return method(self, X, *arguments, **options)
        if method.__name__ == "fit":
            return method(self, _filled(X, kept), *arguments, **options)
        check_is_fitted(self)
        X = np.asarray(X[:, kept])
        part = clone(self).set_params(protocol=self._protocol_of_frames(kept)).fit(X)
        part.n_outputs_, part._flat_output = self.n_outputs_, self._flat_output
        return getattr(part, method.__name__)(X, *arguments, **options)

    return answer


def protocol_of_frames(protocol, kept):
    """Return the protocol of some of the frames.

    Parameters
    ----------
    protocol : FRAPProtocol
    kept : ndarray of shape (n_frames,) of bool

    Raises
    ------
    ValueError
        If there is no frame left before bleaching or after it.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap import FRAPProtocol
    >>> from skfrap.estimators._masked import protocol_of_frames
    >>> protocol_of_frames(FRAPProtocol(), np.arange(110) != 20).n_postbleach
    99
    """
    if len(kept) != protocol.n_frames:
        raise ValueError(
            f"X has {len(kept)} columns, and the protocol has {protocol.n_frames} frames."
        )
    before, after = np.split(kept, [protocol.n_prebleach])
    if not before.any() or not after.any():
        raise ValueError("X must have frames before and after bleaching that are not masked.")
    times = protocol.times[protocol.n_prebleach :][after]
    return protocol.replace(
        n_prebleach=int(before.sum()), n_postbleach=None, postbleach_times=times
    )


def _kept_frames(X):
    """Return which frames are not masked; None where nothing is, or the masks differ."""
    if not isinstance(X, np.ma.MaskedArray) or X.ndim != 2 or not np.ma.is_masked(X):
        return None
    mask = np.ma.getmaskarray(X)
    # What is masked in some curves only is refused, in words that say where.
    return ~mask[0] if (mask == mask[0]).all() and not mask.all() else None


def _filled(X, kept):
    filled = np.array(np.ma.getdata(X), dtype=float)
    filled[:, ~kept] = filled[:, kept].mean(axis=1, keepdims=True)
    return filled
