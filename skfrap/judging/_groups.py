"""What is to be known of what the series of a group share, before it is used."""

from collections import Counter

import numpy as np

from skfrap.judging._bounds import words_at_bounds
from skfrap.judging._findings import WIDE_INTERVAL
from skfrap.results import Finding

# What says that the model does not describe a series, rather than that it tells little by itself.
_CONTRADICT = (
    "frame_does_not_fit", "other_n_prebleach_fits", "zero_after_bleaching",
    "nothing_left_by_bleaching", "residuals_correlated", "residuals_too_large",
    "larger_model_fits",
)  # fmt: skip
_UNSEEN = ("no_bleaching_visible", "no_data", "too_few_frames")


def describe_groups(of_series, labels, shared, found, given_bounds=()):
    """Find what is wrong with what groups share: bounds, wide intervals, series that do not fit.

    Parameters
    ----------
    of_series : sequence of n sequences of Finding
        Of each series by itself.
    labels : ndarray of shape (n,) of int
        The group of each.
    shared : dict of str to Parameter
        What is shared, in the columns of `found`.
    found : tuple of ndarray
        Values (n_groups, n_shared) and the ends of their intervals (n_groups, n_shared, 2) on the
        targets' scales; which of them are at their lower, and at their upper bounds.
    given_bounds : collection of str, default=()
        Parameters that the user has bounded, not the protocol.

    Returns
    -------
    tuple of n_groups tuples of Finding
    """
    values, ends, at_lower, at_upper = found
    described = []
    for g in range(len(values)):
        some = [of_series[k] for k in np.flatnonzero(labels == g)]
        unseen = [*_of_all(some)]
        own = [*unseen]
        for k, (name, entry) in enumerate(shared.items()):
            if not entry.is_rate:
                continue
            lowest, highest = words_at_bounds(name, given_bounds)
            if at_lower[g, k]:
                own.append(Finding.of("at_lower_bound", lowest, name))
            elif at_upper[g, k]:
                own.append(Finding.of("at_upper_bound", highest, name))
            elif not unseen:
                reach = 0.5 * (ends[g, k, 1] - ends[g, k, 0])
                if not entry.decades(values[g, k], reach) < WIDE_INTERVAL:
                    words = f"the interval of {name} spans more than a factor of 9"
                    own.append(Finding.of("interval_too_wide", words, name))
        described.append((*own, *_of_some(some)))
    return tuple(described)


def _of_all(some):
    """Say that no series of a group shows any bleaching, if it is so."""
    unseen = [{one.code for one in row} & {*_UNSEEN} for row in some]
    if all(unseen):
        yield Finding.of("no_bleaching_visible", "no series shows any bleaching above the noise")


def _of_some(some):
    """Say which series the model does not describe, if any."""
    codes = [{one.code for one in row if one.code in _CONTRADICT} for row in some]
    spoilt = [k for k, row in enumerate(codes) if row]
    if not spoilt:
        return
    counted = Counter(code for row in codes for code in row)
    shown = ", ".join(f"{code} {count}" for code, count in counted.most_common())
    words = (
        f"the model does not describe {len(spoilt)} of {len(some)} series by themselves, the first "
        f"is number {spoilt[0]} of its group (from 0): {shown}"
    )
    yield Finding.of("series_contradicted", words)
