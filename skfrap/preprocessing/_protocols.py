"""Which protocol holds for a stack: the one that is given for all, or its own."""

from skfrap.experiment import CurveSequence, FRAPProtocol
from skfrap.experiment._frames import chosen_protocol
from skfrap.preprocessing._stacks import StackSequence


def shared_protocol(given, stacks):
    """Return the protocol of all stacks that a transformer is fitted to.

    Parameters
    ----------
    given : FRAPProtocol or None
        The transformer's `protocol`.
    stacks : StackSequence

    Returns
    -------
    FRAPProtocol or None
        None where nothing is given and the stacks bring their own; the paper's protocol where they
        do not.
    """
    if given is not None:
        return chosen_protocol(given)
    return None if stacks.bring_protocols() else FRAPProtocol()


def bring_protocols(X):
    """Tell whether what goes into a pipeline are samples that bring their protocols.

    Parameters
    ----------
    X : object
        Stacks of any kind, curves, or anything else.

    Returns
    -------
    bool
    """
    if isinstance(X, CurveSequence):
        return True
    if len(getattr(X, "shape", ())) > 1:  # an array or a table
        return False
    return StackSequence(X).bring_protocols()


def protocol_at(given, shared, own, name):
    """Return the protocol of one stack.

    Parameters
    ----------
    given : FRAPProtocol or None
        The transformer's `protocol`.
    shared : FRAPProtocol or None
        That of all stacks, as `shared_protocol` gave it.
    own : FRAPProtocol or None
        The one that the stack brings.
    name : str
        Of the stack, for messages.

    Returns
    -------
    FRAPProtocol

    Raises
    ------
    ValueError
        If nothing is given, and the stack has a protocol where those fitted had none, or the other
        way round.
    """
    if given is None:
        check_brings(shared is None, own, name)
    return own if shared is None else shared


def check_brings(expected, own, name):
    """Check that a sample brings its protocol, or brings none, as those that were fitted.

    Raises
    ------
    ValueError
        If it does not; it says what to do.
    """
    if expected and own is None:
        raise ValueError(
            f"{name} has no protocol, and the samples that were fitted bring theirs: give "
            "skfrap.Recording(frames, protocol), or protocol=... to the pipeline for all samples."
        )
    if not expected and own is not None:
        raise ValueError(
            f"{name} brings its protocol, and the samples that were fitted have none: fit to "
            "samples that all bring theirs, or give protocol=... to the pipeline for all of them."
        )
