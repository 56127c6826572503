"""The protocol that a file of skfrap brings along, as long as it is that of the frames."""

import numpy as np

from skfrap.experiment import FRAPProtocol
from skfrap.results import Finding

_DIGITS = 1e-3  # to which two clocks, or two sizes of pixels, are one


def stored_protocol(series, *, allow_large=False):
    """Return the protocol that is stored in a series, if it is still that of the frames.

    Other programs crop series, leave out frames and give them another clock, and keep the text in
    which the protocol is stored.

    Parameters
    ----------
    series : ImageSeries
    allow_large : bool, default=False
        Whether it may be of any size.

    Returns
    -------
    protocol : FRAPProtocol or None
    finding : Finding or None
        Why what is stored was set aside.
    """
    description = series.info.get("protocol")
    if description is None:
        return None, None
    try:
        protocol = FRAPProtocol.from_dict(description, allow_large=allow_large)
        why = _disagreement(protocol, series)
    except Exception as error:  # whatever a text makes of it that anybody may have written
        why = f"it cannot be read ({str(error)[:200] or type(error).__name__})"
    if not why:
        return protocol, None
    return None, Finding.of(
        "stored_protocol_set_aside", f"the protocol stored in the file is set aside: {why}"
    )


def _disagreement(protocol, series):
    """Say in what a protocol is not that of a series; nothing if it is."""
    n_frames, *shape = series.frames.shape
    if protocol.shape != tuple(shape):
        return f"it is of {_times(protocol.shape)} pixels, and the frames have {_times(shape)}"
    if protocol.n_frames != n_frames:
        return f"it is of {protocol.n_frames} frames, and the file has {n_frames}"
    pixel = series.pixel_size_um
    if pixel is not None and abs(pixel / protocol.pixel_size - 1) > _DIGITS:
        return f"its pixels are {protocol.pixel_size:.6g} µm, and the file's {pixel:.6g} µm"
    if series.times_s is None:
        return ""
    for part in (slice(0, protocol.n_prebleach), slice(protocol.n_prebleach, None)):
        own, other = np.diff(protocol.times[part]), np.diff(series.times_s[part])
        if len(own) and (np.abs(other - own) > _DIGITS * own).any():
            return (
                f"its frames are {np.median(own):.4g} s apart, and the file's "
                f"{np.median(other):.4g} s"
            )
    return ""


def _times(shape):
    return " x ".join(map(str, shape))
