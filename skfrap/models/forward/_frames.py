"""Curves at some of an experiment's frames only, or with some values counting for more.

What a model computes in a frame does not hang on which others are looked at: the sample was
bleached and imaged in all of them. So a fit without a frame is one of the same model, seen less.
"""

import numpy as np

from skfrap.models.forward._direct import DirectCurves
from skfrap.models.forward._interpolated import CurveSurrogate


def frames_of(evaluator):
    """Return the frames that an evaluator computes, None where it computes all of them."""
    return getattr(evaluator, "frames", None)


def at_frames(evaluator, frames):
    """Restrict what computes a model's curves to some of the frames.

    Parameters
    ----------
    evaluator : CurveSurrogate or DirectCurves
        Of all frames.
    frames : ndarray of shape (m,) of int
        Increasing.

    Returns
    -------
    CurveSurrogate or DirectCurves
        Its `basis` is of shape (n_scores, m), its curves (n, m). Its attribute `frames` tells which
        they are, and its `protocol` is still that of the whole experiment.
    """
    if isinstance(evaluator, CurveSurrogate):
        return _surrogate_at(evaluator, frames)
    return DirectCurvesAtFrames(evaluator.model, frames)


class DirectCurvesAtFrames(DirectCurves):
    """Evaluate a model, and look at some of its frames.

    Parameters
    ----------
    model : CurveModel
    frames : ndarray of shape (m,) of int
    """

    def __init__(self, model, frames):
        super().__init__(model)
        self.frames = frames
        self.basis = np.eye(len(frames))

    def curves(self, **parameters):
        """Compute recovery curves at the frames; arguments as of the model's `curves`."""
        return super().curves(**parameters)[:, self.frames]

    def scores(self, values):
        """Compute curves whose factor is 1, as :meth:`DirectCurves.scores`, at the frames."""
        return super().scores(values)[:, self.frames]


def weighed(surrogate, weights):
    """Multiply each of the values that an interpolated model computes by a number.

    Parameters
    ----------
    surrogate : CurveSurrogate
    weights : ndarray of shape (n_values,)

    Returns
    -------
    CurveSurrogate
        Of curves times the weights.
    """
    return _with_values(surrogate, surrogate.basis * weights)


def _surrogate_at(surrogate, frames):
    some = _with_values(surrogate, surrogate.basis[:, frames])
    some.frames = frames
    return some


def _with_values(surrogate, basis):
    # The basis is no longer orthonormal. Its triangular factor makes scores on one that is of
    # scores on it, so that the coefficients of an interpolation are all that changes.
    directions, factor = np.linalg.qr(basis.T)

    def moved(tensor):
        rows = tensor["coefficients"].reshape(-1, tensor["n_scores"]) @ factor.T
        coefficients = rows.reshape(len(tensor["coefficients"]), -1)
        return tensor | {"coefficients": coefficients, "n_scores": len(factor)}

    state = surrogate.to_state()
    changes = {
        "basis": np.ascontiguousarray(directions.T),
        "constant": state["constant"] @ factor.T,
        "mobile": moved(state["mobile"]),
        "immobile": moved(state["immobile"]),
    }
    return CurveSurrogate.from_state(state | changes)
