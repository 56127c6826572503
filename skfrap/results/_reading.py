"""Read tables that a spreadsheet has saved: separators, decimal commas and encodings vary."""

import codecs
import csv
import io
import re

import numpy as np

from skfrap._text import visible
from skfrap.results._tables import written_text

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TABLES = {
    b"PK": "a workbook of a spreadsheet; save it as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook of a spreadsheet; save it as CSV",
    b"II*\0": "a TIFF image",
    b"MM\0*": "a TIFF image",
    b"\x89PNG": "a PNG image",
    b"%PDF": "a PDF document",
}
# Ways to write that there is no number, those of spreadsheets in several languages among them.
_MISSING = frozenset(
    (
        "",
        *("nan", "na", "n/a", "#n/a", "#nv", "#nd", "#num!", "#zahl!", "#nombre!", "#¡num!"),
        *("#value!", "#wert!", "#valeur!", "#div/0!", "null", "none", "-", "—"),
    )
)
_WITH_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_WITH_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+")
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def read_table(path):
    r"""Read a table of cells that commas, semicolons or tabs separate.

    Parameters
    ----------
    path : Path
        In UTF-8, with or without a mark of that, in UTF-16, or in Windows' code page 1252.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Columns by name: floats where every cell that is not empty is a number, NaN where it is
        empty; text elsewhere.

    Raises
    ------
    ValueError
        If it is no table, rows are of different length, or numbers can be read in two ways.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skfrap.results._reading import read_table
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "results.csv"
    >>> _ = path.write_text("file;D_um2_s\na.tif;2,01\nb.tif;\n")
    >>> read_table(path)["D_um2_s"]
    array([2.01,  nan])
    """
    text = _decode(path.read_bytes(), path)
    text, separator = _separator_of(text, path)
    rows = [
        (number, [cell.strip() for cell in cells])
        for number, cells in _rows(text, separator, path)
        if any(cell.strip() for cell in cells)
    ]
    if not rows:
        raise ValueError(f"{path} is empty; give a table with a head, as skfrap estimate writes.")
    (_, names), *rows = rows
    while names and not names[-1]:  # of columns that a spreadsheet shows and nothing is in
        names.pop()
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        what = f"{twice[0]!r} twice" if twice else "a column without a name"
        raise ValueError(f"the head of {path} has {what}; give each column a name of its own.")
    cells = [_as_many(row, len(names), number, path) for number, row in rows]
    columns = dict(zip(names, zip(*cells, strict=True), strict=True)) if cells else {}
    columns = columns or dict.fromkeys(names, ())
    comma = _has_decimal_commas(columns, separator, path)
    return {name: _column(column, comma) for name, column in columns.items()}


def _decode(content, path):
    for magic, what in _NO_TABLES.items():
        if content.startswith(magic):
            raise ValueError(f"{path} is no table but {what}.")
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), None)
    if encoding is None and b"\0" in content[:2000]:
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise ValueError(f"{path} is damaged, or no table ({error}).") from error
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise ValueError(f"{path} is no table: it holds bytes that are no text.")
    return text


def _separator_of(text, path):
    """Return the text without a line that says the separator, and the separator."""
    head, _, rest = text.lstrip("\r\n").partition("\n")
    said = re.fullmatch(r'"?sep=(.)"?', head.strip("\r\n "), re.IGNORECASE)
    if said and said[1] in _SEPARATORS:
        return rest, said[1]
    outside = re.sub(r'"[^"]*"', "", head)
    counts = {one: outside.count(one) for one in _SEPARATORS}
    most = max(counts, key=lambda one: counts[one])
    if sum(count > 0 for count in counts.values()) > 1:
        found = " and ".join(words for one, words in _SEPARATORS.items() if counts[one])
        raise ValueError(
            f"the head of {path} has {found}; separate columns by one of them, and put names with "
            "the other in quotes."
        )
    return text, most


def _rows(text, separator, path):
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise ValueError(f"{path} is damaged at line {reader.line_num} ({error}).") from error


def _as_many(row, n, number, path):
    """Return as many cells as there are columns; a spreadsheet may leave out empty ones."""
    if any(row[n:]):
        raise ValueError(
            f"line {number} of {path} has {len(row)} cells and the head {n}; "
            "text that holds the separator needs quotes, and numbers no thousands separators."
        )
    return [*row[:n], *[""] * (n - len(row))]


def _is_missing(cell):
    return cell.casefold() in _MISSING


def _has_decimal_commas(columns, separator, path):
    """Tell whether numbers have decimal commas, by all the columns that hold numbers."""
    with_point, with_comma = [], []
    for name, column in columns.items():
        cells = [cell for cell in column if not _is_missing(cell)]
        points = [one for one in cells if _WITH_POINT.fullmatch(one) and not _WHOLE.fullmatch(one)]
        commas = [one for one in cells if _WITH_COMMA.fullmatch(one)]
        n_whole = sum(bool(_WHOLE.fullmatch(one)) for one in cells)
        if cells and len(points) + len(commas) + n_whole == len(cells):
            with_point += [(name, one) for one in points]
            with_comma += [(name, one) for one in commas]
    if with_point and with_comma:
        (one, point), (other, comma) = with_point[0], with_comma[0]
        raise ValueError(
            f"{path} has numbers with decimal points and with commas, {point} in {one!r} and "
            f"{comma} in {other!r}; write all of them alike."
        )
    if separator == "," and with_comma and all(_AMBIGUOUS.fullmatch(one) for _, one in with_comma):
        name, number = with_comma[0]
        raise ValueError(
            f"{path} has {number} in {name!r}, of which it cannot be told whether the comma "
            "separates thousands; write numbers with a decimal point and without thousands "
            "separators."
        )
    return bool(with_comma)


def _column(cells, comma):
    """Return numbers if all cells are, and text otherwise."""
    numbers = [_number(cell, comma) for cell in cells]
    if None not in numbers:
        return np.array(numbers, dtype=float)
    return np.array([written_text(visible(cell)) for cell in cells], dtype=object)


def _number(cell, comma):
    if _is_missing(cell):
        return np.nan
    cell = cell.replace(",", ".") if comma and _WITH_COMMA.fullmatch(cell) else cell
    return float(cell) if _WITH_POINT.fullmatch(cell) else None
