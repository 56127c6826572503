"""Rows of a table of estimates: what they say, and why some are not to be averaged.

Tables have been through spreadsheets, and through hands. What cannot be understood is refused, and
what must not count is left out with a reason.
"""

import re
from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from skfrap._checks import check_level
from skfrap.parameters import is_parameter, parameter
from skfrap.results._finding import codes_in, worst_code
from skfrap.results._groups import is_empty

NO_VALUE = "no value"
_USUAL_LEVEL = 0.95  # of a table that does not say it
_LONG = 6  # significant digits from which two measured numbers are not equal by chance

# As spreadsheets write them in several languages; those of one meaning never have the other.
_TRUE = frozenset(
    (
        *("true", "t", "yes", "y", "1", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "si"),
        *("vero", "sì", "verdadeiro", "sim", "waar", "sant", "sand", "sann", "tosi", "prawda"),
        *("pravda", "igaz", "doğru", "истина", "істина", "αληθης", "adevărat", "真", "참"),
    )
)
_FALSE = frozenset(
    (
        *("false", "f", "no", "n", "0", "falsch", "nein", "faux", "non", "falso", "não", "nao"),
        *("onwaar", "nee", "falskt", "falsk", "usann", "epätosi", "fałsz", "nepravda", "hamis"),
        *("yanlış", "ложь", "хибність", "ψευδης", "fals", "假", "거짓"),
    )
)


def is_table(estimates):
    """Tell whether something has columns by name."""
    return isinstance(estimates, Mapping) or hasattr(estimates, "columns")


def as_floats(what, values):
    """Return numbers as an array of floats, NaN where there is none.

    Parameters
    ----------
    what : str
        Named in messages.
    values : array-like
        Masked values, None and pandas' missing ones become NaN.

    Raises
    ------
    ValueError
        If something is no number; the message says where.
    """
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(float), np.nan)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{what} must be numbers of one shape, got rows that differ.") from error
    if array.dtype.kind in "biuf":
        return array.astype(float)
    if array.dtype.kind not in "OUS":
        raise ValueError(f"{what} must be real numbers, got {array.dtype}.")
    numbers = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        numbers[place] = _as_float(what, array[place], place)
    return numbers


def _as_float(what, value, place):
    if is_empty(value) or (isinstance(value, str) and not value.strip()):
        return np.nan
    value = value.item() if isinstance(value, np.generic) else value
    try:
        return float(value)
    except (TypeError, ValueError):
        comma = isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d*,\d+\s*", value)
        hint = "; write a decimal point, or read the table with decimal=','" if comma else ""
        row = ", ".join(map(str, place))
        raise ValueError(
            f"{what} must hold numbers, got {value!r} in row {row} (from 0){hint}."
        ) from None


def take_rows(table, name, scale, level):
    """Take values and standard errors out of a table; see `take_replicates`."""
    column = parameter(name).column if is_parameter(name) else name
    if column not in table:
        raise ValueError(
            f"the table must have the column {column!r} for {name}, got {', '.join(table)}."
        )
    lengths = {one: len(table[one]) for one in table}
    if len({*lengths.values()}) > 1:
        raise ValueError(f"the columns of a table must have one length, got {lengths}.")
    ends = [column + end for end in ("_lower", "_upper") if column + end in table]
    value, *ends = (_numbers(table, one) for one in (column, *ends))
    level = _levels(table, level, len(value))
    reasons = np.full(len(value), "", dtype=object)

    def give(where, reason):
        reasons[where & (reasons == "")] = reason

    if len(ends) == 2:
        with np.errstate(invalid="ignore"):
            give(ends[0] > ends[1], "ends of the interval exchanged")
            reach = 1e-9 * np.abs(value)
            outside = (value < ends[0] - reach) | (value > ends[1] + reach)
            give(outside, "value outside its interval")
    on_scale = [_on_scale(one, scale) for one in (value, *ends)]
    values, errors = on_scale[0], np.zeros(len(value))
    if len(ends) == 2:
        with np.errstate(invalid="ignore"):
            errors = (on_scale[2] - on_scale[1]) / (2 * norm.ppf(0.5 + 0.5 * level))
    _give_findings(table, give, np.isfinite(value))
    give(~(np.isfinite(values) & np.isfinite(errors)), NO_VALUE)
    _give_duplicates(table, [value, *ends], give, reasons)
    return values, errors, reasons


def _numbers(table, column):
    return as_floats(f"the table's column {column!r}", _cells(table, column))


def _cells(table, column):
    cells = table[column]
    return cells.to_numpy(dtype=object) if hasattr(cells, "to_numpy") else cells


def _on_scale(values, scale):
    if scale != "log10":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(values)


def _levels(table, level, n):
    """Return the level of each row's interval: the table's own, or what is said of it."""
    if level is not None:
        level = check_level(level, "table_level")
    if "level" not in table:
        return np.full(n, _USUAL_LEVEL if level is None else level)
    levels = _numbers(table, "level")
    known = np.isfinite(levels)
    if ((levels <= 0) | (levels >= 1)).any():
        wrong = levels[known & ((levels <= 0) | (levels >= 1))][0]
        raise ValueError(f"the table's column 'level' must lie between 0 and 1, got {wrong:g}.")
    if level is not None and not np.allclose(levels[known], level):
        other = levels[known & ~np.isclose(levels, level)][0]
        raise ValueError(
            f"table_level is {level:g}, and the table says {other:g} in its column 'level'; leave "
            "table_level out."
        )
    return np.where(known, levels, _USUAL_LEVEL if level is None else level)


def _give_findings(table, give, has_value):
    """Give the reasons that stand in the table itself."""
    if "findings" in table:
        labels = _texts(table, "findings")
        codes = np.array([worst_code(_codes_in(one)) for one in labels], dtype=object)
        for code in dict.fromkeys(codes):
            if code:
                give(codes == code, code.replace("_", " "))
    # From a file, and where a series has failed, these are not plain truth values.
    for column, wanted, reason in (
        ("poorly_determined", False, "poorly determined"),
        ("converged", True, "not converged"),
    ):
        if column in table:
            truths = _truths(table, column)
            give(truths == (not wanted), reason)
            if column == "poorly_determined":
                give(has_value & np.equal(truths, None), f"no word on whether {reason}")
    if "flags" in table:
        flagged = np.array([bool(one) for one in _texts(table, "flags")])
        noted = np.zeros(len(flagged), dtype=bool)
        if "findings" in table:  # which tell what is but a note
            noted = np.array([bool(one) for one in labels])
        give(flagged & ~noted, "flagged")


def _texts(table, column):
    """Return text cells without blanks around them, empty where there is nothing."""
    return ["" if is_empty(one) else str(one).strip() for one in _cells(table, column)]


def _truths(table, column):
    """Return True, False or None of each cell."""
    truths = np.empty(len(_cells(table, column)), dtype=object)
    for row, text in enumerate(_texts(table, column)):
        word = text.casefold().replace(",", ".").removesuffix(".0")
        if not word:
            truths[row] = None
        elif word in _TRUE or word in _FALSE:
            truths[row] = word in _TRUE
        else:
            raise ValueError(
                f"the table's column {column!r} must hold TRUE or FALSE, got {text!r} in row {row} "
                "(from 0)."
            )
    return truths


def _codes_in(labels):
    try:
        return codes_in(labels)
    except ValueError as error:
        raise ValueError(
            f"the table's column 'findings' holds {labels!r}, which is not what this version of "
            "skfrap writes there; estimate again, or rename the column."
        ) from error


def _give_duplicates(table, numbers, give, reasons):
    """Leave out what is there twice; refuse two values of one series, of which neither is better.

    A series is told by its file. Files that have value and interval in common are copies of each
    other. Where no file is named, rows are the same if all of their cells are. Either way their
    value has more digits than two measurements have in common by chance.
    """
    rows = np.flatnonzero(reasons == "")
    if "file" in table:
        files = _texts(table, "file")
        where = {}
        for row in rows:
            if files[row]:
                where.setdefault(files[row].replace("\\", "/").removeprefix("./"), []).append(row)
        for file, same in where.items():
            _refuse_others(table, numbers, file, same)
            give(np.isin(np.arange(len(reasons)), same[1:]), "duplicate")
        if len(numbers) < 3:
            return
        keys = list(zip(*numbers, strict=True))
        rows, reason = rows[reasons[rows] == ""], "same numbers as another"
    else:
        keys, reason = list(zip(*(_texts(table, one) for one in table), strict=True)), "duplicate"
    seen = set()
    for row in rows:
        if len(f"{numbers[0][row]:.15e}".partition("e")[0].rstrip("0")) <= _LONG + 1:
            continue
        if keys[row] in seen:
            give(np.arange(len(reasons)) == row, reason)
        seen.add(keys[row])


def _refuse_others(table, numbers, file, same):
    """Refuse rows of one file with different numbers."""
    first = same[0]
    for row in same[1:]:
        if all(np.isclose(one[row], one[first], rtol=1e-6, equal_nan=True) for one in numbers):
            continue
        models = _texts(table, "model") if "model" in table else None
        why = ", with different values"
        if models and models[row] != models[first]:
            why = f", by the models {models[first]} and {models[row]}"
        raise ValueError(
            f"rows {first} and {row} (from 0) of the table are both of {file}{why}; keep one of "
            "them. If they are of different spots, give each a name of its own in 'file'."
        )
