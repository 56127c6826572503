"""From image stacks to recovery curves."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skfrap._checks import check_choice
from skfrap.preprocessing._broken import ON_ERROR, reason, result_or_reason, warn_of
from skfrap.preprocessing._protocols import protocol_at, shared_protocol, with_protocols
from skfrap.preprocessing._sources import check_shape
from skfrap.preprocessing._stacks import StackSequence, StackTransformer


class RecoveryCurveExtractor(StackTransformer):
    """Average every frame over the bleach region: image stacks to recovery curves.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        Gives the region's pixel weights, by area (Eq. 6 of [1]_), for all samples. None is that of
        each sample, where samples bring theirs, as :class:`skfrap.Recording` does, and a file with
        a protocol in the `info` that :func:`skfrap.io.write_series` was given; else the paper's.
    n_jobs : int, default=None
        Stacks to work on side by side, in threads; each holds one stack. None is 1.
    on_error : {"raise", "nan"}, default="raise"
        What a stack does that cannot be used: one that cannot be read, has another shape, or is
        refused by a correction before. "raise" ends the batch. "nan" warns, makes its curve a row
        of NaN and goes on; single frames with pixels that are not finite are NaN in a curve that is
        otherwise as it should be. Estimators take such curves with ``missing="omit"``.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where each sample has its own.
    errors_ : dict of int to str
        After :meth:`transform`: by row, why a curve of the last batch is NaN, or a part of it.
        Empty where there is nothing to tell.

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

    def __init__(self, protocol=None, *, n_jobs=None, on_error="raise"):
        self.protocol = protocol
        self.n_jobs = n_jobs
        self.on_error = on_error

    def fit(self, X, y=None):
        """Check the first stack against the protocol; with ``on_error="nan"`` the first usable one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Stacks.
        y : Ignored
            There for scikit-learn.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If it does not fit the protocol, or no stack of the batch can be used.
        """
        check_choice("on_error", self.on_error, ON_ERROR)
        stacks = StackSequence(X)
        self.protocol_ = shared_protocol(self.protocol, stacks)
        self._check_first(stacks)
        return self

    def transform(self, X):
        """Extract recovery curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Stacks.

        Returns
        -------
        ndarray of shape (n_samples, n_frames) or CurveSequence
            The latter where each sample has its own protocol.

        Raises
        ------
        ValueError
            If a stack does not fit the protocol or has pixels that are not finite; it says which.
            Not with ``on_error="nan"``, which warns of all of them at once.
        """
        check_is_fitted(self)
        check_choice("on_error", self.on_error, ON_ERROR)
        stacks = StackSequence(X)
        extract = self._extract if self.on_error == "raise" else self._extract_or_nan
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(extract)(stacks, index) for index in range(len(stacks))
        )
        # What was found of this batch is of no use to the next: nothing is learnt.
        reasons = {k: words for k, (_, words) in enumerate(found) if words}
        self.errors_ = warn_of(reasons, len(stacks), "curves are NaN, or a part of them is")
        curves = [curve for curve, _ in found]
        if self.protocol_ is not None:
            return np.stack(curves)
        return with_protocols(self, stacks, curves, self._protocol_of)

    def get_feature_names_out(self, input_features=None):
        """Name the curve's values by their times.

        Parameters
        ----------
        input_features : array-like of str, default=None
            There for scikit-learn.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        if self.protocol_ is None:
            raise ValueError(
                "each sample has frames of its own, so the values of curves have no names for all; "
                "give protocol=... for names."
            )
        return self.protocol_.feature_names

    def fitted_state(self):
        """Return the protocol; what the last batch was is none of a file's business."""
        return {name: value for name, value in super().fitted_state().items() if name != "errors_"}

    def _extract(self, stacks, index):
        """Return a curve, and nothing to tell of it."""
        curve = self._curve(stacks, index)
        if not np.isfinite(curve).all():
            raise ValueError(
                f"{stacks.describe(index)}: pixels in the bleach region are not finite."
            )
        return curve, ""

    def _extract_or_nan(self, stacks, index):
        """Return a curve, NaN as far as it cannot be had, and why that is."""
        name = stacks.describe(index)
        curve, words = result_or_reason(self._curve, stacks, index, name=name)
        if words:
            protocol = self.protocol_
            if protocol is None:
                protocol, _ = result_or_reason(self._protocol_of, stacks, index, name=name)
            return None if protocol is None else np.full(protocol.n_values, np.nan), words
        bad = np.flatnonzero(~np.isfinite(curve))
        if len(bad):
            curve[bad] = np.nan
            where = _frames(bad % self.protocol_.n_frames)
            words = f"{name}: pixels in the bleach region are not finite in {where}"
        return curve, words

    def _curve(self, stacks, index):
        view, protocol = stacks.view(index), self._protocol_of(stacks, index)
        check_shape(view.shape, protocol, stacks.describe(index))
        rows, columns = protocol.roi_box
        block = view.read(rows=rows, columns=columns).astype(np.float64)
        weights = protocol.row_weights[:, rows, columns]
        with np.errstate(invalid="ignore", over="ignore"):  # said by who asks for the curve
            return np.concatenate([np.tensordot(block, row, axes=2) for row in weights])

    def _protocol_of(self, stacks, index):
        """Return the protocol of one stack: the one for all, or its own."""
        if self.protocol is not None:
            return self.protocol_
        own, name = stacks.protocol(index), stacks.describe(index)
        return protocol_at(self.protocol, self.protocol_, own, name)

    def _check_first(self, stacks):
        def check(index, shape):
            check_shape(shape, self._protocol_of(stacks, index), stacks.describe(index))

        if self.on_error == "raise":
            check(0, stacks.raw(0).shape if self.protocol_ is None else stacks.shape[1:])
            return
        first = None
        for index in range(len(stacks)):
            try:
                check(index, stacks.raw(index).shape)
            except Exception as error:
                first = first or reason(error, stacks.describe(index))
            else:
                return
        raise ValueError(f"none of the {len(stacks)} stacks can be used; the first: {first}")


def _frames(indices):
    """Name frames for people, the first few."""
    shown = ", ".join(map(str, indices[:5])) + (", ..." if len(indices) > 5 else "")
    return f"frame{'s' * (len(indices) > 1)} {shown} (from 0)"
