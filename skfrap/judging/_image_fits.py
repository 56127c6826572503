"""Fits of all pixels, judged by the pixels: goodness, residual images, and errors with misfit."""

import numpy as np

from skfrap.judging._cells_of_images import CellScores, ImageCells
from skfrap.judging._image_misfit import ImageMisfit, image_misfit
from skfrap.preprocessing import StackSequence
from skfrap.preprocessing._scores import gain_image


def judge_images(fit, stack) -> ImageMisfit:
    """Judge how well a fit of scores describes the images, and how uncertain that makes it.

    The error by the noise of pixels is no error of a real series: what the model does not have is
    the same in all of its millions of pixels. This looks at the fit in rings, sectors and stretches
    of time, and in smaller windows: how far they differ, beyond the noise, is the error by misfit.

    Parameters
    ----------
    fit : Fit
        Of one series: ``LeastSquaresFRAP(...).fit(X).estimate(X).fit``, X being scores of a
        :class:`skfrap.preprocessing.ImageScoreExtractor`.
    stack : ndarray of shape (n_frames, ny, nx), path or StackSequence of one
        What the scores are of, as the extractor got it.

    Returns
    -------
    ImageMisfit

    Raises
    ------
    ValueError
        If the fit is not of the scores of one series.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP
    >>> from skfrap.judging import judge_images
    >>> from skfrap.preprocessing import ImageScoreExtractor
    >>> protocol = FRAPProtocol(shape=(64, 64), bleach_region=Circle(8.0), n_postbleach=40)
    >>> prior = {"D": 20.0, "c0": 0.8, "alpha": 0.6, "a": 1e-3}
    >>> stacks = FRAPSimulator(protocol, prior, random_state=0).sample_images(1).data
    >>> X = ImageScoreExtractor(protocol).fit_transform(stacks)
    >>> fit = LeastSquaresFRAP(protocol).fit(X).estimate(X).fit
    >>> misfit = judge_images(fit, stacks[0])
    >>> misfit.names, bool(abs(misfit.chi2_of_frames.mean() - 1) < 0.02)
    (('D', 'alpha'), True)
    >>> bool(misfit.misfit_error[0] == 0)  # of log10 D: nothing but noise is seen
    True
    """
    surrogate = fit.forward.evaluator
    if len(fit) != 1 or not hasattr(surrogate, "frame_scores"):
        raise ValueError(
            "fit must be of the scores of one series, as estimate(X[k : k + 1]).fit of an "
            f"estimator that got scores; got {fit!r}."
        )
    if not isinstance(stack, StackSequence):
        stack = StackSequence([stack])
    return misfit_of_cells(fit, cells_of(stack.view(0), surrogate))


def cells_of(view, surrogate):
    """Sum up the pixels of a window by rings and sectors, their light divided out.

    Parameters
    ----------
    view : StackView
    surrogate : ImageSurrogate

    Returns
    -------
    CellScores
    """
    protocol, (rows, columns) = surrogate.protocol, surrogate.window
    x, y = (place / protocol.pixel_size for place in _middle(protocol))
    shape = rows.stop - rows.start, columns.stop - columns.start
    center = x - columns.start, y - rows.start
    cells = ImageCells.about(shape, center, protocol.equivalent_radius / protocol.pixel_size)
    gain = None if surrogate.flat_field is None else gain_image(view, surrogate)
    return CellScores.of(_Frames(view, surrogate.window, gain), surrogate.images, cells)


def _middle(protocol):
    """Return the middle of the region, (x, y) in µm."""
    mask = protocol.bleach_mask
    y, x = (np.sum((place + 0.5) * mask) / mask.sum() for place in np.indices(mask.shape))
    return float(x * protocol.pixel_size), float(y * protocol.pixel_size)


class _Frames:
    """Frames of a window, read when they are asked for."""

    def __init__(self, view, window, gain):
        self._view, self._window, self._gain = view, window, gain

    def __len__(self):
        return self._view.shape[0]

    def __getitem__(self, frames):
        if isinstance(frames, int):
            return self[frames : frames + 1][0]
        block = self._view.read(frames, *self._window)
        return block if self._gain is None else block * self._gain


def misfit_of_cells(fit, cells):
    """Judge one fit by the pixels of its cells.

    Parameters
    ----------
    fit : Fit
        Of one series. Where levels are free c0 is in them, and is not judged.
    cells : CellScores

    Returns
    -------
    ImageMisfit
    """
    space, surrogate = fit.space, fit.forward.evaluator
    factor, levels = fit.forward.factor_column, surrogate.frame_levels
    judged = [k for k in range(len(space.free)) if not (levels and k == factor)]
    whole = fit.theta[0].copy()
    if levels and factor is not None:
        whole[factor] = 1.0
    size = surrogate.protocol.n_frames, surrogate.n_images

    def shape(theta):
        full = whole.copy()
        full[judged] = theta
        scores, slopes = fit.forward.linearize(full[np.newaxis], np.ones(1) if levels else None)
        rows = np.concatenate([scores, slopes[0, judged]])
        frames = surrogate.frame_scores(np.pad(rows, ((0, 0), (0, 1)))).reshape(-1, *size)
        return frames[0], frames[1:]

    return image_misfit(
        cells,
        shape,
        fit.theta[0, judged],
        [space.free[k] for k in judged],
        surrogate.protocol.equivalent_radius / surrogate.protocol.pixel_size,
        free_levels=levels,
        covariance=fit.covariance[0][np.ix_(judged, judged)],
        bounds=(space.lower[judged], space.upper[judged]),
    )
