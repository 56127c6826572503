"""Steps that are left to the protocol: which extractor, and which estimator."""

from skfrap.estimators import LeastSquaresFRAP, MeasuredStartFRAP
from skfrap.preprocessing import CompartmentExtractor, RecoveryCurveExtractor, RingExtractor

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


def chosen_extractor(estimator, n_jobs=None, protocol=None):
    """Make the extractor of what an estimator takes.

    Parameters
    ----------
    estimator : estimator
        Or what holds one.
    n_jobs : int, default=None
    protocol : FRAPProtocol, default=None
        Where it is known.

    Returns
    -------
    RingExtractor, CompartmentExtractor or RecoveryCurveExtractor
        Rings, or tiles of the compartment where there is one, for a :class:`MeasuredStartFRAP`
        without profiles.
    """
    held = [estimator]
    if hasattr(estimator, "get_params"):
        held += estimator.get_params(deep=True).values()
    if not any(isinstance(one, MeasuredStartFRAP) and one.start is None for one in held):
        return RecoveryCurveExtractor(n_jobs=n_jobs)
    is_closed = getattr(protocol, "compartment", None) is not None
    return CompartmentExtractor(n_jobs=n_jobs) if is_closed else RingExtractor(n_jobs=n_jobs)


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
    extractor = chosen_extractor(last, protocol=protocol)
    chosen = [(k, extractor if _is_auto(step) else step) for k, step in others]
    return [*chosen, (name, last)]


def _is_auto(step):
    return isinstance(step, str) and step == AUTO
