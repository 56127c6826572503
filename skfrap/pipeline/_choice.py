"""Steps that are left to the protocol: which extractor, and which estimator."""

from skfrap.estimators import LeastSquaresFRAP, MeasuredStartFRAP
from skfrap.preprocessing import RecoveryCurveExtractor, RingExtractor

AUTO = "auto"


def chosen_estimator(protocol):
    """Make the estimator that goes with a protocol.

    Parameters
    ----------
    protocol : FRAPProtocol or None
        None has the start told.

    Returns
    -------
    estimator
        Of default parameters.
    """
    is_measured = getattr(protocol, "start", "told") == "measured"
    return MeasuredStartFRAP() if is_measured else LeastSquaresFRAP()


def chosen_extractor(estimator, n_jobs=None):
    """Make the extractor of what an estimator takes.

    Parameters
    ----------
    estimator : estimator
        Or what holds one.
    n_jobs : int, default=None

    Returns
    -------
    RingExtractor or RecoveryCurveExtractor
        Rings for a :class:`MeasuredStartFRAP` without profiles.
    """
    held = [estimator]
    if hasattr(estimator, "get_params"):
        held += estimator.get_params(deep=True).values()
    takes_rings = any(isinstance(one, MeasuredStartFRAP) and one.start is None for one in held)
    return RingExtractor(n_jobs=n_jobs) if takes_rings else RecoveryCurveExtractor(n_jobs=n_jobs)


def chosen_steps(steps, protocol):
    """Make the steps that are left to the protocol.

    Parameters
    ----------
    steps : list of (str, estimator or "auto")
        The last is an estimator, and any other one that is "auto" an extractor.
    protocol : FRAPProtocol or None

    Returns
    -------
    list of (str, estimator)
    """
    if not len(steps):
        return []
    *others, (name, last) = steps
    if _is_auto(last):
        last = chosen_estimator(protocol)
    chosen = [(k, chosen_extractor(last) if _is_auto(step) else step) for k, step in others]
    return [*chosen, (name, last)]


def _is_auto(step):
    return isinstance(step, str) and step == AUTO
