"""Bases of image series, and their interpolation, from images of free diffusion in coordinates.

Bases are spanned by tangents, the derivatives of images by the parameters, which are whitened at
each point: so a direction counts by what it tells of parameters, however small it is beside others.
"""

from dataclasses import dataclass

import numpy as np

from skfrap.models.forward._bases import enough_rows, spanning, whitened
from skfrap.numerics._chebyshev import (
    chebyshev_basis,
    differentiation,
    first_kind_coefficients,
    first_kind_nodes,
)
from skfrap.numerics._progress import shown

_SAMPLED_FRAMES = 12  # that images are chosen by, evenly in log time
_TANGENTS_PER_DECADE = 4  # of D
_BLURS_OF_TANGENTS = 4
_DEPTHS_OF_TANGENTS = 4
_STEP = 1e-3  # of log10 D, for derivatives that a basis is chosen by
_NODES_PER_DECADE = 12  # of D, and more
_MORE_NODES = 6
_BLUR_NODES = 10
_ROUNDING = 1e-10  # of the strongest direction in which frames differ
_SAFETY = 0.8
_SAFETY_OF_BLURS = 0.5  # which are sampled more coarsely
_CHECKS = ((0.13, 0.31, 0.15), (0.42, 0.77, 0.5), (0.71, 0.12, 0.93), (0.93, 0.55, 0.3))


@dataclass(frozen=True)
class ImageBases:
    """What a surrogate of image series is made of.

    Attributes
    ----------
    coordinates : ndarray of shape (n_images, n_coordinates)
        Orthonormal images, the first constant.
    series : ndarray of shape (n_series, n_frames * n_images) or None
        Orthonormal series of them, the first constant; None where frames are kept apart.
    expansion : ndarray of shape (n_scores, n_frames * n_images) or None
        From the scores that are interpolated to those of frames, where these are kept apart.
    moving, still : ndarray of shape (n_D, n_blur, n_depth, n_scores)
        Chebyshev coefficients of what is missing over the depth.
    """

    coordinates: np.ndarray
    series: np.ndarray | None
    expansion: np.ndarray | None
    moving: np.ndarray
    still: np.ndarray


@dataclass(frozen=True)
class NodeGrid:
    """Where image series are computed.

    Attributes
    ----------
    log_ends : tuple of float
        Ends of log10 D.
    blurs : tuple of float
        Ends of the blur; equal where it is known.
    n_bleach : int
    """

    log_ends: tuple
    blurs: tuple
    n_bleach: int

    @property
    def depth(self):
        """Depths of bleaching; what is missing is a polynomial in it."""
        n_nodes = min(self.n_bleach, 8 + int(np.ceil(5 * np.sqrt(self.n_bleach))))
        return 0.5 + 0.5 * first_kind_nodes(n_nodes)

    @property
    def D(self):
        """Diffusion coefficients, µm²/s."""
        n = _MORE_NODES + int(np.ceil(_NODES_PER_DECADE * (self.log_ends[1] - self.log_ends[0])))
        return 10 ** _at(self.log_ends, first_kind_nodes(n))

    @property
    def blur(self):
        """Blurs of the bleaching beam, µm."""
        if self.blurs[0] == self.blurs[1]:
            return np.array(self.blurs[:1])
        return _at(self.blurs, first_kind_nodes(_BLUR_NODES))


def build_bases(images, mask_of, grid, frame_levels, share):
    """Choose bases, and interpolate image series on them.

    Parameters
    ----------
    images : SeparableImages
    mask_of : callable
        ``mask_of(blur)`` gives the mask as `images` computes with it.
    grid : NodeGrid
    frame_levels : bool
        Whether frames are kept apart, so that each may have a level of its own.
    share : float
        Of the Fisher information that may be lost.

    Returns
    -------
    ImageBases
    """
    D, masks, depth = grid.D, [mask_of(blur) for blur in grid.blur], grid.depth
    # Tangents between the sampled ones lose somewhat more; series are cut twice.
    part = (_SAFETY if frame_levels else 0.5 * _SAFETY) * share
    if len(masks) > 1:
        part *= _SAFETY_OF_BLURS
    coordinates = _choose_images(images, mask_of, grid, frame_levels, part)
    protocol = images.protocol
    n_after, n_images = protocol.n_postbleach, len(coordinates)
    moving = np.empty((len(D), len(masks), len(depth), n_after * n_images))
    points = [(k, e) for k in range(len(D)) for e in range(len(masks))]
    for k, e in shown(points, "preparing images", "series"):
        scores = images.mobile(masks[e], D[k], depth) @ coordinates.T
        moving[k, e] = scores.reshape(len(depth), -1)
    still = np.stack([images.immobile(mask, depth) @ coordinates.T for mask in masks])
    still = np.tile(still, n_after)[np.newaxis]
    series = expansion = None
    before = np.zeros(protocol.n_prebleach * n_images)
    if frame_levels:
        rows = np.concatenate(
            [moving.reshape(-1, moving.shape[-1]), still[0].reshape(-1, still.shape[-1])]
        )
        _, strengths, directions = np.linalg.svd(np.linalg.qr(rows, mode="r"), full_matrices=False)
        directions = directions[strengths > _ROUNDING * strengths[0]]
        to_scores = directions.T
        expansion = np.hstack([np.zeros((len(directions), len(before))), directions])
    else:
        level = np.zeros((protocol.n_frames, n_images))
        level[:, 0] = np.linalg.norm(images.level)
        series = _choose_series(moving, still, level.ravel(), grid, part)
        to_scores = series[:, len(before) :].T
    moving, still = moving @ to_scores, still @ to_scores
    for axis in (0, 1, 2):
        moving, still = (first_kind_coefficients(values, axis) for values in (moving, still))
    # Without the rows that were not chosen, and laid out as a pickle lays it out.
    return ImageBases(coordinates.copy(order="K"), series, expansion, moving, still)


def _choose_images(images, mask_of, grid, frame_levels, share):
    """Choose images that frames are projected on."""
    n_after = images.protocol.n_postbleach
    frames = np.unique(np.round(np.geomspace(1, n_after, _SAMPLED_FRAMES)).astype(int)) - 1
    # Each stands for those about it.
    stands_for = np.gradient(frames + 0.5) if len(frames) > 1 else np.ones(1)
    weights = np.sqrt(stands_for)[:, np.newaxis]
    low, high = grid.log_ends
    log_D = np.linspace(low, high, 2 + int(_TANGENTS_PER_DECADE * (high - low)))
    places = np.linspace(0, len(grid.depth) - 1, _DEPTHS_OF_TANGENTS)
    depth = grid.depth[np.unique(places.astype(int))]
    known = grid.blurs[0] == grid.blurs[1]
    blurs = np.linspace(*grid.blurs, 1 if known else _BLURS_OF_TANGENTS)
    found = []
    for blur in blurs:
        mask = mask_of(blur)
        other = None if known else mask_of(_beside(blur, grid.blurs))
        for x in log_D:
            tangents = _tangents(images, mask, x, depth, frames, other)
            if frame_levels:  # what counts is what they are besides
                for some in tangents:
                    some[1:] = _beside_light(some[1:], images.level - some[0])
            found.append(whitened(tangents * weights).astype(np.float32))
    unit = np.concatenate(found)
    level = images.level / np.linalg.norm(images.level)
    basis = spanning(unit.reshape(-1, images.n_coordinates), level.astype(np.float32))
    # Once more in double precision.
    basis = np.linalg.qr(np.vstack([level, basis[1:]]).T)[0].T
    return enough_rows(unit, basis * np.sign(basis[0] @ level), share)


def _tangents(images, mask, log_D, depth, frames, other_mask=None, step=_STEP):
    """Differentiate images by size, log10 D, depth, mobile fraction and blur, but for signs.

    Returns
    -------
    ndarray of shape (n_depth, n_free, n_frames, n_coordinates)
    """
    here, more, less = (
        images.mobile(mask, 10**x, depth, frames) for x in (log_D, log_D + step, log_D - step)
    )
    deeper = images.mobile(mask, 10**log_D, depth + step, frames)
    shallower = images.mobile(mask, 10**log_D, depth - step, frames)
    still = images.immobile(mask, depth)[:, np.newaxis]
    over = depth[:, np.newaxis, np.newaxis]
    found = [
        over * here,
        over * (more - less) / (2 * step),
        here + over * (deeper - shallower) / (2 * step),
        over * (here - still),
    ]
    if other_mask is not None:
        found.append(over * (images.mobile(other_mask, 10**log_D, depth, frames) - here))
    return np.stack(found, axis=1)


def _beside(value, ends):
    """Return a value a little more inside of a range."""
    step = 1e-3 * (ends[1] - ends[0])
    return value + step if value < np.mean(ends) else value - step


def _choose_series(moving, still, level, grid, share):
    """Choose series that whole stacks are projected on, from tangents at all nodes."""
    depth = grid.depth[:, np.newaxis]
    parts = [
        depth * _slopes_at_nodes(moving, 0),
        moving + 2 * depth * _slopes_at_nodes(moving, 2),
        depth * (moving - still),
        depth * moving,
    ]
    if moving.shape[1] > 1:
        parts.append(depth * _slopes_at_nodes(moving, 1))
    tangents = np.stack(parts, axis=3)
    tangents = tangents.reshape(-1, len(parts), 1, tangents.shape[-1])
    n_before = len(level) - tangents.shape[-1]
    unit = np.pad(whitened(tangents), ((0, 0), (0, 0), (0, 0), (n_before, 0)))
    basis = spanning(unit.reshape(-1, len(level)), level / np.linalg.norm(level))
    return enough_rows(unit, basis, share)


def _slopes_at_nodes(values, axis):
    """Differentiate by the unit variable along an axis of nodes."""
    n = values.shape[axis]
    if n == 1:
        return np.zeros_like(values)
    polynomials = chebyshev_basis(first_kind_nodes(n), n)
    slopes = polynomials @ differentiation(n)
    coefficients = np.moveaxis(first_kind_coefficients(values, axis), axis, 0)
    return np.moveaxis(np.tensordot(slopes, coefficients, 1), 0, axis)


def losses_and_errors(images, mask_of, grid, surrogate, points=_CHECKS):
    """Compare a surrogate with the model itself, between the nodes.

    Parameters
    ----------
    images, mask_of, grid
        As of :func:`build_bases`.
    surrogate : ImageSurrogate
    points : sequence of tuple of float
        Where: fractions of the ranges of log10 D, of the depth, and of the blur.

    Returns
    -------
    loss : float
        Largest share of the Fisher information that is lost of any direction of parameters.
    error : float
        Largest error of what is missing in the scores, of its size.
    """
    loss = error = 0.0
    frames = np.arange(images.protocol.n_postbleach)
    names = ("D", "bleach_blur") if grid.blurs[0] < grid.blurs[1] else ("D",)
    for at_D, at_depth, at_blur in points:
        log_D, blur = (
            low + (high - low) * at
            for (low, high), at in ((grid.log_ends, at_D), (grid.blurs, at_blur))
        )
        mask, depth = mask_of(blur), np.array([at_depth])
        other = mask_of(_beside(blur, grid.blurs)) if len(names) > 1 else None
        tangents = _tangents(images, mask, log_D, depth, frames, other)[0]
        here = tangents[0] / at_depth
        light = images.level - tangents[0]
        loss = max(loss, _loss(tangents[1:], light, surrogate))
        exact = surrogate.scores_of_missing(here)
        found = surrogate.missing_over_depth(log_D, at_depth, blur)
        error = max(error, np.linalg.norm(found - exact) / np.linalg.norm(here))
    return float(loss), float(error)


def _loss(tangents, light, surrogate):
    """Compute the largest share of information lost, levels being free where they are."""
    project = surrogate.scores_of_missing
    if not surrogate.frame_levels:
        unit = whitened(tangents[np.newaxis])[0]
        lost = unit.reshape(len(unit), -1)
        lost = lost @ lost.T
        kept = np.array([project(one) for one in unit])
        return np.linalg.eigvalsh(lost - kept @ kept.T)[-1]
    full = _beside_light(tangents, light)
    kept = np.array([project(one).reshape(len(light), -1) for one in tangents])
    kept = _beside_light(kept, project(light).reshape(len(light), -1))
    gram, kept = (part.reshape(len(part), -1) for part in (full, kept))
    sizes = np.linalg.norm(gram, axis=1, keepdims=True)
    gram, kept = gram / sizes, kept / sizes
    values, vectors = np.linalg.eigh(gram @ gram.T)
    root = vectors / np.sqrt(np.maximum(values, 1e-11 * values[-1]))
    share = root.T @ (gram @ gram.T - kept @ kept.T) @ root
    return np.linalg.eigvalsh(share)[-1]


def _beside_light(tangents, light):
    """Take out of derivatives what a free level of each frame would do."""
    along = np.einsum("ftd,td->ft", tangents, light) / np.einsum("td,td->t", light, light)
    return tangents - along[..., np.newaxis] * light


def _at(ends, unit):
    """Stretch points of [-1, 1] over a range."""
    return 0.5 * (ends[0] + ends[1]) + 0.5 * (ends[1] - ends[0]) * unit
