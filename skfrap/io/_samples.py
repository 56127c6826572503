"""Samples that bring their protocol, told from arrays that do not."""

import numpy as np

from skfrap.experiment import CurveSequence
from skfrap.io._recording import Recording


def curves_of(X):
    """Return curves with their protocols, where X holds some.

    Parameters
    ----------
    X : object
        A CurveSequence, recordings of curves or one such recording, or anything else.

    Returns
    -------
    CurveSequence, ImageScores that bring their protocols, or None
        None for anything else.

    Raises
    ------
    ValueError
        If recordings are of images, or some have a protocol and some have none.
    """
    if type(X) is np.ndarray and not X.dtype.hasobject:
        return None
    if isinstance(X, CurveSequence) or getattr(X, "brings_protocols", False) is True:
        return X
    if isinstance(X, Recording):
        X = [X]
    if not (isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype.hasobject)):
        return None
    if not any(isinstance(item, Recording) for item in X):
        return None
    for k, item in enumerate(X):
        if not isinstance(item, Recording) or item.protocol is None:
            raise ValueError(
                f"sample {k} (from 0) of X has no protocol, and others are recordings: give all "
                "of them one, as Recording(curve, protocol), or take an array of curves and give "
                "protocol=... to the estimator."
            )
        if np.ndim(item.frames) != 1:
            raise ValueError(
                f"sample {k} (from 0) of X is a recording of images, and estimators take curves: "
                "put RecoveryCurveExtractor() before the estimator, as make_frap_pipeline() does."
            )
    curves, protocols, findings = zip(*((s.frames, s.protocol, s.findings) for s in X), strict=True)
    return CurveSequence(curves, protocols, findings=findings)
