"""Which experiment is meant: by the protocol that is given, and by the names of frames."""

import re

import numpy as np

from skfrap.experiment._protocol import FRAPProtocol

_FRAME = re.compile(r"(?:.+: )?intensity at (\S+) s")
_TOLERANCE = 1e-3  # of the shortest time between frames
_MOST_TARGETS = 8  # that a chain adds


def chosen_protocol(protocol):
    """Return the protocol that was given, or the paper's for None.

    Raises
    ------
    ValueError
        If it is something else.
    """
    if protocol is None:
        return FRAPProtocol()
    if not isinstance(protocol, FRAPProtocol):
        raise ValueError(f"protocol must be a FRAPProtocol, got {protocol!r}.")
    return protocol


def check_told_start(protocol, who):
    """Refuse a protocol whose start is measured where the told one is all that is known.

    Parameters
    ----------
    protocol : FRAPProtocol or None
    who : str
        The estimator, for the message.

    Raises
    ------
    ValueError
        It names what estimates with a measured start.
    """
    if protocol is not None and protocol.start != "told":
        raise ValueError(
            f"{who} takes it that the bleach region was bleached as told, and the protocol has "
            f"start={protocol.start!r}: use MeasuredStartFRAP, on images by RingExtractor, in "
            "a compartment by CompartmentExtractor, or on curves with profiles; or "
            "protocol.replace(start='told'). In a pipeline, make_frap_pipeline chooses by the "
            "protocol: let estimator be None or 'auto'."
        )


def refuse_rows(protocol, what):
    """Raise ValueError where a protocol has several rows and one is all that something takes."""
    if protocol.n_rows > 1:
        raise ValueError(
            f"the protocol has the rows {protocol.row_names}, and {what} is of one row; leave rows "
            "out. LeastSquaresFRAP, BayesianFRAP and NeuralFRAP take several, with models on the "
            "pixel grid."
        )


def refuse_gaps_in_rows(protocol):
    """Raise ValueError where curves that lack frames are of several rows."""
    if protocol.n_rows > 1:
        raise ValueError(
            "curves of several rows must have all frames, got NaN; leave the frames out of the "
            "protocol as well, or leave out the curves."
        )


def check_frame_names(names, protocol):
    """Check that columns which are named by their times are the frames of a protocol.

    Parameters
    ----------
    names : sequence of str or None
        Of the columns of X. None, and names that say no time, are not checked.
    protocol : FRAPProtocol or None

    Raises
    ------
    ValueError
        If the columns are of another experiment, or in another order.
    """
    if names is None or protocol is None:
        return
    times = _times_of(names)
    if times is None:
        return
    expected = protocol.times
    if protocol.n_rows > 1 and len(times) == protocol.n_values:
        times = _times_of_rows(names, times, protocol)
    if len(times) == len(expected) and _agree(times, expected):
        return
    if len(times) == len(expected) and _agree(np.sort(times), expected):
        raise ValueError("the columns of X are the protocol's frames in another order; sort X.")
    raise ValueError(
        "the columns of X are frames of another experiment than the protocol's: by their names "
        f"{_told(times)}; by the protocol {_told(expected)}. Estimates would be wrong: give the "
        "protocol that X was recorded with, or rename the columns."
    )


def check_width(n_columns, protocol):
    """Check that curves have as many columns as a protocol has frames, in all rows.

    Parameters
    ----------
    n_columns : int
    protocol : FRAPProtocol or None
        None says nothing of it.

    Raises
    ------
    ValueError
        If they have not.
    """
    if protocol is None or n_columns == protocol.n_values:
        return
    hint = ""
    rows = "" if protocol.n_rows == 1 else f" of each of {protocol.n_rows} rows"
    if 0 < n_columns - protocol.n_values <= _MOST_TARGETS:
        hint = (
            " RegressorChain adds targets to X as if they were frames: use MultiOutputRegressor, "
            "or one estimator of all targets."
        )
    raise ValueError(
        f"X has {n_columns} columns, and the protocol has {protocol.n_frames} frames{rows} "
        f"({protocol.n_prebleach} prebleach, {protocol.n_postbleach} postbleach).{hint}"
    )


def _times_of(names):
    """Read the times that names say, in s; None if one says none."""
    found = [_FRAME.fullmatch(name) if isinstance(name, str) else None for name in names]
    try:
        return np.array([float(match[1]) for match in found])
    except (TypeError, ValueError):
        return None


def _times_of_rows(names, times, protocol):
    """Return the times of the first row, where others have the same and all are in order."""
    expected = protocol.feature_names
    rows = [name.rpartition(": ")[0] for name in names]
    for k in range(1, protocol.n_rows):
        part = slice(k * protocol.n_frames, (k + 1) * protocol.n_frames)
        if not np.array_equal(times[part], times[: protocol.n_frames]):
            return times
    if rows != [name.rpartition(": ")[0] for name in expected]:
        raise ValueError(
            f"the columns of X are the rows {[*dict.fromkeys(rows)]}, and the protocol's are "
            f"{[*protocol.row_names]}; put them in that order."
        )
    return times[: protocol.n_frames]


def _agree(times, expected):
    shortest = np.diff(expected).min(initial=np.inf) if len(expected) > 1 else 1.0
    return np.abs(times - expected).max() <= _TOLERANCE * shortest


def _told(times):
    after = times[times > 0]
    first = f", the first after bleaching at {after[0]:.6g} s" if len(after) else ""
    return f"{len(times)} frames from {times[0]:.6g} to {times[-1]:.6g} s{first}"
