"""What any correction of stacks must do."""

from copy import deepcopy
from itertools import product

import numpy as np
from sklearn.base import clone

from skfrap._contract import must
from skfrap.preprocessing._corrector import StackCorrector
from skfrap.preprocessing._sources import computed_type
from skfrap.preprocessing._stacks import StackSequence, StackView

_CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def check_corrector(corrector, X):
    """See that a correction does what :class:`StackCorrector` asks for.

    Parameters
    ----------
    corrector : StackCorrector
        Not fitted.
    X : ndarray of shape (n, n_frames, ny, nx)
        At least one stack that it can correct, and changes.

    Raises
    ------
    AssertionError
        At the first thing that is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from skfrap.preprocessing import FlatFieldCorrector, check_corrector
    >>> light = np.linspace(0.4, 0.6, 20) * np.ones((2, 12, 16, 1))
    >>> check_corrector(FlatFieldCorrector(sigma=1.0), light)
    """
    must(
        isinstance(corrector, StackCorrector),
        f"corrector must be an instance of StackCorrector: {corrector!r}",
    )
    X, before = np.asarray(X), np.array(X)
    fitted = clone(corrector).fit(X)
    corrected = fitted.transform(X)
    must(isinstance(corrected, StackSequence), f"transform must be lazy, it returns {corrected!r}")
    whole = corrected[0]
    must(whole.shape == X.shape[1:], f"a stack must keep its shape {X.shape[1:]}: {whole.shape}")
    must(
        whole.dtype == computed_type(X.dtype),
        f"apply must work in place, and leave the type of its block; it is {whole.dtype}",
    )
    must(np.isfinite(whole).all(), "corrected pixels must be finite")
    must(np.array_equal(X, before), "stacks that are given must stay as they are")
    _check_parts(corrected.view(0), whole)
    _check_each_by_itself(fitted, X, whole)
    _check_conventions(corrector, X)


def _check_conventions(corrector, X):
    """See that it is one of scikit-learn's transformers."""
    given = corrector.get_params()
    fitted = clone(corrector)
    must(fitted.fit(X) is fitted, "fit must return self")
    must(repr(fitted.get_params()) == repr(given), "fit must leave parameters as they are")
    learnt = [name for name in {*vars(fitted)} - {*given} if not name.endswith("_")]
    must(not learnt, f"what is learnt must end in an underscore: {learnt}")
    must(
        np.array_equal(deepcopy(fitted).transform(X)[0], fitted.transform(X)[0], equal_nan=True),
        "a copy must correct as the original does",
    )


def _check_parts(view, whole):
    """See that any part is that part of the whole, in all three directions."""
    parts = [
        (slice(None), slice(n // 3, max(n // 3 + 1, 2 * n // 3)), slice(n - 1, n))
        for n in whole.shape
    ]
    for frames, rows, columns in product(*parts):
        part = view.read(frames, rows, columns)
        must(
            np.allclose(part, whole[frames, rows, columns], **_CLOSE),
            "a part of a stack must be corrected as in the whole: it is not for "
            f"frames={frames}, rows={rows}, columns={columns}; state is of the whole stack, and "
            "apply takes its part of it",
        )


def _check_each_by_itself(fitted, X, whole):
    """See that stacks are prepared each for itself, not by those before."""
    view = StackView(X[0]).corrected(fitted)
    must(np.allclose(view.read(), whole, **_CLOSE), "prepare must give the same for the same stack")
    others = fitted.transform(np.concatenate([X[::-1], X[:1]]))
    for k in range(len(others)):
        others.view(k)
    must(
        np.allclose(others[len(X)], whole, **_CLOSE),
        "prepare must not depend on the stacks that were prepared before",
    )
