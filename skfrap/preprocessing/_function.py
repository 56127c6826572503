"""A function of one's own as a correction of stacks."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skfrap._checks import check_choice
from skfrap.preprocessing._corrector import StackCorrector

_PARTS = ("stack", "frame", "pixel")


class StackFunction(StackCorrector):
    """Correct stacks by a function, as scikit-learn's FunctionTransformer does tables.

    Parameters
    ----------
    func : callable, default=None
        ``func(part, **kw_args)`` returns the corrected part, in its own memory and of its shape.
        None changes nothing.
    of : {"stack", "frame", "pixel"}, default="stack"
        What the function has to see at once. "stack": a whole stack, (n_frames, ny, nx); it is
        computed once, and kept as floats as long as the stack is. "frame": each frame by itself,
        (ny, nx), so that no other frames are computed than are looked at. "pixel": each pixel by
        itself, so that a curve costs no more than the bleach region; parts of any size are given.
    kw_args : dict, default=None
        More arguments of the function.

    See Also
    --------
    StackCorrector : Base class of corrections that learn something.

    Notes
    -----
    :func:`skfrap.persistence.save` keeps no functions. Pickles do, of those that have a name.

    Examples
    --------
    Replace single hot pixels:

    >>> import numpy as np
    >>> from scipy.ndimage import median_filter
    >>> from skfrap.preprocessing import StackFunction
    >>> stacks = np.full((1, 3, 16, 16), 0.5)
    >>> stacks[0, 1, 5, 5] = 0.9
    >>> StackFunction(median_filter, of="frame", kw_args={"size": 3}).fit_transform(stacks)[0].max()
    np.float64(0.5)
    """

    def __init__(
        self,
        func: Callable[..., Any] | None = None,
        *,
        of: str = "stack",
        kw_args: dict[str, Any] | None = None,
    ):
        self.func = func
        self.of = of
        self.kw_args = kw_args

    def learn(self, stacks):
        """Check the parameters."""
        check_choice("of", self.of, _PARTS)
        if self.func is not None and not callable(self.func):
            raise ValueError(f"func must be a function or None, got {self.func!r}.")
        self.of_ = self.of

    def prepare(self, view):
        """Return the view, by which frames are computed, or the corrected stack if it is needed."""
        if self.func is None or self.of_ == "pixel":
            return None
        return self._called(view.read()) if self.of_ == "stack" else view

    def apply(self, block, state, frames, rows, columns):
        """Put what the function returns in place of a part."""
        if self.func is None:
            return
        if self.of_ == "pixel":
            block[...] = self._called(block.copy())
        elif self.of_ == "stack":
            block[...] = state[frames, rows, columns]
        else:
            for k, frame in enumerate(range(*frames.indices(state.shape[0]))):
                whole = state.read(frames=slice(frame, frame + 1))[0]
                block[k] = self._called(whole)[rows, columns]

    def _called(self, part):
        result = np.asarray(self.func(part, **(self.kw_args or {})))
        if result.shape != part.shape:
            raise ValueError(
                f"func must return an array of the shape of its {self.of_}, {part.shape}, got "
                f"{result.shape}; an output of another shape is for a transformer of its own."
            )
        return result
