"""Which protocol holds for a stack: the one that is given for all, or its own."""

import numpy as np

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


def with_protocols(extractor, stacks, curves, protocol_of):
    """Put what was extracted together with the protocols of its samples.

    Parameters
    ----------
    extractor : StackTransformer
    stacks : StackSequence
    curves : list of (ndarray of shape (n_values,) or None)
        Of each stack; None where it could not be used.
    protocol_of : callable
        ``protocol_of(stacks, index)`` is that of a stack.

    Returns
    -------
    CurveSequence
        With what was found of each sample. What could not be used is NaN.

    Raises
    ------
    ValueError
        If no stack could be used, or a table is asked for.
    """
    form = vars(extractor).get("_sklearn_output_config") or {}
    if form.get("transform", "default") != "default":
        raise ValueError(
            "curves of samples that bring their protocols are no table; leave set_output at "
            "'default', or give protocol=... for all samples."
        )
    known = [k for k, curve in enumerate(curves) if curve is not None]
    if not known:
        raise ValueError(f"none of the {len(curves)} stacks can be used; see errors_.")
    # A file that cannot be read says of no experiment; its row of NaN is the same in any.
    nothing = np.full_like(curves[known[0]], np.nan)
    places = [known[0] if curve is None else k for k, curve in enumerate(curves)]
    return CurveSequence(
        [nothing if curve is None else curve for curve in curves],
        [protocol_of(stacks, k) for k in places],
        findings=[() if curve is None else stacks.findings(k) for k, curve in enumerate(curves)],
    )
