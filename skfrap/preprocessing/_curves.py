"""From image stacks to recovery curves."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skfrap.experiment import FRAPProtocol
from skfrap.preprocessing._stacks import StackSequence, StackTransformer


class RecoveryCurveExtractor(StackTransformer):
    """Average every frame over the bleach region: image stacks to recovery curves.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        Gives the region's pixel weights, by area (Eq. 6 of [1]_). None is the paper's protocol.
    n_jobs : int, default=None
        Stacks to work on side by side, in threads; each holds one stack. None is 1.

    Attributes
    ----------
    protocol_ : FRAPProtocol

    References
    ----------
    .. [1] Wåhlstrand Skärström et al., J. Microsc. 282, 146-161 (2021).

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator
    >>> from skfrap.preprocessing import RecoveryCurveExtractor
    >>> protocol = FRAPProtocol(shape=(64, 64), pixel_size=1.0, bleach_region=Circle(8.0),
    ...                         n_postbleach=20)
    >>> images = FRAPSimulator(protocol, random_state=0).sample_images(2).data
    >>> RecoveryCurveExtractor(protocol).fit_transform(images).shape
    (2, 30)
    """

    def __init__(self, protocol=None, *, n_jobs=None):
        self.protocol = protocol
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the first stack against the protocol.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
        y : Ignored

        Returns
        -------
        self
        """
        stacks = StackSequence(X)
        self.protocol_ = FRAPProtocol() if self.protocol is None else self.protocol
        self._check_shape(stacks.shape[1:], stacks.describe(0))
        return self

    def transform(self, X):
        """Extract recovery curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths

        Returns
        -------
        ndarray of shape (n_samples, n_frames)

        Raises
        ------
        ValueError
            If a stack does not fit the protocol or has pixels that are not finite; it says which.
        """
        check_is_fitted(self)
        stacks = StackSequence(X)
        curves = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._extract)(stacks, index) for index in range(len(stacks))
        )
        return np.stack(curves)

    def get_feature_names_out(self, input_features=None):
        """Name the curve's values by their times."""
        check_is_fitted(self)
        return self.protocol_.feature_names

    def _extract(self, stacks, index):
        view = stacks.view(index)
        self._check_shape(view.shape, stacks.describe(index))
        rows, columns = self.protocol_.roi_box
        block = view.read(rows=rows, columns=columns).astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            curve = np.tensordot(block, self.protocol_.roi_weights[rows, columns], axes=2)
        if not np.isfinite(curve).all():
            raise ValueError(
                f"{stacks.describe(index)}: pixels in the bleach region are not finite."
            )
        return curve

    def _check_shape(self, shape, name):
        expected = (self.protocol_.n_frames, *self.protocol_.shape)
        if tuple(shape) != expected:
            raise ValueError(
                f"{name} has shape {tuple(shape)} (n_frames, ny, nx), and the protocol expects "
                f"{expected}; check n_prebleach, n_postbleach and shape of the protocol."
            )
