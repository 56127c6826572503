"""Which column of a table is what: by their names, as told, and by what the numbers do."""

import re

import numpy as np

from skfrap._checks import Argument, ArgumentError
from skfrap.io.tables._bleaching import find_fall
from skfrap.io.tables._units import UNITS, unit_of

ROLES = ("time", "bleach", "reference", "background")
"""What a column can be."""

NOTHING = "none"
_OTHERS = ROLES[2:]
_COLUMNS = Argument("columns")
_TIME = re.compile(
    r"\b(time|axis|zeit|temps|tiempo|tempo|seconds?|secs?|elapsed)\b|time_|^t$|^t[ _(\[]|"
    r"^[\[(]?(s|sec|ms|min)[\])]?$|relative ?time|timestamp",
    re.IGNORECASE,
)
_INDEX = re.compile(r"^(|column 1|#|no\.?|frames?|slices?|index|images?|planes?|t-?index|x)$", re.I)
_LABEL = re.compile(r"^(label|file|name|image|roi|series|treatment|comment)s?$", re.I)
# What Fiji measures besides the mean, with the number or the name of a region behind.
_MEASUREMENTS = re.compile(
    r"^(area|min|max|stddev|std|sd|mode|median|x|y|xm|ym|perim\.?|bx|by|width|height|major|minor|"
    r"angle|circ\.?|feret\w*|minferet|intden|rawintden|err|error|stderr|sem|skew|kurt|%area|ar|round|solidity|ch|minthr|"
    r"maxthr|length|slice|frame|count|n)\s*(\d+|\(.*\))?$",
    re.IGNORECASE,
)
_NOT_BLEACHED = re.compile(r"un-?bleach|non-?bleach|not bleach|no bleach", re.I)
_NAMES = {
    "background": re.compile(
        r"background|\bbgd?\b|\bback\b|\bbkg\b|\bdark\b|hintergrund|\bfond\b", re.I
    ),
    "reference": re.compile(
        r"reference|\bref\b|whole|total|nucle|\bcell\b|control|un-?bleach|non-?bleach|"
        r"not bleach|fading",
        re.IGNORECASE,
    ),
    "bleach": re.compile(r"bleach|frap|\bspot\b|recovery|^intensity( \[.*\])?$|^curve$", re.I),
}
_TWICE = 1.5  # times the fall of the next column, that the bleached one must show
_DARK = 0.5  # of the others' level: what is darker may be background
_BRIGHT = 0.6
_AS_MUCH = 0.7  # of the fall of the bleached column, from which another is no reference


def parse_columns(told):
    """Read which column is what, as it is told.

    Parameters
    ----------
    told : mapping, str, sequence of str or None
        ``{"bleach": "ROI1"}``, or texts as ``"bleach=ROI1,reference=ROI2"``.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ValueError
        If a role is not known, or told twice.

    Examples
    --------
    >>> from skfrap.io.tables._roles import parse_columns
    >>> parse_columns("bleach=ROI1, reference=ROI2")
    {'bleach': 'ROI1', 'reference': 'ROI2'}
    """
    if not told:
        return {}
    if hasattr(told, "items"):
        pairs = [(str(role), str(name)) for role, name in told.items()]
    else:
        texts = [told] if isinstance(told, str) else list(told)
        roles = "|".join(ROLES)
        parts = [one for text in texts for one in re.split(rf",\s*(?=(?:{roles})\s*=)", str(text))]
        pairs = [
            (role.strip(), name.strip()) for role, _, name in (one.partition("=") for one in parts)
        ]
    found = {}
    for role, name in pairs:
        if role not in ROLES or not name:
            raise ArgumentError(
                _COLUMNS,
                f" say which column is what, as bleach=ROI1,reference=ROI2, of {', '.join(ROLES)}; "
                f"got {role if role not in ROLES else role + '='!r}.",
            )
        if role in found:
            raise ArgumentError(_COLUMNS, f" name {role!r} twice; name one column for it.")
        found[role] = name
    return found


def place_of(name, names):
    """Return the place of a column: by its name, its name without unit, or its number."""
    folded = name.casefold()
    for form in (str, _without_unit):
        places = [k for k, one in enumerate(names) if form(one).casefold() == folded]
        if len(places) == 1:
            return places[0]
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    raise ArgumentError(_COLUMNS, f" name {name!r}, and the table has the columns {listed(names)}.")


def listed(names):
    """List columns for a message."""
    shown = [repr(one) for one in names[:12]]
    return ", ".join(shown) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _without_unit(name):
    return re.sub(r"\s*[\[(][^\[(]*[\])]\s*$", "", name).strip()


def is_time(name):
    """Tell whether a column, by its name, holds times."""
    return _TIME.search(name) is not None and not _MEASUREMENTS.match(_without_unit(name))


def time_column(block, told, path):
    """Find the column of times.

    Returns
    -------
    place : int or None
    words : str
        How it was found.
    """
    if told.get("time") == NOTHING:
        return None, ""
    if "time" in told:
        return place_of(told["time"], block.names), "told"
    places = [k for k, name in enumerate(block.names) if block.named and is_time(name)]
    if len(places) > 1:
        first, *others = (
            block.values[:, k] * UNITS.get(unit_of(block.names[k]), 1.0) for k in places
        )
        same = [one for one in others if np.allclose(one, first, equal_nan=True)]
        if len(same) < len(places) - 1:
            raise ArgumentError(
                f"{path} has several columns of times, {listed([block.names[k] for k in places])}, "
                "which differ; a table has one clock, say which (",
                _COLUMNS,
                f", as time={block.names[places[0]]}).",
            )
        return places[0], "by its name; other columns of times are the same"
    if places:
        return places[0], "by its name"
    if not block.named and block.values.shape[1] > 1:
        first = block.values[:, 0]
        if np.isfinite(first).all() and (np.diff(first) > 0).all():
            return 0, "the first column, which increases; the table has no head"
    return None, ""


def candidates(block, time, told):
    """List the columns that may be intensities.

    Returns
    -------
    places : list of int
    words : str
        Which others were left out.
    index : int or None
        The column that numbers the frames.
    """
    given = {place_of(one, block.names) for one in told.values() if one != NOTHING}
    times = {k for k, name in enumerate(block.names) if block.named and _TIME.search(name)}
    index, places, others = None, [], []
    for k, name in enumerate(block.names):
        bare = _without_unit(name)
        if k == time or (k in times and k not in given):
            continue
        if k not in given and (_LABEL.match(bare) or not np.isfinite(block.values[:, k]).any()):
            continue
        numbers_frames = block.named and _INDEX.match(bare) and _counts(block.values[:, k])
        if k not in given and numbers_frames:
            index = k if index is None else index
            continue
        places.append(k)
    means = [k for k in places if re.match(r"mean|average", block.names[k], re.I)]
    beside = [
        k
        for k in places
        if k not in means and not _MEASUREMENTS.match(block.names[k].strip()) and k not in given
    ]
    if len(means) == 1 and beside and means[0] not in given:
        # The mean of other columns, as of Time Series Analyzer, or else one of the regions.
        others = means if _is_mean(block.values, means[0], beside) else []
        others += [k for k in places if k not in means and k not in beside and k not in given]
    elif means:
        named = [k for k in beside if any(one.search(block.names[k]) for one in _NAMES.values())]
        others = [k for k in places if k not in (*means, *named) and k not in given]
    else:
        others = [
            k for k in places if _MEASUREMENTS.match(block.names[k].strip()) and k not in given
        ]
    places = [k for k in places if k not in others]
    names = [block.names[k] for k in others]
    words = f"columns {listed(names)} are no mean intensities and play no part" if names else ""
    return places, words, index


def _is_mean(values, place, of):
    """Tell whether a column is the mean of others."""
    mean = values[:, of].mean(axis=1)
    known = np.isfinite(mean) & np.isfinite(values[:, place])
    return bool(known.any() and np.allclose(values[known, place], mean[known], rtol=1e-3))


def _counts(values):
    whole = np.isfinite(values).all() and (values == np.round(values)).all()
    return bool(whole and (np.diff(values) > 0).all())


def roles_by_name(block, places, told):
    """Find what columns are, as told and by their names.

    Returns
    -------
    roles : dict of str to int
        Without "time".
    words : dict of str to str
        How each was found.
    """
    roles, words = {}, {}
    for role, name in told.items():
        if role != "time":
            roles[role] = None if name == NOTHING else place_of(name, block.names)
            words[role] = "told"
    taken = [place for place in roles.values() if place is not None]
    twice = next((place for place in taken if taken.count(place) > 1), None)
    if twice is not None:
        raise ArgumentError(
            _COLUMNS, f" name {block.names[twice]!r} for two things; name another, or none."
        )
    free = [k for k in places if k not in roles.values()]
    for role, pattern in _NAMES.items():
        if role in roles:
            continue
        found = [k for k in free if block.named and pattern.search(block.names[k])]
        if role == "bleach":
            found = [k for k in found if not _NOT_BLEACHED.search(block.names[k])]
        if len(found) > 1:
            raise ArgumentError(
                f"the columns {listed([block.names[k] for k in found])} could all be the {role} "
                "column; say which it is (",
                _COLUMNS,
                f", as {role}={block.names[found[0]]}).",
            )
        if found:
            roles[role], words[role] = found[0], "by its name"
            free.remove(found[0])
    return roles, words


def roles_by_numbers(block, places, roles, words, fall):
    """Find what the other columns are by what they do at bleaching.

    Parameters
    ----------
    block : Block
    places : list of int
    roles, words : dict
        As of :func:`roles_by_name`; more is entered.
    fall : Fall or None
        Of the bleach column, where that is known.
    """
    free = [k for k in places if k not in roles.values()]
    names = block.names
    levels = {k: _level(block.values[:, k], fall) for k in free}
    bleach_level = _level(block.values[:, roles["bleach"]], fall)
    wanted = [role for role in _OTHERS if role not in roles]
    if not free or not wanted:
        return _unused(free, names)
    if len(free) > len(wanted) or len(free) > 2:
        raise ArgumentError(
            f"the table has the columns {listed([names[k] for k in free])} besides the bleached "
            f"one, {names[roles['bleach']]!r}, and which is what is not clear; say it (",
            _COLUMNS,
            f", as reference={names[free[0]]},background=none).",
        )
    if len(free) == 2:
        dark, bright = sorted(free, key=levels.get)
        if not levels[dark] < _DARK * min(levels[bright], bleach_level):
            raise ArgumentError(
                f"which of the columns {names[free[0]]!r} and {names[free[1]]!r} is the reference "
                "and which the background is not clear, none is much darker; say it (",
                _COLUMNS,
                f", as reference={names[free[0]]},background={names[free[1]]}).",
            )
        roles["reference"], roles["background"] = bright, dark
        words["background"] = "the darkest column"
        words["reference"] = "the column that stays bright at bleaching"
        return ""
    (only,) = free
    own = find_fall(block.values[:, only]) if np.isfinite(block.values[:, only]).all() else None
    if fall is not None and own is not None and own.share > _AS_MUCH * fall.share:
        raise ArgumentError(
            f"what the column {names[only]!r} is, is not clear: it falls at bleaching as "
            f"{names[roles['bleach']]!r} does; say which it is (",
            _COLUMNS,
            f", as reference={names[only]}, or reference=none,background=none).",
        )
    dark = levels[only] < _DARK * bleach_level
    very_dark = levels[only] < (_DARK if len(wanted) == 1 else 0.5 * _DARK) * bleach_level
    if wanted == ["reference"] and not dark:
        roles["reference"], words["reference"] = only, "the column that is left"
    elif "background" in wanted and very_dark:
        roles["background"], words["background"] = only, "the column that is left, a dark one"
    elif len(wanted) == 2 and levels[only] > _BRIGHT * bleach_level:
        roles["reference"], words["reference"] = only, "the column that is left, a bright one"
    else:
        raise ArgumentError(
            f"what the column {names[only]!r} is, is not clear; say it (",
            _COLUMNS,
            f", as reference={names[only]} or background={names[only]}).",
        )
    return ""


def _unused(free, names):
    return f"columns {listed([names[k] for k in free])} play no part" if free else ""


def _level(values, fall):
    before = values if fall is None else values[: fall.n_prebleach]
    return float(np.nanmedian(before)) if np.isfinite(before).any() else np.nan


def bleached_by_numbers(block, places, taken, falls):
    """Find the bleached column: that which falls most, and clearly more than all others.

    Returns
    -------
    place : int
    words : str
    """
    names = block.names
    free = [k for k in places if k not in taken]
    if len(free) == 1:
        return free[0], "the only column of intensities"
    if not free:
        raise ArgumentError(
            f"no column is left for the bleached region, of {listed([*names])}; give a table with "
            "its intensities, or say which column they are in (",
            _COLUMNS,
            ", as bleach=NAME).",
        )
    falling = sorted((k for k in free if falls[k] is not None), key=lambda k: -falls[k].share)
    if not falling:
        raise ArgumentError(
            f"none of the columns {listed([names[k] for k in free])} falls at once, so that it is "
            "not clear which is of the bleached region; say it (",
            _COLUMNS,
            f", as bleach={names[free[0]]}), and the number of frames before bleaching (",
            Argument("n_prebleach"),
            ").",
        )
    first, *others = falling
    rival = next((k for k in others if _TWICE * falls[k].share > falls[first].share), None)
    if rival is not None:
        raise ArgumentError(
            f"the columns {names[first]!r} and {names[rival]!r} both fall at once, so that it is "
            "not clear which is of the bleached region; say it (",
            _COLUMNS,
            f", as bleach={names[first]}); of several bleached regions, run one after the other.",
        )
    return first, f"the column that falls most at bleaching, by {100 * falls[first].share:.0f} %"
