"""Recovery curves of free diffusion with bleaching by imaging, at many bleach depths at once.

Write S for the diffusion from one frame to the next, I for the bleaching by imaging, and w for the
weights of the curve: a recorded frame takes the concentration c to I S c. There are three ways.

- "edges". Imaging alone leaves beta**n deep inside the field of view, to which what comes in over
  its edges adds. While that is little, it is a one-dimensional problem for each axis, and all else
  is the local model's. What this neglects is of second order in how little comes in, and estimated.
- "modes". Where only the lowest Fourier modes outlast the time between two frames, I is a product
  with a small matrix for each axis.
- "grid". Fourier transforms to pixels and back, as in :mod:`skfrap.models.field._spectral`. Where
  the field has many pixels only what "edges" neglects, which varies slowly, is computed so, on
  fewer of them.

The latter two step from frame to frame. S and I are their own transposes, so that with frames at
even intervals the values of a curve are <w, (I S)^k I S c> = <(I S)^k I w, S c>: the weights are
what is stepped, once for all bleach depths.
"""

from functools import cached_property, partial
from itertools import pairwise

import numpy as np

from skfrap.models.field._edges import DiffusionBetweenEdges
from skfrap.models.field._local import bounding_box
from skfrap.models.field._spectral import QuarterGrid, events, is_mirrored, memoised
from skfrap.numerics._chebyshev import polynomial_on_unit_interval
from skfrap.numerics._threads import one_blas_thread

_FEW_MODES = 72  # along an axis: nothing is faster
_GONE = 1e-14  # what the shortest interval leaves of modes that are left out
_NOT_FELT = 1e-9  # of an intensity of 1, that large fields may neglect
_EVEN = 1e-11  # relative differences between intervals that count as even
_FLOPS_PER_PIXEL = 400.0  # matrix products that take as long as a pair of Fourier transforms


class ImagingDiffusion:
    """Compute recovery curves with bleaching by imaging, for one way of bleaching and looking.

    Parameters
    ----------
    protocol : FRAPProtocol
    optics : Optics
    stepper : FrameStepper
        Of the same protocol and optics.
    imaging_blur : float, default=0.0
        Standard deviation of the Gaussian spread of the detection, µm.
    coarse : ImagingDiffusion, default=None
        Of the same field with fewer pixels.
    """

    def __init__(self, protocol, optics, stepper, imaging_blur=0.0, coarse=None):
        self.protocol = protocol
        self.coarse = coarse
        self._frames = events(protocol)
        self._optics = optics
        self._stepper = stepper
        self._seen = stepper.blur(stepper.weights, imaging_blur)
        self._edges = DiffusionBetweenEdges(protocol, self._frames, optics, imaging_blur)

    @one_blas_thread()
    def shapes(self, depth, D, imaging_bleach):
        """Compute curves of mobile and of immobile particles, c0 being 1.

        Parameters
        ----------
        depth : ndarray of shape (n,)
            1 - alpha.
        D : float
            µm²/s.
        imaging_bleach : float
            What imaging a frame leaves in the field of view; bleach frames are imaged too.

        Returns
        -------
        moving, still : ndarray of shape (n, n_frames)
        """
        still = self.still(depth, imaging_bleach)
        moving = self.moving(depth, D, imaging_bleach) if D > 0 else still.copy()
        return moving, still

    @one_blas_thread()
    def way(self, D, imaging_bleach):
        """Choose how to compute: "edges", "modes" or "grid"."""
        n_modes = self._modes.n_needed(D)
        if n_modes > _FEW_MODES and self._edges.suits(D, imaging_bleach):
            return "edges"
        return "modes" if n_modes <= self._modes.most else "grid"

    @one_blas_thread()
    def moving(self, depth, D, imaging_bleach, way=None):
        """Compute curves of mobile particles.

        Parameters
        ----------
        depth, D, imaging_bleach
            As in :meth:`shapes`, D > 0.
        way : {"edges", "modes", "grid"}, default=None
            None is what :meth:`way` chooses.

        Returns
        -------
        ndarray of shape (n, n_frames)
        """
        way = way or self.way(D, imaging_bleach)
        if way == "edges":
            return self._edges.curves(depth, D, imaging_bleach)
        if way == "grid" and self.coarse is not None:
            near = self.moving(depth, D, imaging_bleach, "edges")
            if self._edges.neglected(D) < _NOT_FELT:
                return near
            coarse = [self.coarse.moving(depth, D, imaging_bleach, w) for w in ("grid", "edges")]
            return near + coarse[0] - coarse[1]
        steps = (
            self._modes.steps(D, imaging_bleach)
            if way == "modes"
            else _GridSteps(self._stepper, self._seen, D, imaging_bleach)
        )
        stepped = partial(self._stepped, steps)
        return polynomial_on_unit_interval(stepped, depth, self.protocol.n_bleach)

    def still(self, depth, imaging_bleach):
        """Compute curves of immobile particles, (n, n_frames): frames multiply in each pixel."""
        protocol = self.protocol
        after = slice(protocol.n_prebleach, None)
        n_imaged = 1 + np.flatnonzero([not bleaches for _, bleaches in self._frames])
        bleach = self._optics.bleach[bounding_box(self._optics.bleach)]
        removed = 1 - (1 - depth[:, np.newaxis, np.newaxis] * bleach) ** protocol.n_bleach
        curves = np.zeros((len(depth), protocol.n_frames))
        for (total, seen), left in zip(self._seen_parts, (imaging_bleach, 1.0), strict=True):
            left = left**n_imaged
            curves += total * left
            curves[:, after] -= np.outer(np.einsum("nyx,yx->n", removed, seen), left[after])
        return curves

    @cached_property
    def _seen_parts(self):
        """Weights inside and outside the field of view: their sum, and in the bleach mask's box."""
        whole = self._stepper.grid.whole(self._seen)
        inside = np.zeros(whole.shape)
        inside[self._optics.field] = whole[self._optics.field]
        box = bounding_box(self._optics.bleach)
        return [(part.sum(), part[box]) for part in (inside, whole - inside)]

    @cached_property
    def _modes(self):
        grid = self._stepper.grid
        # A product takes n**3, and half of that with as many sines as cosines.
        n_cubed = 4 if isinstance(grid, QuarterGrid) else 2
        most = int((_FLOPS_PER_PIXEL / n_cubed * np.prod(grid.shape)) ** (1 / 3))
        return _Modes(self.protocol, self._frames, self._optics, grid.whole(self._seen), most)

    def _stepped(self, steps, depth):
        """Compute curves of mobile particles from frame to frame, forward and from the end."""
        n_prebleach, n_postbleach = self.protocol.n_prebleach, self.protocol.n_postbleach
        curves = np.empty((len(depth), self.protocol.n_frames))
        state, weights = steps.unbleached, steps.weigh(steps.seen)[:, 0]
        curves[:, 0] = steps.flat(state) @ weights
        state = steps.image(state)
        for frame, (time, _) in enumerate(self._frames[1:n_prebleach], 1):
            state = steps.spread(state, time)
            curves[:, frame] = steps.flat(state) @ weights
            state = steps.image(state)
        for time, _ in self._frames[n_prebleach:-n_postbleach]:
            state = steps.bleach(steps.spread(state, time), depth)

        # The last run of even intervals goes backward; what comes before it, forward.
        times = np.array([time for time, _ in self._frames[-n_postbleach:]])
        uneven = np.flatnonzero(~np.isclose(times[1:], times[-1], rtol=_EVEN, atol=0))
        first = 1 + uneven[-1] if len(uneven) else 0
        for frame, time in enumerate(times[:first], n_prebleach):
            state = steps.spread(state, time)
            curves[:, frame] = steps.flat(state) @ weights
            state = steps.image(state)
        states, seen = steps.weigh(steps.spread(state, times[first])), steps.seen
        curves[:, n_prebleach + first] = steps.flat(seen) @ states
        for frame in range(n_prebleach + first + 1, self.protocol.n_frames):
            seen = steps.image(steps.spread(seen, times[-1]))
            curves[:, frame] = steps.flat(seen) @ states
        return curves


class _GridSteps:
    """Step by Fourier transforms; states are all modes of the stepper's grid, (n, ...).

    Parameters
    ----------
    stepper : FrameStepper
    seen : ndarray
        Weights of the curve on the stepper's grid, as spread by the detection.
    D, imaging_bleach : float

    Attributes
    ----------
    unbleached : ndarray of shape (1, ...)
        The state before the first frame.
    seen : ndarray of shape (1, ...)
        The weights of a state before it is imaged.
    """

    def __init__(self, stepper, seen, D, imaging_bleach):
        self._grid = grid = stepper.grid
        self._bleach = stepper.bleach
        self._imaging = 1 - (1 - imaging_bleach) * stepper.field
        self._decay = memoised(lambda time: np.exp(-D * time * grid.k_squared))
        self.unbleached = grid.forward(np.ones((1, *grid.shape)))
        self.seen = grid.forward(self._imaging * seen)[np.newaxis]

    def spread(self, state, time):
        """Let diffuse."""
        return state * self._decay(time)

    def image(self, state):
        """Bleach by imaging."""
        pixels = self._grid.backward(state)
        pixels *= self._imaging
        return self._grid.forward(pixels)

    def bleach(self, state, depth):
        """Bleach, one state or one for each depth, and image."""
        pixels = self._imaging * self._grid.backward(state)
        return self._grid.forward(pixels * (1 - depth[:, np.newaxis, np.newaxis] * self._bleach))

    def weigh(self, state):
        """Return weights of flat states, for inner products with these."""
        return self.flat(state * self._grid.multiplicity).T

    def flat(self, state):
        """Lay out each state as a row of real numbers."""
        return state.reshape(len(state), -1).view(float)


class _Modes:
    """The lowest modes of the padded grid, functions of y times functions of x.

    Parameters
    ----------
    protocol : FRAPProtocol
    frames : list
        As from `events`.
    optics : Optics
    seen : ndarray of shape (ny, nx)
        Weights of the curve, as spread by the detection.
    most : int
        Functions along an axis that may be kept.
    """

    def __init__(self, protocol, frames, optics, seen, most):
        self.most = most
        self._shortest = min(time for time, _ in frames)
        self._optics = optics
        self._seen = seen
        self.axes = [
            _AxisModes(n, protocol.pixel_size, most, is_mirrored(optics, axis))
            for axis, n in enumerate(seen.shape)
        ]
        self.box = bounding_box(optics.bleach)
        inside = np.zeros(seen.shape)
        inside[optics.field] = 1.0
        self.bleach = optics.bleach[self.box]
        self.bleach_inside = self.bleach * inside[self.box]

    def n_needed(self, D):
        """Count the functions that outlast the shortest interval, along the axis with the most."""
        return max(sum(axis.n_lasting(D * self._shortest)) for axis in self.axes)

    def steps(self, D, imaging_bleach):
        """Make steps of the modes that outlast the shortest interval."""
        return _ModeSteps(self, D * self._shortest, D, imaging_bleach)

    @cached_property
    def unbleached(self):
        """The lowest mode of an even concentration of 1."""
        return np.sqrt(self._seen.size)

    @cached_property
    def field(self):
        """What the field of view leaves of each function, as functions, for each axis."""
        inside = [
            axis.functions[:, field]
            for axis, field in zip(self.axes, self._optics.field, strict=True)
        ]
        return [part @ part.T for part in inside]

    @cached_property
    def seen(self):
        """Weights of the modes."""
        y, x = self.axes
        return y.functions @ self._seen @ x.functions.T

    @cached_property
    def seen_inside(self):
        """Weights of the modes in the field of view."""
        (y, x), field = self.axes, self._optics.field
        return y.functions[:, field[0]] @ self._seen[field] @ x.functions[:, field[1]].T


class _AxisModes:
    """Modes of a periodic axis: cosines about its middle and, unless all is mirrored, sines.

    Attributes
    ----------
    functions : ndarray of shape (n_functions, n)
        Orthonormal; cosines and then sines, the lowest of each.
    k_squared : ndarray of shape (n_functions,)
        1/µm².
    """

    def __init__(self, n, pixel_size, most, mirrored):
        self._phases = 2 * np.pi / n * (np.arange(n) - 0.5 * (n - 1))
        # Of the shortest wavelength, on an even number of pixels, the cosine vanishes.
        orders = [np.arange((n + 1) // 2)]
        if not mirrored:
            orders.append(np.arange(1, n // 2 + 1))
        unit = (2 * np.pi / (n * pixel_size)) ** 2
        self._k_squared = [unit * order**2 for order in orders]
        self._orders = [order[: most // len(orders) + 1] for order in orders]
        self.k_squared = unit * np.concatenate(self._orders) ** 2

    @cached_property
    def functions(self):
        waves = [
            wave(np.outer(order, self._phases))
            for wave, order in zip((np.cos, np.sin), self._orders, strict=False)
        ]
        waves = np.concatenate(waves)
        return waves / np.linalg.norm(waves, axis=1, keepdims=True)

    def n_lasting(self, spread):
        """Count all modes that outlast a diffusion by `spread`, D times the time: by parity."""
        gone = -np.log(_GONE)
        return [np.searchsorted(spread * part, gone, "right") for part in self._k_squared]

    def lasting(self, spread):
        """Return which functions outlast it."""
        starts = (0, len(self._orders[0]))
        counts = self.n_lasting(spread)
        return np.concatenate(
            [start + np.arange(n) for start, n in zip(starts, counts, strict=False)]
        )


class _ModeSteps:
    """Step by products with matrices; states are some modes, (n, ny, nx).

    Parameters
    ----------
    modes : _Modes
    spread : float
        Those that outlast a diffusion by this, µm².
    D, imaging_bleach : float

    Attributes
    ----------
    unbleached, seen : ndarray of shape (1, ny, nx)
        As in `_GridSteps`.
    """

    def __init__(self, modes, spread, D, imaging_bleach):
        self._taken = 1 - imaging_bleach
        kept = [axis.lasting(spread) for axis in modes.axes]
        y_squared, x_squared = (
            axis.k_squared[some] for axis, some in zip(modes.axes, kept, strict=True)
        )
        self._decay = memoised(
            lambda time: np.outer(np.exp(-D * time * y_squared), np.exp(-D * time * x_squared))
        )
        # The field's middle is the grid's: it mixes no cosines with sines.
        self._field = []
        for axis, some, field in zip(modes.axes, kept, modes.field, strict=True):
            ends = np.cumsum([0, *axis.n_lasting(spread)])
            parities = [slice(*pair) for pair in pairwise(ends)]
            self._field.append([(part, field[np.ix_(some[part], some[part])]) for part in parities])
        self._box_y, self._box_x = (
            axis.functions[some, box]
            for axis, some, box in zip(modes.axes, kept, modes.box, strict=True)
        )
        self._bleach = modes.bleach - self._taken * modes.bleach_inside
        self.seen = (modes.seen - self._taken * modes.seen_inside)[np.newaxis][:, *np.ix_(*kept)]
        self.unbleached = np.zeros(self.seen.shape)
        self.unbleached[0, 0, 0] = modes.unbleached

    def spread(self, state, time):
        """Let diffuse."""
        return state * self._decay(time)

    def image(self, state):
        """Bleach by imaging."""
        along_y, taken = np.empty_like(state), np.empty_like(state)
        for part, field in self._field[0]:
            np.matmul(field, state[:, part], out=along_y[:, part])
        for part, field in self._field[1]:
            np.matmul(along_y[..., part], field, out=taken[..., part])
        taken *= -self._taken
        taken += state
        return taken

    def bleach(self, state, depth):
        """Bleach, one state or one for each depth, and image."""
        pixels = self._box_y.T @ state @ self._box_x
        pixels = depth[:, np.newaxis, np.newaxis] * self._bleach * pixels
        return self.image(state) - self._box_y @ pixels @ self._box_x.T

    def weigh(self, state):
        """Return weights of flat states, for inner products with these."""
        return self.flat(state).T

    def flat(self, state):
        """Lay out each state as a row of numbers."""
        return state.reshape(len(state), -1)
