"""Normalisation of curves that were measured as means over regions, as papers have it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skfrap._checks import check_choice, check_count

METHODS = ("none", "single", "double", "full_scale")
ROWS = ("bleach", "reference", "background")


class Normalizer(TransformerMixin, BaseEstimator):
    """Normalise recovery curves by the light before bleaching, and by a region that was not.

    The background is subtracted from the bleached and the reference region in each frame; then
    ``"single"`` divides by the mean before bleaching, and ``"double"`` [1]_ also by the reference
    over its own mean before bleaching, which undoes fading and the light that bleaching takes from
    the whole cell. ``"full_scale"`` stretches what ``"double"``, or without a reference
    ``"single"``, gives to 0 in the first frame after bleaching. ``"none"`` gives the bleached
    region as it is.

    Parameters
    ----------
    method : {"none", "single", "double", "full_scale"}, default="single"
        What to divide by.
    n_prebleach : int, default=1
        Frames before bleaching.
    rows : sequence of str, default=("bleach",)
        What a row of X holds, one after the other, each of n_frames values: ``"bleach"``,
        ``"reference"`` and ``"background"``, in any order.

    Attributes
    ----------
    n_frames_ : int
        Frames of a curve.

    See Also
    --------
    skfrap.io.read_table : Tables of such regions.
    FadingCorrector : The same for image stacks.

    Notes
    -----
    Dividing by a number, as ``"single"`` does, changes c0 and nothing else. ``"double"`` raises
    all frames after bleaching alike where the reference is the whole cell: the mobile fraction
    then tells what is free to move, and not what the cell has left; noise of the reference is
    added. ``"full_scale"`` takes away how deep bleaching went, by the noise of a single frame: D,
    half-time and alpha of a fit are wrong then, which the finding ``zero_after_bleaching`` says. It
    is for comparing pictures. Instead of dividing, the reference may be a row of the model,
    ``FRAPProtocol(rows=...)``.

    References
    ----------
    .. [1] Phair, Gorski, Misteli, Methods Enzymol. 375, 393-414 (2004).

    Examples
    --------
    >>> from skfrap.preprocessing import Normalizer
    >>> bleach, reference = [100, 100, 30, 54], [200, 200, 180, 180]
    >>> normalizer = Normalizer("double", n_prebleach=2, rows=("bleach", "reference"))
    >>> normalizer.fit_transform([bleach + reference]).round(2).tolist()
    [[1.0, 1.0, 0.33, 0.6]]
    """

    def __init__(
        self,
        method: str = "single",
        *,
        n_prebleach: int = 1,
        rows: Sequence[str] = ("bleach",),
    ):
        self.method = method
        self.n_prebleach = n_prebleach
        self.rows = rows

    def fit(self, X: ArrayLike, y: Any = None) -> "Normalizer":
        """Check the parameters against the width of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_rows * n_frames)
            Intensities, row after row.
        y : Ignored
            There for scikit-learn.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If rows do not go with the method or with X, or no frame after bleaching is left.
        """
        check_choice("method", self.method, METHODS)
        self._check_rows()
        width = validate_data(self, X, dtype=float).shape[1]
        n_prebleach = check_count("n_prebleach", self.n_prebleach)
        if width % len(self.rows):
            raise ValueError(
                f"X has {width} values, which are not {len(self.rows)} rows of as many frames."
            )
        n_frames = width // len(self.rows)
        if n_prebleach >= n_frames and self.method != "none":
            raise ValueError(
                f"n_prebleach is {n_prebleach}, and curves have {n_frames} frames; there must be "
                "frames after bleaching. X has n_features = 1 frame at least beyond these."
            )
        self.n_frames_ = n_frames
        return self

    def _check_rows(self):
        rows = [self.rows] if isinstance(self.rows, str) else [*self.rows]
        if isinstance(self.rows, str) or len({*rows}) < len(rows) or not {*rows} <= {*ROWS}:
            raise ValueError(f"rows must be a sequence of {ROWS}, each once, got {self.rows!r}.")
        if "bleach" not in rows:
            raise ValueError(f"rows must hold 'bleach', got {self.rows!r}.")
        if self.method == "double" and "reference" not in rows:
            raise ValueError(
                "method='double' divides by a reference, and rows have none, got "
                f"{self.rows!r}; give it, or take method='single'."
            )

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Normalise curves.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_rows * n_frames)
            Intensities, row after row.

        Returns
        -------
        ndarray of shape (n_samples, n_frames)

        Raises
        ------
        ValueError
            If there is no light before bleaching above the background, or in the reference.
        """
        check_is_fitted(self)
        checked = validate_data(self, X, dtype=float, reset=False)
        parts = dict(zip(self.rows, np.split(checked, len(self.rows), axis=1), strict=True))
        bleach, reference = parts["bleach"], parts.get("reference")
        if self.method == "none":
            return bleach.copy()
        background = parts.get("background", 0.0)
        n = self.n_prebleach
        curves = _over_prebleach(bleach - background, n, "bleach")
        if reference is not None and self.method != "single":
            light = _over_prebleach(reference - background, n, "reference")
            if not (light > 0).all():
                row, frame = np.argwhere(~(light > 0))[0]
                raise ValueError(
                    f"the reference has no light above the background in frame {frame} of sample "
                    f"{row} (from 0); is it the background?"
                )
            curves = curves / light
        if self.method == "full_scale":
            first = curves[:, n : n + 1]
            if not (first < 1).all():
                row = int(np.argmax(first[:, 0] >= 1))
                raise ValueError(
                    f"sample {row} (from 0) is not darker after bleaching than before, so that "
                    "there is no full scale; check n_prebleach."
                )
            curves = np.concatenate([curves[:, :n], (curves[:, n:] - first) / (1 - first)], axis=1)
        return curves

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return names of the values of a curve, those of the bleached region.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the values of X.

        Returns
        -------
        ndarray of shape (n_frames,) of str
        """
        check_is_fitted(self)
        return np.array([f"normalised{k}" for k in range(self.n_frames_)], dtype=object)


def _over_prebleach(values, n_prebleach, row):
    """Divide by the mean before bleaching."""
    means = values[:, :n_prebleach].mean(axis=1, keepdims=True)
    if not (means > 0).all():
        k = int(np.argmax(~(means[:, 0] > 0)))
        raise ValueError(
            f"sample {k} (from 0) has no light above the background before bleaching in the row "
            f"{row!r}, {means[k, 0]:.4g}; check rows and n_prebleach."
        )
    return values / means
