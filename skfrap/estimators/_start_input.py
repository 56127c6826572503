"""What a measured start is estimated from: rings of images, or curves beside profiles."""

import numpy as np

from skfrap.experiment import MeasuredStart, RingLayout, TileLayout

_FEWEST_BETWEEN = 4  # values of a curve beside its profiles
_FEWEST_FRAMES = 4
_FEWEST_RINGS = 2


def start_layout(protocol, n_columns):
    """Tell what the columns of X are: rings, or tiles of the protocol's compartment.

    Parameters
    ----------
    protocol : FRAPProtocol
    n_columns : int

    Returns
    -------
    RingLayout or TileLayout

    Raises
    ------
    ValueError
        If X has another width.
    """
    of = ring_layout if protocol.compartment is None else tile_layout
    return of(protocol, n_columns)


def samples_of(X, protocol, layout, omit):
    """Take X sample by sample.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
    protocol : FRAPProtocol
    layout : RingLayout, TileLayout or None
        None for curves.
    omit : bool
        As of :func:`ring_samples`.

    Returns
    -------
    list
        As of :func:`curve_samples`, :func:`ring_samples` or :func:`tile_samples`.
    """
    if layout is None:
        return curve_samples(X, omit)
    shape = len(X), protocol.n_postbleach
    if isinstance(layout, TileLayout):
        return tile_samples(X.reshape(*shape, layout.n_tiles), omit)
    return ring_samples(X.reshape(*shape, layout.n_sectors, layout.n_rings), layout, omit)


def ring_layout(protocol, n_columns):
    """Tell from the width of X which rings and sectors it holds.

    Parameters
    ----------
    protocol : FRAPProtocol
    n_columns : int

    Returns
    -------
    RingLayout

    Raises
    ------
    ValueError
        If it is no multiple of what the protocol has.
    """
    n_rings = RingLayout.of_field(protocol.shape).n_rings
    per_sector = protocol.n_postbleach * n_rings
    n_sectors, rest = divmod(n_columns, per_sector)
    if rest or not n_sectors:
        raise ValueError(
            f"X has {n_columns} columns, and the protocol has {protocol.n_postbleach} frames "
            f"after bleaching and room for {n_rings} rings: a multiple of {per_sector} is "
            "needed. Make X by RingExtractor with the same protocol; recovery curves need "
            "start=MeasuredStart.from_profile(...)."
        )
    return RingLayout(n_rings, n_sectors)


def tile_layout(protocol, n_columns):
    """Check that X is as wide as the tiles of a protocol's compartment are.

    Parameters
    ----------
    protocol : FRAPProtocol
    n_columns : int

    Returns
    -------
    TileLayout

    Raises
    ------
    ValueError
        If it has another width.
    """
    layout = TileLayout.of_compartment(protocol)
    expected = protocol.n_postbleach * layout.n_tiles
    if n_columns != expected:
        raise ValueError(
            f"X has {n_columns} columns, and the protocol has {protocol.n_postbleach} frames after "
            f"bleaching of {layout.n_tiles} tiles of the compartment: {expected} are needed. Make "
            "X by CompartmentExtractor with the same protocol; rings are for samples without edges."
        )
    return layout


def tile_samples(means, omit):
    """Take tiles sample by sample, without what is missing.

    Parameters
    ----------
    means : ndarray of shape (n_samples, n_frames, n_tiles)
    omit : bool
        As of :func:`ring_samples`.

    Returns
    -------
    list of (ndarray of shape (n_kept, n_tiles), tuple of int) or None
        Tiles, and the frames that they are of; None where there are no data.

    Raises
    ------
    ValueError
        It says which sample lacks tiles.
    """
    complete = np.isfinite(means).all(axis=2)
    lacking = np.flatnonzero(~complete.all(axis=1))
    if len(lacking) and not omit:
        raise ValueError(
            f"X has NaN in row {lacking[0]} (from 0), and {len(lacking)} of {len(means)} rows lack "
            "tiles. Leave out these rows, or give missing='omit', which leaves out the frames that "
            "lack tiles."
        )
    return _kept_frames(means, complete)


def check_profiles(start, protocol, n_columns, readings):
    """Check that profiles go with a protocol, and with curves of so many columns.

    Raises
    ------
    ValueError
        It says what is missing.
    """
    if not isinstance(start, MeasuredStart):
        raise ValueError(
            f"start must be a MeasuredStart, or None for rings; got {start!r}. Make it by "
            "MeasuredStart.from_profile(radius_um, intensity)."
        )
    if protocol.compartment is not None:
        raise ValueError(
            "profiles are of an open field, and the protocol has a compartment: give images, by "
            "CompartmentExtractor and start=None, or a protocol without compartment."
        )
    if n_columns != protocol.n_frames:
        raise ValueError(
            f"X has {n_columns} columns, and the protocol has {protocol.n_frames} frames: with "
            "start, X must be recovery curves of all frames before and after bleaching."
        )
    between = protocol.n_postbleach - 1
    between -= 0 if start.last_intensity is None else start.n_last
    if between < _FEWEST_BETWEEN:
        raise ValueError(
            f"start leaves {max(between, 0)} of {protocol.n_postbleach} frames after bleaching "
            f"to the curve, and {_FEWEST_BETWEEN} are needed; record more frames, or average "
            "fewer last ones (n_last)."
        )
    if start.last_intensity is None and set(readings) == {"free"}:
        raise ValueError(
            "readings is only 'free', which needs the profile of the last frames: give "
            "start=MeasuredStart.from_profile(radius_um, intensity, last_intensity)."
        )


def ring_samples(means, layout, omit):
    """Take rings sample by sample, without what is missing.

    Parameters
    ----------
    means : ndarray of shape (n_samples, n_frames, n_sectors, n_rings)
    layout : RingLayout
    omit : bool
        Whether frames that lack rings are left out, and samples without enough frames answered by
        none; else they are refused.

    Returns
    -------
    list of (ndarray of shape (n_kept, n_sectors, n_rings), tuple of int) or None
        Rings, and the frames that they are of; None where there are no data.

    Raises
    ------
    ValueError
        It says which sample lacks a part of its rings.
    """
    known = np.isfinite(means)
    n_rings = known.any(axis=(1, 2)).sum(axis=1)
    within = np.arange(layout.n_rings) < n_rings[:, np.newaxis]
    expected = within[:, np.newaxis, np.newaxis] & (layout.counts > 0)
    complete = ~(expected & ~known).any(axis=(2, 3)) & (n_rings >= _FEWEST_RINGS)[:, np.newaxis]
    lacking = np.flatnonzero(~complete.all(axis=1))
    if len(lacking) and not omit:
        raise ValueError(
            f"X has NaN within the rings of row {lacking[0]} (from 0), and {len(lacking)} of "
            f"{len(means)} rows lack rings: NaN may only stand in whole rings beyond the last. "
            "Leave out these rows, or the frames in all of them and in the protocol; or give "
            "missing='omit', which leaves out the frames that lack rings."
        )
    return _kept_frames(means, complete)


def _kept_frames(means, complete):
    """Take complete frames of each sample; None where they are too few."""
    frames = [tuple(np.flatnonzero(some).tolist()) for some in complete]
    return [
        (sample[[*some]], some) if len(some) >= min(_FEWEST_FRAMES, means.shape[1]) else None
        for sample, some in zip(means, frames, strict=True)
    ]


def curve_samples(curves, omit):
    """Take curves one by one; None where there are no data.

    Raises
    ------
    ValueError
        If a curve has gaps, which a curve that goes with profiles cannot have.
    """
    known = np.isfinite(curves)
    gaps = np.flatnonzero(~known.all(axis=1) & (known.any(axis=1) | (not omit)))
    if len(gaps):
        raise ValueError(
            f"X has NaN in row {gaps[0]} (from 0), and {len(gaps)} of {len(curves)} curves lack "
            "frames: what goes with profiles must be complete. With missing='omit' rows that are "
            "NaN throughout answer NaN."
        )
    return [curve if there.all() else None for curve, there in zip(curves, known, strict=True)]
