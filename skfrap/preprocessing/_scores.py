"""From image stacks to the scores of all their pixels."""

import numpy as np
from joblib import Parallel, delayed
from scipy.ndimage import gaussian_filter
from sklearn.utils.validation import check_is_fitted

from skfrap.models import ImageScores, image_surrogate_for
from skfrap.models.forward._separable import fold_rows
from skfrap.preprocessing._protocols import protocol_at, shared_protocol
from skfrap.preprocessing._sources import check_shape, computed_type
from skfrap.preprocessing._stacks import StackSequence, StackTransformer

_PIXELS_AT_ONCE = 2**19  # of a block of frames, which stays in the cache
_LARGEST_PRODUCT = 2**18  # numbers that are multiplied at once: more are multiplied more slowly
_REACH = 4.0  # standard deviations of the filter
_DARK = 0.02  # of the mean light: nothing to divide by


class ImageScoreExtractor(StackTransformer):
    """Reduce image stacks to what all their pixels tell of free diffusion, a few scores.

    In the place of :class:`RecoveryCurveExtractor`: an estimator that gets scores fits the images,
    all pixels of all frames, in about the time of a curve. It looks beyond the bleach region, where
    most of what images tell of D is: standard errors are some three times smaller than a curve's.
    For the same reason it is not blind to uneven light and to neighbours. So by default it looks at
    a window about the bleach region, divides by the light that the frames before bleaching show,
    and leaves the level of each frame free, which makes flicker and fading harmless.

    Stacks are read once, in blocks of frames.

    Parameters
    ----------
    protocol : FRAPProtocol, default=None
        The experiment of all samples. None is that of each sample, where samples bring theirs, as
        :class:`skfrap.Recording` does; else the paper's.
    window : {"auto", "field"} or int, default="auto"
        Which pixels are looked at: ``"auto"`` reaches 2.3 radii beyond the bleach region,
        ``"field"`` is all of the field, an int is the side of a square in pixels about the bleach
        region.
    frame_levels : bool, default=True
        Whether the level of each frame is free in fits. False takes the light to be steady, which
        tells somewhat more of fast diffusion, and needs a handful of scores for all frames together
        in place of each.
    information_loss : float, default=1e-4
        Share of the Fisher information of any parameter that the scores may lose. It makes no bias.
    n_jobs : int, default=None
        Stacks to work on side by side, in threads. None is 1.
    flat_field : float or None, default=5.0
        Standard deviation in pixels of the Gaussian filter of the mean image before bleaching, by
        which all frames are divided. Its noise counts in standard errors. None is for even light.
        Nothing is divided in a compartment, outside of which there is no light.
    ranges : dict, default=None
        ``{name: (lowest, highest)}`` of ``"D"``, in µm²/s, and of ``"bleach_blur"``, in µm, where
        that is to be estimated. None is D over all that the protocol can tell; a narrower range
        needs fewer scores. Estimators stay within.
    fixed : dict, default=None
        ``{name: value}`` of ``"bleach_blur"`` and ``"imaging_blur"``, in µm, where they are known
        and not 0.

    Attributes
    ----------
    protocol_ : FRAPProtocol or None
        None where each sample has its own.
    surrogate_ : ImageSurrogate or None
        What stacks are projected on; None where each sample has its own.

    See Also
    --------
    RecoveryCurveExtractor : Looks at the mean over the bleach region alone.
    skfrap.FRAPSimulator.sample_scores : Draws scores without any image.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> from skfrap.preprocessing import ImageScoreExtractor
    >>> protocol = FRAPProtocol(shape=(64, 64), bleach_region=Circle(8.0), n_postbleach=40)
    >>> prior = {"D": 20.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
    >>> stacks = FRAPSimulator(protocol, prior, random_state=0).sample_images(1).data
    >>> pipeline = make_pipeline(ImageScoreExtractor(protocol), LeastSquaresFRAP(protocol))
    >>> round(float(10 ** pipeline.fit(stacks).predict(stacks)[0, 0]))
    20
    """

    def __init__(
        self,
        protocol=None,
        window="auto",
        frame_levels=True,
        information_loss=1e-4,
        n_jobs=None,
        *,
        flat_field=5.0,
        ranges=None,
        fixed=None,
    ):
        self.protocol = protocol
        self.window = window
        self.frame_levels = frame_levels
        self.information_loss = information_loss
        self.n_jobs = n_jobs
        self.flat_field = flat_field
        self.ranges = ranges
        self.fixed = fixed

    def fit(self, X, y=None):
        """Choose what stacks are projected on; nothing is learnt from them but their protocol.

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
            If the first stack does not fit the protocol, or an argument is out of range.
        """
        stacks = StackSequence(X)
        self.protocol_ = shared_protocol(self.protocol, stacks)
        self.surrogate_ = None if self.protocol_ is None else self._surrogate_of(self.protocol_)
        if self.protocol_ is not None:
            check_shape(stacks.shape[1:], self.protocol_, stacks.describe(0))
        return self

    def transform(self, X):
        """Project stacks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, ny, nx), or sequence of stacks or paths
            Stacks.

        Returns
        -------
        ImageScores

        Raises
        ------
        ValueError
            If a stack does not fit the protocol, or has pixels in the window that are not finite,
            or are dark before bleaching where frames are to be divided; it says which.
        """
        check_is_fitted(self)
        stacks = StackSequence(X)
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._extract)(stacks, index) for index in range(len(stacks))
        )
        rows, surrogates = zip(*found, strict=True)
        own = self.protocol_ is None
        findings = [stacks.findings(k) for k in range(len(stacks))] if own else None
        return ImageScores(rows, surrogates, findings=findings, brings_protocols=own)

    def get_feature_names_out(self, input_features=None):
        """Name the scores by image and time, or by series.

        Parameters
        ----------
        input_features : array-like of str, default=None
            There for scikit-learn.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        if self.surrogate_ is None:
            raise ValueError(
                "each sample has frames of its own, so scores have no names for all; give "
                "protocol=... for names."
            )
        return self.surrogate_.feature_names

    def _surrogate_of(self, protocol):
        return image_surrogate_for(
            protocol,
            self.ranges,
            self.fixed,
            window=self.window,
            frame_levels=self.frame_levels,
            flat_field=self.flat_field,
            information_loss=self.information_loss,
        )

    def _extract(self, stacks, index):
        """Return the row of a stack, and what it is of."""
        name, surrogate = stacks.describe(index), self.surrogate_
        if self.protocol is None:
            protocol = protocol_at(None, self.protocol_, stacks.protocol(index), name)
            surrogate = surrogate or self._surrogate_of(protocol)
        view = stacks.view(index)
        check_shape(view.shape, surrogate.protocol, name)
        try:
            return stack_row(view, surrogate), surrogate
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def stack_row(view, surrogate):
    """Project a stack in one pass, a few frames at a time.

    Parameters
    ----------
    view : StackView
    surrogate : ImageSurrogate

    Returns
    -------
    ndarray of shape (n_columns,)

    Raises
    ------
    ValueError
        If pixels are not finite, or dark where they are to be divided by.
    """
    rows, columns = surrogate.window
    gain = None
    if surrogate.flat_field is not None:
        gain = gain_image(view, surrogate)
    n_frames, (ny, nx) = surrogate.protocol.n_frames, surrogate.shape
    step = min(n_frames, max(1, _PIXELS_AT_ONCE // surrogate.n_pixels))
    dtype = computed_type(view.stack.dtype)
    work = np.empty((step, ny, nx), dtype)
    half = np.empty((step, (ny + 1) // 2, nx), dtype)
    scores = np.empty((n_frames, surrogate.n_images))
    squares, level, even = 0.0, None, surrogate.level_image
    for first in range(0, n_frames, step):
        n = min(step, n_frames - first)
        block = view.read(slice(first, first + n), rows, columns, out=work[:n])
        if gain is not None:
            block *= gain
        if level is None:  # it lies in the space; small numbers keep their digits
            level = dtype.type(_level_of(block[0], even))
        block -= level if even is None else level * even
        for frame in block.reshape(n, -1):
            squares += float(frame @ frame)
        if surrogate.is_folded:
            fold_rows(block, half[:n])
            block = half[:n]
        scores[first : first + n] = _products(block.reshape(n, -1), surrogate.projectors)
    if not np.isfinite(squares):
        raise ValueError("pixels in the window are not finite; mask or crop them away.")
    return surrogate.row(scores, squares, float(level))


def _level_of(frame, even):
    """Return the intensity of a frame before bleaching."""
    if even is None:
        return frame.mean(dtype=float)
    return np.vdot(frame, even) / np.vdot(even, even)


def _products(frames, images):
    """Return the products of all frames, (n, n_pixels), and all images, (m, n_pixels): (n, m)."""
    # BLAS is slow with thin matrices, unless they are so small that both parts stay in the cache.
    n_pixels = frames.shape[1]
    length = min(n_pixels, max(1, _LARGEST_PRODUCT // (len(frames) * len(images))))
    whole = n_pixels - n_pixels % length
    parts = (
        some[:, :whole].reshape(len(some), -1, length).transpose(1, 0, 2)
        for some in (frames, images)
    )
    first, second = parts
    found = np.matmul(first, second.transpose(0, 2, 1)).sum(axis=0, dtype=float)
    return found + frames[:, whole:] @ images[:, whole:].T


def gain_image(view, surrogate):
    """Return what frames are multiplied by in the window so that light is even, mean kept.

    Parameters
    ----------
    view : StackView
    surrogate : ImageSurrogate

    Returns
    -------
    ndarray of shape (ny, nx)
    """
    sigma, protocol = surrogate.flat_field, surrogate.protocol
    reach = int(np.ceil(_REACH * sigma))
    # The surroundings count, as far as there are any: no edge where the field goes on.
    wide = [
        slice(max(0, part.start - reach), min(n, part.stop + reach))
        for part, n in zip(surrogate.window, protocol.shape, strict=True)
    ]
    mean = view.read(slice(0, protocol.n_prebleach), *wide).mean(axis=0)
    if not np.isfinite(mean).all():
        raise ValueError("pixels in the window are not finite; mask or crop them away.")
    light = gaussian_filter(mean, sigma, mode="nearest", truncate=_REACH)
    inside = tuple(
        slice(part.start - other.start, part.stop - other.start)
        for part, other in zip(surrogate.window, wide, strict=True)
    )
    light = light[inside]
    average = light.mean(dtype=float)
    if not (light > _DARK * average).all():
        raise ValueError(
            "a part of the window has no light before bleaching, by which frames could be divided; "
            "use a smaller window, or flat_field=None where light is even."
        )
    return (average / light).astype(mean.dtype)
