"""What steps say of the protocol, and whether they agree."""

from dataclasses import fields

from sklearn.frozen import FrozenEstimator

from skfrap.experiment import FRAPProtocol
from skfrap.experiment._frames import chosen_protocol


def agreed_protocol(protocol, steps):
    """Return the one protocol of a pipeline and its steps; None where nobody says one.

    Parameters
    ----------
    protocol : FRAPProtocol or None
        The pipeline's own.
    steps : list of (str, estimator)

    Raises
    ------
    ValueError
        If they disagree.
    """
    stated = [] if protocol is None else [("protocol", chosen_protocol(protocol))]
    stated += [one for name, step in steps for one in _stated_by(name, step)]
    if not stated:
        return None
    first, agreed = stated[0]
    for path, other in stated[1:]:
        if other != agreed:
            raise ValueError(
                f"steps disagree about the protocol: {_difference(first, agreed, path, other)}. "
                "Give the protocol to the pipeline alone."
            )
    return agreed


def is_given(protocol, steps):
    """Tell whether a pipeline or a step is given a protocol, rather than fitted with one."""
    return protocol is not None or any(
        _is_protocol(value)
        for _, step in steps
        if hasattr(step, "get_params")
        for _, value in protocols_of(step)
    )


def protocols_of(step):
    """Return the paths of all protocols in a step's parameters, and what they are."""
    return [
        (path, value)
        for path, value in step.get_params(deep=True).items()
        if path.split("__")[-1] == "protocol" and (value is None or _is_protocol(value))
    ]


def _stated_by(name, step):
    """Return what protocols a step and all that it holds have been given or were fitted with."""
    if not hasattr(step, "get_params"):
        return []
    stated = [(f"{name}__{path}", value) for path, value in protocols_of(step)]
    held = {name: step} | {f"{name}__{p}": v for p, v in step.get_params(deep=True).items()}
    stated += [
        (f"{path} (fitted)", getattr(one, "protocol_", None))
        for path, one in held.items()
        if isinstance(one, FrozenEstimator)
    ]
    return [(path, value) for path, value in stated if _is_protocol(value)]


def _is_protocol(value):
    return isinstance(value, FRAPProtocol)


def _difference(first, one, path, other):
    """Tell in what two protocols differ."""
    differing = [
        part.name
        for part in fields(FRAPProtocol)
        if getattr(one, part.name) != getattr(other, part.name)
    ]
    values = [
        ", ".join(f"{name}={getattr(protocol, name)!r}" for name in differing)
        for protocol in (one, other)
    ]
    return f"{first} has {values[0]}, and {path} has {values[1]}"
