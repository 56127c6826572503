"""Numbers as programs and people write them: decimal commas, thousands, signs of per cent."""

import re

_WITH_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WITH_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+")
_GROUPS = r"[+-]?[1-9]\d{0,2}"
_COMMAS = re.compile(_GROUPS + r"(,\d{3})+")  # 1,234: thousands, or a number with three decimals
_POINTS = re.compile(_GROUPS + r"(\.\d{3})+")
_COMMAS_SURE = re.compile(_GROUPS + r"((,\d{3})+\.\d*|(,\d{3}){2,})")  # 1,234.5 or 1,234,567
_POINTS_SURE = re.compile(_GROUPS + r"((\.\d{3})+,\d*|(\.\d{3}){2,})")
_BLANKS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[ \u00a0\u2009\u202f'\u2019]\d{3})+(?:[.,]\d*)?")
_BETWEEN = re.compile(r"[ \u00a0\u2009\u202f'\u2019]")
_PER_CENT = re.compile(r"(.*\d[.,]?)[ \u00a0\u202f]*%")


class PerCent(float):
    """A number that a sign of per cent followed."""


def with_numbers(rows, path):
    """Turn text that is a number into one.

    Parameters
    ----------
    rows : list of list
        Of float, str or None.
    path : Path
        For messages.

    Returns
    -------
    rows : list of list
        Numbers are float, or PerCent where they were written with its sign.
    words : str
        How numbers were written, where that is not the plain way.

    Raises
    ------
    ValueError
        If numbers can be read in two ways.

    Examples
    --------
    >>> from skfrap.io.tables._numbers import with_numbers
    >>> with_numbers([["time", "1.234,5", "12,5 %"]], "a.csv")
    ([['time', 1234.5, 12.5]], 'decimal commas, points between thousands, per cent')
    >>> with_numbers([["1 234.5", "1,234"]], "a.csv")
    Traceback (most recent call last):
      ...
    ValueError: a.csv has numbers with decimal points and with commas, 1234.5 and 1,234; ...
    """
    bare = [[_bare(cell) for cell in row] for row in rows]
    texts = [text for row in bare for text, _, _ in row if text is not None]
    decimal, thousands = _marks(texts, path)
    found = [[_number(*cell, decimal, thousands) for cell in row] for row in bare]
    words = {
        "decimal commas": decimal == ",",
        f"{'commas' if thousands == ',' else 'points'} between thousands": bool(thousands),
        "blanks between thousands": any(spaced for row in bare for _, spaced, _ in row),
        "per cent": any(isinstance(cell, PerCent) for row in found for cell in row),
    }
    return found, ", ".join(text for text, said in words.items() if said)


def _bare(cell):
    """Return the text of a number without blanks and sign of per cent, and the cell as it is.

    The text is None of a cell that is no text; whether it had blanks comes second.
    """
    if not isinstance(cell, str):
        return None, False, cell
    text = cell.replace("\u2212", "-")
    sign = _PER_CENT.fullmatch(text)
    text = sign[1] if sign else text
    spaced = _BLANKS.fullmatch(text) is not None
    return _BETWEEN.sub("", text) if spaced else text, spaced, cell


def _marks(texts, path):
    """Return what marks decimals, and what stands between thousands ("" for nothing)."""
    sure = {
        ".": next((one for one in texts if _COMMAS_SURE.fullmatch(one)), None),
        ",": next((one for one in texts if _POINTS_SURE.fullmatch(one)), None),
    }
    points = [one for one in texts if _WITH_POINT.fullmatch(one) and not _WHOLE.fullmatch(one)]
    commas = [one for one in texts if _WITH_COMMA.fullmatch(one)]
    if sure["."] and sure[","]:
        raise _mixed(path, sure["."], sure[","])
    if sure["."]:
        wrong = next((one for one in commas if not _COMMAS.fullmatch(one)), None)
        if wrong:
            raise _mixed(path, sure["."], wrong)
        return ".", ","
    if sure[","]:
        wrong = next((one for one in points if not _POINTS.fullmatch(one)), None)
        if wrong:
            raise _mixed(path, wrong, sure[","])
        return ",", "."
    if points and commas:
        raise _mixed(path, points[0], commas[0])
    if commas and all(_COMMAS.fullmatch(one) for one in commas):
        raise ValueError(
            f"{path} has {commas[0]}, of which it cannot be told whether the comma separates "
            "thousands; write numbers with a decimal point and without thousands separators."
        )
    return "," if commas else ".", ""


def _mixed(path, point, comma):
    return ValueError(
        f"{path} has numbers with decimal points and with commas, {point} and {comma}; write all "
        "of them alike."
    )


def _number(text, _, cell, decimal, thousands):
    if text is None:
        return cell
    plain = text
    form = {",": _COMMAS_SURE, ".": _POINTS_SURE, "": None}[thousands]
    less = {",": _COMMAS, ".": _POINTS, "": None}[thousands]
    if form and (form.fullmatch(text) or less.fullmatch(text)):
        plain = plain.replace(thousands, "")
    if decimal == "," and _WITH_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    if not _WITH_POINT.fullmatch(plain):
        return cell
    return PerCent(plain) if cell.rstrip().endswith("%") else float(plain)
