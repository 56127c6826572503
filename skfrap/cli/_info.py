"""What files say of themselves: their series, clock, pixels and bleaching, before an analysis."""

import click

from skfrap.cli._batch import expand
from skfrap.cli._options import allow_large_option, channel_option, files_argument, json_option
from skfrap.cli._output import in_words, print_json, say

_MENDABLE = (ValueError, OSError, ImportError)


@click.command()
@files_argument
@channel_option
@allow_large_option
@json_option
def info(files, channel, allow_large, as_json):
    """List the series in FILES, and what the files say of each.

    That is the number and size of frames, the clock with its gap at bleaching, the size of a pixel,
    channels, settings of the microscope, and what it wrote down of bleaching; each with where it
    stood. The names of series are those that --series takes.
    """
    records = []
    for file in expand(files):
        records += _records_of(file, channel, allow_large)
    if as_json:
        print_json(records)
    else:
        for record in records:
            say("\n".join(_lines(record)))
    if any(record["error"] for record in records):
        raise SystemExit(1)


def _records_of(file, channel, allow_large):
    """Return what each series of a file says, or what is wrong with it."""
    from pathlib import Path

    from skfrap.analysis._tables import is_table
    from skfrap.io.readers._registry import series_names

    if is_table(str(file)):
        return [_record_of_table(file)]
    try:
        names = series_names(file) if Path(file).is_file() else [""]
    except _MENDABLE as error:
        return [{"file": str(file), "series": None, "error": in_words(error)}]
    several = len(names) > 1
    return [
        _record_of(file, k if several else None, name, channel, allow_large)
        for k, name in enumerate(names)
    ]


def _record_of_table(file):
    """Return what a table of intensities holds."""
    from skfrap.io import read_table

    record = {"file": str(file), "series": None, "name": ""}
    try:
        table = read_table(file)
    except _MENDABLE as error:
        return record | {"error": in_words(error)}
    return record | {
        "n_frames": len(table),
        "rows": list(table.rows),
        "times_s": [float(one) for one in table.times_s],
        "clock": _clock(table.times_s),
        "n_prebleach": table.n_prebleach,
        "sources": dict(table.sources),
        "findings": [str(finding) for finding in table.findings],
        "error": "",
    }


def _record_of(file, number, name, channel, allow_large):
    record = {"file": str(file), "series": number, "name": name}
    try:
        try:
            series = _read(file, channel, allow_large, number)
        except ValueError as error:
            # Of several channels the first shows what all have in common.
            if channel is not None or "channels" not in str(error):
                raise
            series = _read(file, 0, allow_large, number)
    except _MENDABLE as error:
        return record | {"error": in_words(error)}
    return record | _described(series) | {"error": ""}


def _read(file, channel, allow_large, number):
    """Read a series, or a single image, as a part of an experiment may be."""
    from pathlib import Path

    from skfrap.io import read_series
    from skfrap.io._limits import large_allowed
    from skfrap.io._series import _series_of
    from skfrap.io.readers._registry import read_file

    if not Path(file).is_file():
        return read_series(file, channel=channel, allow_large=allow_large)
    with large_allowed(allow_large):
        return _series_of(read_file(file, channel, number), Path(file).stem, [file])


def _clock(times):
    """Say in words what the times of frames are, nothing without any."""
    import numpy as np

    if times is None or len(times) < 2:
        return ""
    steps = np.diff(times)
    longest = int(steps.argmax())
    words = f"{np.median(steps):.6g} s from frame to frame, {times[-1] - times[0]:.6g} s in all"
    if steps[longest] > 1.05 * np.median(steps):
        words += f", the longest step {steps[longest]:.6g} s after frame {longest + 1}"
    return words


def _described(series):
    times = series.times_s
    return {
        "n_frames": len(series.frames),
        "shape": [int(n) for n in series.frames.shape[1:]],
        "dtype": str(series.frames.dtype),
        "bit_depth": series.bit_depth,
        "pixel_size_um": series.pixel_size_um,
        "times_s": None if times is None else [float(one) for one in times],
        "clock": _clock(times),
        "sources": dict(series.sources),
        "start": series.start,
        "channels": list(series.channels),
        "acquisition": {name: value for name, (value, _) in series.acquisition.items()},
        "bleaching": series.bleaching.lines() if series.bleaching else [],
        "findings": [str(finding) for finding in series.findings],
    }


def _lines(record):
    which = "" if record["series"] is None else f", series {record['series']}: {record['name']}"
    title = f"{record['file']}{which}"
    if record["error"]:
        return [f"{title}: {record['error']}"]
    if "rows" in record:
        told = (f"{what}: {source}" for what, source in record["sources"].items())
        lines = [title, f"  frames: {record['n_frames']}, {', '.join(record['rows'])}"]
        lines += [f"  clock: {record['clock']}", *(f"  {one}" for one in told)]
        return [*lines, *(f"  {finding}" for finding in record["findings"])]
    ny, nx = record["shape"]
    bits = f", {record['bit_depth']} bits used" if record["bit_depth"] else ""
    pixel, sources = record["pixel_size_um"], record["sources"]
    lines = [title, f"  frames: {record['n_frames']} of {ny} x {nx} {record['dtype']}{bits}"]
    size = "not known" if pixel is None else f"{pixel:.6g} µm"
    lines.append(f"  pixel: {size} ({sources['pixel_size_um']})")
    lines.append(f"  clock: {record['clock'] or 'not known'} ({sources['times_s']})")
    if record["start"]:
        lines.append(f"  first frame: {record['start']}")
    if len(record["channels"]):
        named = ", ".join(f"{k} {name}" for k, name in enumerate(record["channels"]))
        lines.append(f"  channels: {named}")
    lines += [f"  {line}" for line in record["bleaching"]]
    if record["acquisition"]:
        settings = "; ".join(f"{name} {value}" for name, value in record["acquisition"].items())
        lines.append(f"  settings: {settings}")
    return [*lines, *(f"  {finding}" for finding in record["findings"])]
