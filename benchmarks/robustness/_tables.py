"""Tables of intensities and ImageJ's regions, whole and damaged, and what is lost of them."""

import csv
import io
import re
import zipfile
from pathlib import Path

import numpy as np

from benchmarks.robustness._mutations import mutate
from skfrap import Circle, Ellipse, Polygon, Rectangle

TABLES = ("csv", "csv_las", "csv_fiji", "xlsx", "roi", "zip")

_N_ROWS, _N_BEFORE = 40, 6
_SHAPE, _PIXEL = (40, 48), 0.5
_CELLS = ("", "0", "-1", "1e999", "nan", "x", "1,5", "1.2.3", "=A1", "999999999", '"', "3 4", "\t")
_IN_XML = (b"<v>", b"<row", b"</row>", b't="s"', b't="n"', b"<c ", b"sheetData", b'r="')
_INNER = 0.7  # share of packed files in which what is packed is damaged, and not the package


def make_table_files(folder):
    """Write a whole file of each kind, where the library for it is there.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict of str to bytes
    """
    from importlib.util import find_spec

    head, rows = _table()
    files = {"csv": _text([head, *rows])}
    empty = [[f"{rows[_N_BEFORE - 1][0] + 0.1:.6g}", "", "", ""]]
    las = [*rows[:_N_BEFORE], *empty, *rows[_N_BEFORE:]]
    files["csv_las"] = b"Channel 1\r\n" + _text([["Axis [s]", "ROI1", "ROI2", "ROI3"], *las])
    fiji = [[k + 1, f"a.tif:{name}:{k + 1}", 100, row[c]]
            for k, row in enumerate(rows) for c, name in ((1, "spot"), (2, "cell"))]  # fmt: skip
    files["csv_fiji"] = _text([[" ", "Label", "Area", "Mean"], *fiji])
    if find_spec("openpyxl"):
        import openpyxl

        book = openpyxl.Workbook()
        for row in [head, *rows]:
            book.active.append([*row])
        book.save(Path(folder, "whole.xlsx"))
        files["xlsx"] = Path(folder, "whole.xlsx").read_bytes()
    if find_spec("roifile"):
        from skfrap.io import write_rois

        mask = np.zeros(_SHAPE, bool)
        mask[5:30, 8:40] = True
        mask[10:14, 12:20] = False
        regions = {
            "spot": Circle(3.0, (12.0, 10.0)),
            "cell": Ellipse((9.0, 6.0), 20.0, (12.0, 10.0)),
            "background": Rectangle(2.0, 2.0, center=(2.0, 2.0)),
            "outline": Polygon([(1.0, 1.0), (20.0, 2.0), (10.0, 15.0)]),
        }
        path = Path(folder, "whole.zip")
        write_rois(path, regions, pixel_size=_PIXEL, shape=_SHAPE)
        files["zip"] = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            files["roi"] = archive.read(archive.namelist()[0])
    return files


def _table():
    """Return the head and the rows of a table."""
    rng = np.random.default_rng(0)
    times = 0.5 * np.arange(_N_ROWS)
    since = times - times[_N_BEFORE]
    lost = np.where(since < 0, 0, 0.6 * 2.0 ** -np.maximum(since, 0))
    columns = [100 * (1 - lost) + 7, 80 * np.exp(-times / 80) + 7, np.full(_N_ROWS, 7.0)]
    columns = [one + rng.normal(0, 0.1, _N_ROWS) for one in columns]
    rows = [[round(float(one), 4) for one in row] for row in zip(times, *columns, strict=True)]
    return ["Time [s]", "bleach", "reference", "background"], rows


def _text(rows):
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def mutate_table(kind, data, rng):
    """Damage a table or a file of regions, or edit it as people do.

    Parameters
    ----------
    kind : str
    data : bytes
    rng : numpy Generator

    Returns
    -------
    bytes
    name : str
        Of what was done.
    """
    if kind.startswith("csv") and rng.random() < _INNER:
        return _edited(data, rng)
    if data[:2] == b"PK" and rng.random() < _INNER:
        return _repacked(data, rng)
    return mutate(data, rng)


def _edited(data, rng):
    """Change cells or lines of a table of text."""
    lines = data.split(b"\r\n")
    for _ in range(int(rng.integers(1, 4))):
        k = int(rng.integers(len(lines)))
        what = ("cell", "drop", "double", "move", "blank", "lengthen", "shorten", "join", "split")[
            rng.integers(9)
        ]
        line, cells = lines[k], lines[k].split(b",")
        if what == "cell":
            cells[rng.integers(len(cells))] = _CELLS[rng.integers(len(_CELLS))].encode()
            lines[k] = b",".join(cells)
        elif what == "drop" and len(lines) > 2:
            del lines[k]
        elif what == "double":
            lines.insert(k, line)
        elif what == "move":
            lines.insert(int(rng.integers(len(lines))), lines.pop(k))
        elif what == "blank":
            lines.insert(k, b"")
        elif what == "lengthen":
            lines[k] = line + b"," + _CELLS[rng.integers(len(_CELLS))].encode()
        elif what == "shorten":
            lines[k] = b",".join(cells[:-1])
        elif what == "join" and k + 1 < len(lines):
            lines[k : k + 2] = [line + lines[k + 1]]
        elif what == "split":
            place = int(rng.integers(len(line) + 1))
            lines[k : k + 1] = [line[:place], line[place:]]
    return b"\r\n".join(lines), f"edited, {what} last"


def _repacked(data, rng):
    """Change what a package holds, and pack it as it should be."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = [name for name in members if "sheet" in name or name.endswith(".roi")]
    name = names[rng.integers(len(names))] if rng.random() < 0.8 else _any(members, rng)
    content, how = members[name], "member"
    if name.endswith(".xml") and rng.random() < 0.6:
        content = _xml(content, rng)
    else:
        content, how = mutate(content, rng)
    if rng.random() < 0.1:
        del members[name]
        how = "without"
    else:
        members[name] = content
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, held in members.items():
            archive.writestr(one, held)
    return out.getvalue(), f"{name}: {how}"


def _any(members, rng):
    return [*members][rng.integers(len(members))]


def _xml(content, rng):
    """Change values, or take a tag away."""
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.7:
            found = [*re.finditer(rb"<v>[^<]*</v>", content)]
            new = b"<v>" + _CELLS[rng.integers(len(_CELLS))].encode() + b"</v>"
        else:
            found = [*re.finditer(re.escape(_IN_XML[rng.integers(len(_IN_XML))]), content)]
            new = b""
        if found:
            one = found[rng.integers(len(found))]
            content = content[: one.start()] + new + content[one.end() :]
    return content


def read_table_or_regions(path, kind):
    """Read a file as skfrap does.

    Parameters
    ----------
    path : Path
    kind : str
        Of `TABLES`.

    Returns
    -------
    str
        What was lost without a finding; nothing where nothing was.
    """
    from skfrap.analysis import ExperimentOptions, analyse_curve
    from skfrap.io import read_rois, read_table

    if kind in ("roi", "zip"):
        regions = read_rois(path, _PIXEL, _SHAPE)
        n_there = _n_regions(path) if kind == "zip" else 1
        if len(regions) < n_there:
            return f"{len(regions)} of {n_there} regions"
        for one in regions.values():
            one.area_fractions(_SHAPE, _PIXEL)
        return ""
    interval = 0.5 if kind == "csv_fiji" else None
    table = read_table(path, frame_interval=interval)
    analyse_curve(path, ExperimentOptions(frame_interval=interval))
    n_there = _rows_of_workbook(path) if kind == "xlsx" else _rows_of_text(path, kind)
    n_read = len(table) + len(table.bleach_times_s)
    if n_read < n_there and not table.findings:
        return f"{n_read} of {n_there} rows, and no finding"
    return ""


def _n_regions(path):
    with zipfile.ZipFile(path) as archive:
        return sum(name.lower().endswith(".roi") for name in archive.namelist())


def _rows_of_text(path, kind):
    """Count lines that begin with a number, and hold another: each is of a frame."""
    lines = re.split(r"\r\n|\n|\r", path.read_bytes().decode("latin-1"))
    number = r"\s*[+-]?\d[\d.]*(e[+-]?\d+)?\s*"
    if kind == "csv_fiji":
        frames = [re.match(rf"{number},a\.tif:spot:\d+,{number},{number}", one) for one in lines]
    else:
        frames = [re.match(rf"{number},({number})?,.*\d", one) for one in lines]
    return sum(one is not None for one in frames)


def _rows_of_workbook(path):
    """Count rows of the first sheet that have a number in each of the four columns."""
    import openpyxl

    sheet = openpyxl.load_workbook(path, read_only=True).worksheets[0]
    sheet.reset_dimensions()
    return sum(
        len(row) >= 4 and all(isinstance(one, int | float) for one in row[:4])
        for row in sheet.iter_rows(values_only=True, max_row=10_000)
    )
