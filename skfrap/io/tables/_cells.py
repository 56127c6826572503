"""The cells of a table, whatever file they are in: text, a workbook of Excel, an old one."""

import csv
import datetime
import importlib
import io
import os
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

from skfrap.io.tables._numbers import with_numbers
from skfrap.results._reading import _decode, _is_missing

TEXTS = (".csv", ".tsv", ".txt")
WORKBOOKS = (".xlsx", ".xlsm", ".xls")
SUFFIXES = (*TEXTS, *WORKBOOKS)
"""Of files that are tables of intensities."""

_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}
_MOST_BYTES = 200 * 2**20  # that a file may hold when it is unpacked: far more than any table
_MOST_CELLS = 5_000_000
_MOST_COLUMNS = 16_384
_MOST_ROWS = 2**20  # that a sheet may have


@dataclass
class Sheet:
    """Hold the cells of one sheet.

    Attributes
    ----------
    name : str
        Of the sheet; empty where the file has no sheets.
    rows : list of list
        Of float, str or None where there is nothing.
    lines : list of int or str
        The number of each row in the file, from 1, or words for it.
    words : str
        How the cells were told apart.
    """

    name: str
    rows: list
    lines: list
    words: str


def read_sheets(path):
    """Read the cells of all sheets of a file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Sheet
        Those that hold anything.

    Raises
    ------
    ValueError
        If the file is damaged, is no table, or its numbers can be read in two ways.
    ImportError
        If what reads workbooks is not installed.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder where one table is needed; give one of its files.")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is too large for a table, over 200 MB; is it an image?")
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise ValueError(f"{path} is empty; export the table again.")
    if head.startswith(b"PK"):
        sheets = _read_xlsx(path)
    elif head.startswith(b"\xd0\xcf\x11\xe0"):
        sheets = _read_xls(path)
    else:  # Fiji also gives text the name of an old workbook
        sheets = [_read_text(path)]
    sheets = [_without_blanks(one) for one in sheets]
    sheets = [one for one in sheets if one.rows]
    if not sheets:
        raise ValueError(f"{path} holds no cells; export the table again.")
    return [_with_numbers(one, path) for one in sheets]


def _read_text(path):
    text = _decode(path.read_bytes(), path)
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and (said := re.fullmatch(r'"?sep=(.)"?', lines[0].strip(), re.IGNORECASE)):
        separator = said[1]
        text = text.split("\n", 1)[1] if "\n" in text else ""
        if separator not in _SEPARATORS:
            raise ValueError(
                f"{path} says that {separator!r} separates its columns; use tabs, semicolons or "
                "commas."
            )
        offset = 1
    else:
        separator, offset = _separator_of(lines), 0
    rows, numbers = [], []
    if separator is None:
        for number, line in enumerate(text.splitlines(), 1):
            rows.append(line.split())
            numbers.append(number)
        return Sheet("", rows, numbers, "text, blanks between columns")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            rows.append([cell.strip() for cell in cells])
            numbers.append(reader.line_num + offset)
    except csv.Error as error:
        raise ValueError(f"{path} is damaged at line {reader.line_num} ({error}).") from error
    return Sheet("", rows, numbers, f"text, {_SEPARATORS[separator]} between columns")


def _separator_of(lines):
    """Return what separates columns: tabs before semicolons before commas, else blanks."""
    outside = [re.sub(r'"[^"]*"', "", line) for line in lines]
    for one in _SEPARATORS:
        if 2 * sum(one in line for line in outside) > len(lines):
            return one
    numbers = [line for line in outside if len(line.split()) > 1 and line.strip()[:1].isdigit()]
    return None if 2 * len(numbers) > len(lines) else ","


def _read_xlsx(path):
    try:
        openpyxl = importlib.import_module("openpyxl")
    except ImportError as error:
        raise ImportError(
            f"{path} is a workbook, which openpyxl reads: pip install 'skfrap[all]', or save the "
            "sheet as CSV."
        ) from error
    _check_unpacked(path)
    sheets = []
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # of styles that are missing
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                sheets.append(_sheet_of(sheet, path))
            if any(None in row for one in sheets for row in one.rows):
                _refuse_formulas(openpyxl, path, {one.name: one for one in sheets})
    except (ValueError, MemoryError) as error:
        if isinstance(error, _TableError):
            raise ValueError(str(error)) from error
        raise _damaged(path, error) from error
    except Exception as error:  # whatever a library makes of bytes that are not as it expects
        raise _damaged(path, error) from error
    return sheets


class _TableError(ValueError):
    """What is said in words already."""


def _damaged(path, error):
    reason = str(error).strip() or type(error).__name__
    return ValueError(
        f"{path} is damaged, or no workbook ({reason[:200]}); save it again, or as CSV."
    )


def _check_unpacked(path):
    try:
        with zipfile.ZipFile(path) as file:
            infos = file.infolist()
            bad = file.testzip() if sum(one.file_size for one in infos) <= _MOST_BYTES else None
    except Exception as error:  # zipfile raises a dozen kinds on damaged files
        raise _damaged(path, error) from error
    if sum(one.file_size for one in infos) > _MOST_BYTES:
        raise ValueError(f"{path} unpacks to over 200 MB, too much for a table.")
    if bad is not None:
        raise ValueError(f"{path} is damaged: {bad} in it is not whole; save it again, or as CSV.")


def _sheet_of(sheet, path):
    sheet.reset_dimensions()  # what a file says of its size may be wrong
    rows, n_cells = [], 0
    for row in sheet.iter_rows(values_only=True):
        cells = [_cell(value) for value in row]
        n_cells += len(cells)
        # Rows that the file leaves out come as empty ones.
        if n_cells > _MOST_CELLS or len(cells) > _MOST_COLUMNS or len(rows) >= _MOST_ROWS:
            raise _TableError(f"{path} has more cells than a table of intensities can have.")
        rows.append(cells)
    return Sheet(sheet.title, rows, [*range(1, len(rows) + 1)], f"sheet {sheet.title!r}")


def _refuse_formulas(openpyxl, path, known):
    """Refuse formulas whose values the file does not hold: they would look like empty cells."""
    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            values = known[sheet.title].rows
            for number, row in enumerate(sheet.iter_rows(values_only=True)):
                for place, cell in enumerate(row):
                    formula = isinstance(cell, str) and cell.startswith("=")
                    if formula and values[number][place] is None:
                        raise _TableError(
                            f"{path} has the formula {cell[:40]!r} in row {number + 1} of sheet "
                            f"{sheet.title!r}, and no value of it; open it in a spreadsheet and "
                            "save it again."
                        )


def _cell(value):
    if value is None or isinstance(value, str):
        return value.strip() or None if value else None
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, datetime.timedelta):
        return _clock_text(value.total_seconds())
    if isinstance(value, datetime.time):
        seconds = 3600 * value.hour + 60 * value.minute + value.second
        return _clock_text(seconds + 1e-6 * value.microsecond)
    return str(value)


def _clock_text(seconds):
    minutes, seconds = divmod(seconds, 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{seconds:09.6f}"


def _read_xls(path):
    try:
        xlrd = importlib.import_module("xlrd")
    except ImportError as error:
        raise ImportError(
            f"{path} is a workbook of an old Excel (.xls), which xlrd reads: pip install xlrd, or "
            "save it as .xlsx or CSV."
        ) from error
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            book = xlrd.open_workbook(path, logfile=nowhere)
            return [_sheet_of_xls(xlrd, sheet, book.datemode) for sheet in book.sheets()]
    except Exception as error:  # whatever a library makes of bytes that are not as it expects
        raise _damaged(path, error) from error


def _sheet_of_xls(xlrd, sheet, datemode):
    rows = [
        [_cell_of_xls(xlrd, sheet.cell(row, column), datemode) for column in range(sheet.ncols)]
        for row in range(sheet.nrows)
    ]
    return Sheet(sheet.name, rows, [*range(1, len(rows) + 1)], f"sheet {sheet.name!r}")


def _cell_of_xls(xlrd, cell, datemode):
    if cell.ctype == xlrd.XL_CELL_DATE:
        if cell.value < 1:
            return _clock_text(86_400 * cell.value)
        return str(xlrd.xldate_as_datetime(cell.value, datemode))
    if cell.ctype == xlrd.XL_CELL_NUMBER:
        return float(cell.value)
    if cell.ctype == xlrd.XL_CELL_TEXT:
        return cell.value.strip() or None
    return None  # empty, or an error such as #N/A


def _without_blanks(sheet):
    """Leave out rows without cells, and write what stands for nothing as None."""
    kept = [
        ([None if cell == "" else cell for cell in row], line)
        for row, line in zip(sheet.rows, sheet.lines, strict=True)
    ]
    kept = [(row, line) for row, line in kept if any(cell is not None for cell in row)]
    return Sheet(sheet.name, [row for row, _ in kept], [line for _, line in kept], sheet.words)


def _with_numbers(sheet, path):
    rows, words = with_numbers(sheet.rows, path)
    words = f"{sheet.words}, {words}" if words else sheet.words
    return Sheet(sheet.name, rows, sheet.lines, words)


def is_missing(cell):
    """Tell whether a cell stands for no value: empty, or as spreadsheets write that.

    Examples
    --------
    >>> from skfrap.io.tables._cells import is_missing
    >>> is_missing(None), is_missing("#N/A"), is_missing(0.0)
    (True, True, False)
    """
    return cell is None or (isinstance(cell, str) and _is_missing(cell))


def suffix_of(path):
    """Return the end of a file's name, in lower case."""
    return Path(path).suffix.lower()
