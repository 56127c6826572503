"""What extractors of a measured start share: layouts, protocols of samples, broken stacks."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skfrap._checks import check_choice
from skfrap.preprocessing._broken import ON_ERROR, result_or_reason, warn_of
from skfrap.preprocessing._protocols import protocol_at, shared_protocol, with_protocols
from skfrap.preprocessing._stacks import StackSequence, StackTransformer

_PIXELS_AT_ONCE = 2**22  # of blocks of frames that are read and averaged together


class StartExtractor(StackTransformer):
    """Average frames after bleaching over parts of the field: image stacks to means.

    A subclass has the parameters `protocol`, `n_jobs` and `on_error`. It says which layout a
    protocol has, how many values that makes, and takes one stack to them, by ``_layout_of``,
    ``_n_values`` and ``_extract``.
    """

    _WHAT = "rings"

    def fit(self, X, y=None):
        """Lay out what is averaged over.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Image stacks.
        y : Ignored
            There for scikit-learn.

        Returns
        -------
        self
        """
        check_choice("on_error", self.on_error, ON_ERROR)
        self._check()
        self.protocol_ = shared_protocol(self.protocol, StackSequence(X))
        self.layout_ = None if self.protocol_ is None else self._layout_of(self.protocol_)
        return self

    def transform(self, X):
        """Average over all parts of the layout.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Image stacks.

        Returns
        -------
        ndarray of shape (n_samples, n_values) or CurveSequence
            The latter where each sample has its own protocol. Means of the frames after bleaching
            over those before, frame by frame. Of rings NaN where they do not lie in the field
            entirely, and where a sector has no pixels.

        Raises
        ------
        ValueError
            If a stack does not fit the protocol, has pixels that are not finite, or a part without
            light; of rings, if the patch lies at the edge of the field. It says which. Not with
            ``on_error="nan"``, which warns of all of them at once.
        """
        check_is_fitted(self)
        check_choice("on_error", self.on_error, ON_ERROR)
        stacks = StackSequence(X)
        extract = self._extract if self.on_error == "raise" else self._extract_or_nan
        rows = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(extract)(stacks, index) for index in range(len(stacks))
        )
        reasons = {k: row for k, row in enumerate(rows) if isinstance(row, str)}
        self.errors_ = warn_of(reasons, len(rows), f"rows of {self._WHAT} are NaN")
        rows = [None if k in reasons else row for k, row in enumerate(rows)]
        if self.protocol_ is None:
            return with_protocols(self, stacks, rows, self._protocol_of)
        nothing = np.full(self._n_values(self.protocol_, self.layout_), np.nan)
        return np.stack([nothing if row is None else row for row in rows])

    def fitted_state(self):
        """Return protocol and layout; what the last batch was is none of a file's business."""
        return {name: value for name, value in super().fitted_state().items() if name != "errors_"}

    def _extract_or_nan(self, stacks, index):
        """Return means, or why there are none."""
        name = stacks.describe(index)
        means, words = result_or_reason(self._extract, stacks, index, name=name)
        return words or means

    def _protocol_of(self, stacks, index):
        """Return the protocol of one stack: the one for all, or its own."""
        if self.protocol is not None:
            return self.protocol_
        own, name = stacks.protocol(index), stacks.describe(index)
        return protocol_at(self.protocol, self.protocol_, own, name)

    def _check(self):
        """Check parameters that only the subclass has."""


def blocks_after(view, protocol, rows=slice(None), columns=slice(None)):
    """Yield frames after bleaching, as many at once as memory allows.

    Parameters
    ----------
    view : StackView
    protocol : FRAPProtocol
    rows, columns : slice
        What is read of each.

    Yields
    ------
    ndarray of shape (n, n_rows, n_columns)
    """
    ny, nx = (
        len(range(*part.indices(n)))
        for part, n in zip((rows, columns), protocol.shape, strict=True)
    )
    step = max(1, _PIXELS_AT_ONCE // (ny * nx))
    for k in range(protocol.n_prebleach, protocol.n_frames, step):
        yield view.read(slice(k, min(k + step, protocol.n_frames)), rows, columns)


def sums_over(parts, frames):
    """Sum frames over parts of the field.

    Parameters
    ----------
    parts : sparse array of shape (n_parts, n_pixels)
    frames : ndarray of shape (n, ny, nx)

    Returns
    -------
    ndarray of shape (n, n_parts)
    """
    return (parts @ frames.reshape(len(frames), -1).astype(float).T).T
