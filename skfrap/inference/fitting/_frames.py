"""Fits of curves that lack some of an experiment's frames, or some of whose values count less."""

from skfrap.inference.fitting._fitter import CurveFitter
from skfrap.models.forward._frames import at_frames, weighed

_EVALUATORS = ("evaluator", "guide", "light")


def fitter_at_frames(fitter, frames):
    """Make a fitter of the same model in the same box that looks at some of the frames.

    Parameters
    ----------
    fitter : CurveFitter
    frames : ndarray of shape (m,) of int
        Increasing.

    Returns
    -------
    CurveFitter
        Of curves (n, m).
    """
    state = fitter.to_state()
    for name in _EVALUATORS:
        if state[name] is not None:
            state[name] = at_frames(state[name], frames)
    some = CurveFitter.from_state(state)
    some.grid = fitter.grid.at_frames(some.forward, frames)
    if fitter.guide is not None:
        some.guide.grid = fitter.guide.grid.at_frames(some.guide.forward, frames)
    return some


def weighed_fitter(fitter, weights):
    """Make a fitter of the same model in the same box that takes curves times weights.

    Parameters
    ----------
    fitter : CurveFitter
        Of an interpolated model, without guide.
    weights : ndarray of shape (n_values,)

    Returns
    -------
    CurveFitter
    """
    state = fitter.to_state()
    return CurveFitter.from_state(state | {"evaluator": weighed(state["evaluator"], weights)})
