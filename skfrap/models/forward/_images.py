"""Image series of free diffusion, interpolated as a few numbers.

Frames of one protocol lie in a space of a few images, and whole series in one of a few series. A
measured stack is reduced to its scores there and to what is left of its sum of squares. With pixel
noise of variance a the scores have independent noise of variance a, and the rest is a times
chi-squared. As data and model are projected alike, a small basis makes no bias: it loses
information, and is cut by how much of it.
"""

from dataclasses import replace

import numpy as np

from skfrap._checks import check_choice, check_number, check_positive, check_range
from skfrap.models._diffusion import DiffusionModel
from skfrap.models.forward._compartment_images import CompartmentImages
from skfrap.models.forward._curve_build import InterpolationError
from skfrap.models.forward._image_build import (
    ImageBases,
    NodeGrid,
    build_bases,
    losses_and_errors,
)
from skfrap.models.forward._image_space import ImageSpace
from skfrap.models.forward._parts import evaluate_in_parts
from skfrap.models.forward._ranges import check_range as check_ends
from skfrap.models.forward._ranges import checked_pairs
from skfrap.models.forward._separable import SeparableImages, bleach_mask_on_grid
from skfrap.models.forward._window import window_of
from skfrap.numerics._chebyshev import (
    ChebyshevTensor,
    chebyshev_basis,
    differentiation,
)
from skfrap.numerics._threads import one_blas_thread
from skfrap.parameters import parameter

_LARGEST_ERROR = 1e-6  # of what is missing
_INTERPOLATED = ("D", "bleach_blur")
_KNOWN = {"imaging_bleach": 1.0, "bleach_blur": 0.0, "imaging_blur": 0.0}
_CHUNK = 2**21  # numbers that are computed at once


class ImageSurrogate(ImageSpace):
    """Interpolate image series of free diffusion, in a window, as a few scores.

    Parameters
    ----------
    protocol : FRAPProtocol
        The experiment, in an open field or with a compartment.
    ranges : dict, default=None
        ``{name: (lowest, highest)}`` in natural units of what to interpolate over besides alpha and
        the mobile fraction: ``"D"``, in µm²/s, and ``"bleach_blur"``, in µm. None is D over the
        model's own range.
    fixed : dict, default=None
        ``{name: value}`` of ``"bleach_blur"`` and ``"imaging_blur"``, in µm, where they are not 0.
    window : {"auto", "field"}, int or tuple of two slices, default="auto"
        The part of the field: ``"auto"`` reaches 2.3 radii beyond the bleach region; an int is a
        side in pixels; slices are its rows and columns.
    frame_levels : bool, default=True
        Whether the level of each frame is free in fits. Scores are then those of each frame.
    flat_field : float or None, default=5.0
        Standard deviation in pixels of the filter of the mean image before bleaching, by which
        stacks are divided; its noise counts in errors. None is for even light, and what is taken in
        a compartment, outside of which there is none.
    information_loss : float, default=1e-4
        Share of the Fisher information of any parameter that bases may lose.

    Attributes
    ----------
    names : tuple of str
        Columns of the values that :meth:`scores` takes: the model's parameters without c0.
    ranges, fixed : dict
        As given, completed.
    window : tuple of two slices
        Rows and columns of the field.
    n_images, n_scores, n_columns : int
        Images that frames are projected on; scores of a series; and columns of a row, which has the
        root of the rest besides.
    n_values : int
        Pixels that a series has in the window.
    level_size : float
        Norm of the image before bleaching, of an intensity of 1: the root of the number of pixels
        in an open field.
    basis : ndarray of shape (n_scores, n_columns) or None
        Takes scores to rows without a rest; None where frames are kept apart.
    loss : float
        Largest share of information that was found lost at check points.
    error : float
        Largest error of the interpolation at check points, of the size of what is missing.

    Raises
    ------
    ValueError
        If an argument is out of range.
    InterpolationError
        If the error is above a millionth.

    See Also
    --------
    skfrap.preprocessing.ImageScoreExtractor : Reduces stacks to scores.
    CurveSurrogate : The same of recovery curves.

    Examples
    --------
    >>> from skfrap import Circle, FRAPProtocol
    >>> from skfrap.models import ImageSurrogate
    >>> protocol = FRAPProtocol(shape=(64, 64), bleach_region=Circle(8.0), n_postbleach=40)
    >>> surrogate = ImageSurrogate(protocol, {"D": (1.0, 100.0)}, frame_levels=False)
    >>> surrogate.n_values > 1000 * surrogate.n_scores
    True
    >>> surrogate.error < 1e-6
    True
    """

    @one_blas_thread()
    def __init__(
        self,
        protocol,
        ranges=None,
        fixed=None,
        *,
        window="auto",
        frame_levels=True,
        flat_field=5.0,
        information_loss=1e-4,
    ):
        check_choice("frame_levels", frame_levels, (True, False))
        check_range("information_loss", information_loss, 0, 1, with_lowest=False)
        self.flat_field = None if flat_field is None else check_positive("flat_field", flat_field)
        if flat_field is not None and flat_field > max(protocol.shape):
            raise ValueError(
                "flat_field must be at most the frame's longer side, "
                f"{max(protocol.shape)} pixels, got {flat_field!r}."
            )
        if protocol.compartment is not None:  # outside of it there is no light to divide by
            self.flat_field = None
        self.protocol = protocol
        self.frame_levels = bool(frame_levels)
        self.information_loss = float(information_loss)
        self.window = window if isinstance(window, tuple) else window_of(protocol, window)
        self._set_parameters(ranges, fixed or {})
        grid = self._grid
        masks = [self._mask(blur) for blur in {*grid.blurs}]
        if protocol.compartment is None:
            images = SeparableImages(
                protocol, self.window, masks, self.ranges["D"], self.fixed["imaging_blur"]
            )
        else:
            blurs = self.fixed["bleach_blur"], self.fixed["imaging_blur"]
            images = CompartmentImages(protocol, self.window, *blurs)
        self.level_size = float(np.linalg.norm(images.level))
        kept = {}

        def mask_of(blur):
            if blur not in kept:
                kept[blur] = images.of_mask(self._mask(blur))
            return kept[blur]

        bases = build_bases(images, mask_of, grid, self.frame_levels, self.information_loss)
        in_compartment = protocol.compartment is not None
        axes = (images.pixels,) if in_compartment else images.ranges
        self._set_bases(bases, axes, images.is_folded)
        self.loss, self.error = losses_and_errors(images, mask_of, grid, self)
        if in_compartment:  # coordinates in pixels are all that is needed from here on
            bases = replace(bases, coordinates=bases.coordinates @ images.pixels.T)
            self._set_bases(bases, (), False)
        if self.error > _LARGEST_ERROR:
            raise InterpolationError(
                f"interpolation of images over {self.ranges} reaches an error of {self.error:.1e} "
                f"only, not {_LARGEST_ERROR:.0e}; use narrower ranges."
            )

    def _set_parameters(self, ranges, fixed):
        model = DiffusionModel(self.protocol)
        defaults = model.defaults()
        self.names = tuple(name for name in defaults if name != "c0")
        checked_pairs("ranges", ranges)
        checked_pairs("fixed", fixed)
        ranges = {} if ranges is None else dict(ranges)
        ranges.setdefault("D", tuple(map(float, model.bounds["D"])))
        if self.protocol.compartment is not None and "bleach_blur" in ranges:
            raise ValueError(
                "ranges of bleach_blur are of an open field, and the protocol has a compartment; "
                "give fixed={'bleach_blur': ...} where it is known."
            )
        given = {name: check_ends(name, ends, _INTERPOLATED) for name, ends in ranges.items()}
        self.ranges = {name: given[name] for name in _INTERPOLATED if name in given}
        known = {name: value for name, value in _KNOWN.items() if name not in self.ranges}
        if not {*fixed} <= {*known} or fixed.get("imaging_bleach", 1.0) != 1.0:
            raise ValueError(
                f"fixed can be given for {[n for n in known if n != 'imaging_bleach']}, got "
                f"{fixed}; bleaching by imaging is left to free frame levels."
            )
        self.fixed = {
            name: check_number(f"fixed[{name!r}]", fixed.get(name, value), 0.0)
            for name, value in known.items()
        }

    @property
    def _grid(self):
        blur = self.ranges.get("bleach_blur", (self.fixed.get("bleach_blur", 0.0),) * 2)
        return NodeGrid(tuple(np.log10(self.ranges["D"])), blur, self.protocol.n_bleach)

    def _mask(self, blur):
        return bleach_mask_on_grid(self.protocol, blur)

    def _set_bases(self, bases, ranges, is_folded):
        self._bases, self._axis_ranges, self.is_folded = bases, ranges, is_folded
        grid = self._grid
        ends = np.array([grid.log_ends, grid.blurs])
        self._lower, self._upper = ends.T
        self._upper = np.where(self._upper > self._lower, self._upper, self._lower + 1.0)
        unit = 2 / (self._upper - self._lower)
        self._moving, self._still = (
            ChebyshevTensor(part, unit) for part in (bases.moving, bases.still)
        )
        protocol = self.protocol
        self.n_images = len(bases.coordinates)
        self.n_pixels = int(np.prod([part.stop - part.start for part in self.window]))
        self.n_values = protocol.n_frames * self.n_pixels
        level = np.zeros((protocol.n_frames, self.n_images))
        level[:, 0] = self.level_size
        self._level = level.ravel()
        if not self.frame_levels:
            self._level = bases.series @ self._level
        self.n_scores = len(self._level)
        self.n_columns = self.n_scores + 1

    # Files

    def to_state(self):
        """Return what a file keeps.

        Returns
        -------
        dict
            By names that stay.
        """
        bases = self._bases
        return {
            "protocol": self.protocol,
            "ranges": self.ranges,
            "fixed": self.fixed,
            "window": [[part.start, part.stop] for part in self.window],
            "frame_levels": self.frame_levels,
            "flat_field": self.flat_field,
            "information_loss": self.information_loss,
            "loss": self.loss,
            "error": self.error,
            "folded": self.is_folded,
            "level_size": self.level_size,
            "axis_ranges": list(self._axis_ranges),
            "coordinates": bases.coordinates,
            "series": bases.series,
            "expansion": bases.expansion,
            "mobile": bases.moving,
            "immobile": bases.still,
        }

    @classmethod
    def from_state(cls, state):
        """Make the surrogate that :meth:`to_state` described.

        Parameters
        ----------
        state : dict
            As :meth:`to_state` gave it.

        Returns
        -------
        ImageSurrogate
        """
        surrogate = cls.__new__(cls)
        same = "protocol ranges frame_levels flat_field information_loss loss error level_size"
        for name in same.split():
            setattr(surrogate, name, state[name])
        surrogate.window = tuple(slice(*map(int, ends)) for ends in state["window"])
        surrogate._set_parameters(state["ranges"], state["fixed"])
        bases = ImageBases(
            *(state[k] for k in ("coordinates", "series", "expansion", "mobile", "immobile"))
        )
        surrogate._set_bases(bases, tuple(state["axis_ranges"]), state["folded"])
        return surrogate

    def placed(self, protocol, window):
        """Return the same elsewhere in an open field, where nothing else is changed by that.

        Parameters
        ----------
        protocol : FRAPProtocol
            With the bleach region moved by whole pixels.
        window : tuple of two slices
            Moved alike.

        Returns
        -------
        ImageSurrogate
        """
        ends = [[part.start, part.stop] for part in window]
        return type(self).from_state(self.to_state() | {"protocol": protocol, "window": ends})

    def __getstate__(self):
        return self.to_state()

    def __setstate__(self, state):
        self.__dict__.update(type(self).from_state(state).__dict__)

    @property
    def description(self):
        """What the surrogate is of, hashable: scores of equal ones can be compared."""
        return (
            self.protocol,
            tuple(self.ranges.items()),
            tuple(self.fixed.items()),
            tuple((part.start, part.stop) for part in self.window),
            self.frame_levels,
            self.flat_field,
            self.information_loss,
        )

    def __eq__(self, other):
        return isinstance(other, ImageSurrogate) and self.description == other.description

    def __hash__(self):
        return hash(self.description)

    def __repr__(self):
        rows, columns = (part.stop - part.start for part in self.window)
        return (
            f"ImageSurrogate({self.protocol.n_frames} frames of {rows} x {columns} pixels as "
            f"{self.n_scores} scores)"
        )

    def covers(self, ranges):
        """Tell whether ``{name: (lowest, highest)}`` lies within what is interpolated.

        Parameters
        ----------
        ranges : dict
            Of all parameters that it interpolates over, and that are fixed.

        Returns
        -------
        bool
        """
        small = 1e-12
        return all(
            low * (1 - small) <= ranges[name][0] and ranges[name][1] * (1 - small) <= high
            for name, (low, high) in self.ranges.items()
        ) and all(tuple(ranges[name]) == (value, value) for name, value in self.fixed.items())

    # The model

    def curves(self, c0, **values):
        """Compute rows of noise-free series, without a rest.

        Parameters
        ----------
        c0 : ndarray of shape (n,)
            Intensity before bleaching.
        **values : ndarray of shape (n,)
            The other parameters by name, in natural units.

        Returns
        -------
        ndarray of shape (n, n_columns)
        """
        with np.errstate(divide="ignore"):
            table = np.column_stack(
                [parameter(name).to_target(np.asarray(values[name])) for name in self.names]
            )
        scores = self.scores(table) * np.asarray(c0)[:, np.newaxis]
        return np.pad(scores, ((0, 0), (0, 1)))

    def scores(self, values):
        """Compute the scores of series with c0 = 1, without checking the arguments.

        Parameters
        ----------
        values : ndarray of shape (n, n_names)
            Columns as in `names`, on the targets' scales, inside their ranges.

        Returns
        -------
        ndarray of shape (n, n_scores)
        """
        return self.scores_and_slopes(values, ())[0]

    def scores_and_slopes(self, values, wanted):
        """Compute the scores, and their derivatives by some of the columns.

        Parameters
        ----------
        values : ndarray of shape (n, n_names)
            As in :meth:`scores`.
        wanted : sequence of int
            Columns to differentiate by.

        Returns
        -------
        scores : ndarray of shape (n, n_scores)
        slopes : list of ndarray of shape (n, n_scores)
        """
        step = max(64, _CHUNK // self.n_scores)
        return evaluate_in_parts(self._evaluate, values, wanted, step)

    def _evaluate(self, values, wanted):
        names = [self.names[k] for k in wanted]
        column = dict(zip(self.names, values.T, strict=True))
        depth, mobile = 1 - column["alpha"][:, np.newaxis], column["mobile_fraction"][:, np.newaxis]
        axes = [column["D"], column["bleach_blur"]]
        by_axes = [name for name in _INTERPOLATED if name in names]
        options = axes, depth[:, 0], "alpha" in names, bool(by_axes)
        missing, by_depth, by_axis = self._missing(self._moving, *options)
        slopes = {}
        if "mobile_fraction" in names or (mobile != 1).any():
            still, *still_slopes = self._missing(self._still, *options)
            slopes["mobile_fraction"] = -depth * (missing - still)
            missing = mobile * missing + (1 - mobile) * still
            if by_depth is not None:
                by_depth = mobile * by_depth + (1 - mobile) * still_slopes[0]
            if by_axes:
                by_axis = [
                    mobile * one + (1 - mobile) * other
                    for one, other in zip(by_axis, still_slopes[1], strict=True)
                ]
        if by_depth is not None:
            slopes["alpha"] = missing + depth * by_depth
        for name in by_axes:
            slopes[name] = -depth * by_axis[_INTERPOLATED.index(name)]
        expand = self._expand
        return self._level - depth * expand(missing), [
            expand(np.broadcast_to(slopes[name], missing.shape))
            if name in slopes
            else np.zeros((len(values), self.n_scores))
            for name in names
        ]

    def _expand(self, scores):
        expansion = self._bases.expansion
        return scores if expansion is None else scores @ expansion

    def _missing(self, tensor, axes, depth, with_depth, with_axes):
        """Evaluate what is missing over the depth, and its slopes by depth and by the axes."""
        unit = [
            (2 * x - low - high) / (high - low)
            for x, low, high in zip(axes, self._lower, self._upper, strict=True)
        ]
        in_axes = [chebyshev_basis(x, n)[:, :n] for x, n in zip(unit, tensor.shape, strict=True)]
        n_depth = tensor.n_rows
        rows = chebyshev_basis(2 * depth - 1, n_depth)
        slope = 2 * rows @ differentiation(n_depth) if with_depth else None
        return tensor.evaluate(in_axes, rows, slope, with_axes)

    # What builds it compares it with the model

    def scores_of_missing(self, missing):
        """Project what is missing in frames after bleaching to scores.

        Parameters
        ----------
        missing : ndarray of shape (n_postbleach, n_coordinates)
            As ``SeparableImages`` computes it.

        Returns
        -------
        ndarray of shape (n,)
            Scores of the series, or of the frames after bleaching where these are kept apart.
        """
        frames = missing @ self._bases.coordinates.T
        if self.frame_levels:
            return frames.ravel()
        before = self.protocol.n_prebleach * self.n_images
        return self._bases.series[:, before:] @ frames.ravel()

    def missing_over_depth(self, log_D, depth, blur):
        """Evaluate what is missing of mobile particles, in scores as :meth:`scores_of_missing`.

        Parameters
        ----------
        log_D, depth, blur : float
            Where: log10 of D in µm²/s, what a bleach frame takes, and the blur in µm.

        Returns
        -------
        ndarray of shape (n,)
        """
        axes = [np.array([log_D]), np.array([blur])]
        missing = self._missing(self._moving, axes, np.array([depth]), False, False)[0]
        missing = self._expand(missing)[0]
        before = self.protocol.n_prebleach * self.n_images
        return missing[before:] if self.frame_levels else missing
