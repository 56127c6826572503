"""Small drawings as SVG text: axes, curves, replicates.

A drawing of a curve takes a millisecond and ten kilobytes; matplotlib's takes a hundred times as
long, which a report of hundreds of series would spend mostly on drawing. Colours are classes of
`style.css`, so that they follow the reader's scheme.
"""

from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap

import numpy as np
from scipy.stats import norm

from skfrap._text import visible

_WIDTH, _LEFT, _RIGHT = 520, 80, 12  # in units of the drawing; text is 13 high
_REACH = 1.96  # standard deviations that hold 95 %
_LABEL = 14  # characters below a group
_FEW, _FEWEST = 5, 3  # ticks on an axis
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_ON_LOG = (1, 2, 3, 5, 7)
_N_ROWS = 3  # that have colours of their own
MOST_DOTS, _MOST_CORNERS, _EARLY = 600, 250, 50  # of long curves, which are thinned out


@dataclass(frozen=True)
class Scale:
    """Place values on the page: from [low, high] to [start, end]."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value):
        """Return where values lie, in units of the drawing."""
        low, high, value = (
            np.log10(one) if self.log else one
            for one in (self.low, self.high, np.asarray(value, dtype=float))
        )
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def escape(text):
    """Write any text so that it can stand in a drawing."""
    text = visible(str(text))
    for character, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "#39")):
        text = text.replace(character, f"&{name};")
    return text


def ticks(low, high, n=_FEW):
    """Choose round numbers in an interval.

    Parameters
    ----------
    low, high : float
    n : int, default=5
        About how many.

    Returns
    -------
    list of float

    Examples
    --------
    >>> from skfrap.report._svg import ticks
    >>> ticks(0.13, 0.92)
    [0.2, 0.4, 0.6, 0.8]
    """
    for wanted in range(n, n + 4):  # of steps that are too wide, the next
        rough = (high - low) / wanted
        power = 10.0 ** np.floor(np.log10(rough))
        step = power * next(one for one in _STEPS if one * power >= rough * (1 - 1e-9))
        first = np.ceil(low / step - 1e-9)
        count = int(np.floor(high / step + 1e-9) - first) + 1
        if count >= _FEWEST:
            break
    digits = max(0, 2 - int(np.floor(np.log10(step))))
    return [round(float((first + k) * step), digits) + 0.0 for k in range(count)]


def log_ticks(low, high):
    """Choose numbers for a logarithmic axis, at even steps where its ends are close."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    some = [k * 10.0**power for power in powers for k in _ON_LOG]
    some = [one for one in some if low <= one <= high]
    if len(some) > 2 * _FEW:
        some = [10.0**power for power in powers if low <= 10.0**power <= high]
    return some if len(some) >= 3 else ticks(low, high)


def line(x, y):
    """Return a path through points, broken where one is missing."""
    parts, pen = [], "M"
    for a, b in zip(x, y, strict=True):
        if not (np.isfinite(a) and np.isfinite(b)):
            pen = "M"
            continue
        parts.append(f"{pen}{a:.1f} {b:.1f}")
        pen = "L"
    return "".join(parts)


def dots(x, y):
    """Return a path of lines without length, which round ends make dots."""
    both = zip(x, y, strict=True)
    return "".join(f"M{a:.1f} {b:.1f}h0" for a, b in both if np.isfinite(a) and np.isfinite(b))


def path(d, css):
    return f'<path class="{css}" d="{d}"/>' if d else ""


def curve(protocol, measured, fitted, deviations=None):
    """Draw a recovery curve, its fit with the band of measurements, and the residuals.

    Parameters
    ----------
    protocol : FRAPProtocol
        Gives the times, and rows.
    measured, fitted : ndarray of shape (n_values,)
        Row by row.
    deviations : ndarray of shape (n_values,), default=None
        Standard deviations of new measurements about the fit.

    Returns
    -------
    str
        The inside of an ``svg`` of :data:`CURVE_BOX`.
    """
    times, n_rows = np.asarray(protocol.times), protocol.n_rows
    margin = 0.02 * (times[-1] - times[0])
    x = Scale(times[0] - margin, times[-1] + margin, _LEFT, _WIDTH - _RIGHT)
    rows = [np.reshape(one, (n_rows, len(times))) for one in (measured, fitted)]
    reach = None if deviations is None else _REACH * np.reshape(deviations, rows[0].shape)
    edges = [*rows] if reach is None else [*rows, rows[1] - reach, rows[1] + reach]
    y = Scale(*_span(np.concatenate(edges)), 262, 12)
    left = rows[0] - rows[1]
    widest = max(_largest(left), 0.0 if reach is None else _largest(reach))
    r = Scale(-1.15 * widest, 1.15 * widest, 366, 282)
    parts = [_bleaching(protocol, x), *_axis(y, x), *_axis(r, x, 3), *_times(x, 366)]
    for row in range(n_rows):
        parts += _row(protocol, x, y, r, row, *(one[row] for one in rows), reach)
    parts += [_upright("intensity", 137), _upright("residual", 324)]
    return "".join(parts)


CURVE_BOX = f"0 0 {_WIDTH} 408"


def _span(values):
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _largest(values):
    return float(np.nanmax(np.abs(values), initial=0.0)) or 1.0


def _row(protocol, x, y, r, row, measured, fitted, reach):
    times, n, half = np.asarray(protocol.times), protocol.n_prebleach, 0.5 * protocol.frame_interval
    css = "dots" if row == 0 else f"dots row{(row - 1) % _N_ROWS + 1}"
    seen, after = _some(len(times), MOST_DOTS), n + _some(len(times) - n, _MOST_CORNERS)
    parts = []
    if reach is not None:
        for part in (_some(n, _MOST_CORNERS), after):  # the model jumps at bleaching
            one = reach[row][part]
            parts.append(_band(x(times[part]), y(fitted[part] - one), y(fitted[part] + one)))
            parts.append(_band(x(times[part]), r(-one), r(one)))
    parts += [path(dots(x(times[seen]), y(measured[seen])), css)]
    parts += [path(dots(x(times[seen]), r((measured - fitted)[seen])), css)]
    before = [times[0] - half, times[n - 1] + half]
    parts += [path(line(x(before), y(fitted[[0, 0]])), "fit")]
    parts += [path(line(x(times[after]), y(fitted[after])), "fit")]
    return [*parts, path(line((x.start, x.end), r([0, 0])), "fit")]


def _some(n, most):
    """Choose some of n frames, early ones and the last among them."""
    if n <= most:
        return np.arange(n)
    even = np.linspace(0, n - 1, most - _EARLY).round().astype(int)
    return np.union1d(np.arange(_EARLY), even)


def drift(protocol, shifts):
    """Draw how a sample moves: the inside of an ``svg`` of :data:`DRIFT_BOX`.

    Parameters
    ----------
    protocol : FRAPProtocol
    shifts : ndarray of shape (n_frames, 2)
        To the right and down, µm.
    """
    times = np.asarray(protocol.times)
    x = Scale(times[0], times[-1], _LEFT, _WIDTH - _RIGHT)
    y = Scale(*_span(np.nan_to_num(shifts)), 140, 12)
    parts = [_bleaching(protocol, x, 128), *_axis(y, x, 3), *_times(x, 140)]
    keep = _some(len(times), MOST_DOTS)
    for shift, css in zip(shifts.T, ("dots", "dots row1"), strict=True):
        parts.append(path(dots(x(times[keep]), y(shift[keep])), css))
    return "".join([*parts, _upright("moved (µm)", 76)])


DRIFT_BOX = f"0 0 {_WIDTH} 182"


def _band(x, low, high):
    known = np.isfinite(low) & np.isfinite(high)
    if known.sum() < 2:
        return ""
    there, back = line(x[known], low[known]), line(x[known][::-1], high[known][::-1])
    return path(f"{there}L{back[1:]}Z", "band")


def _bleaching(protocol, x, height=354):
    start, end = x(protocol.bleach_times[0]), x(0.0)
    return (
        f'<rect class="bleaching" x="{start:.1f}" y="12" width="{end - start:.1f}" '
        f'height="{height}"/>'
    )


def _number(value):
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def _text(x, y, text, anchor="middle"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _upright(text, y):
    return (
        f'<text transform="translate(14 {y})rotate(-90)" text-anchor="middle">{escape(text)}</text>'
    )


def _axis(scale, x, n=_FEW):
    """Draw a vertical axis: faint lines, and numbers beside them."""
    at = log_ticks(scale.low, scale.high) if scale.log else ticks(scale.low, scale.high, n)
    places = [float(one) for one in scale(at)]
    grid = "".join(f"M{x.start:.1f} {one:.1f}H{x.end:.1f}" for one in places)
    numbers = [
        _text(x.start - 6, y + 4.5, _number(one), "end") for one, y in zip(at, places, strict=True)
    ]
    return [path(grid, "grid"), path(f"M{x.start} {scale.end}V{scale.start}", "axis"), *numbers]


def _times(x, y):
    at = ticks(x.low, x.high, 6)
    numbers = [_text(place, y + 18, _number(one)) for one, place in zip(at, x(at), strict=True)]
    middle = 0.5 * (x.start + x.end)
    line_below = path(f"M{x.start} {y}H{x.end}", "axis")
    return [line_below, *numbers, _text(middle, y + 37, "time since end of bleaching (s)")]


def replicates(summary):
    """Draw the replicates of each group, with their intervals, and the mean with its own.

    Parameters
    ----------
    summary : skfrap.replicates.ReplicateSummary

    Returns
    -------
    inside : str
        Of an ``svg``. Empty where there is nothing to draw.
    size : tuple of int
        Width and height of the drawing.
    """
    log, half = summary.scale == "log10", norm.ppf(0.5 + 0.5 * summary.level)
    ends = []
    for values, errors in zip(summary.values, summary.errors, strict=True):
        reach = half * np.nan_to_num(errors)
        ends.append(
            (values * 10.0**-reach, values * 10.0**reach)
            if log
            else (values - reach, values + reach)
        )
    flat = np.concatenate([one for pair in ends for one in pair] + [np.ravel(summary.lower)])
    flat = np.concatenate([flat, np.ravel(summary.upper)])
    flat = flat[np.isfinite(flat) & ((flat > 0) | (not log))]
    if not len(flat):
        return "", (_WIDTH, 0)
    slot = 104
    width = max(_WIDTH, _LEFT + slot * len(summary) + _RIGHT)
    x = Scale(-0.5, len(summary) - 0.5, _LEFT, width - _RIGHT)
    low, high = (10.0 ** np.array(_span(np.log10(flat)))) if log else _span(flat)
    y = Scale(float(low), float(high), 270, 12, log)
    unit = f" ({summary.unit})" if summary.unit else ""
    parts = [*_axis(y, x), _upright(f"{summary.name}{unit}", 141)]
    for g, name in enumerate(summary.groups):
        n = len(summary.values[g])
        at = x(g + (np.linspace(-0.3, 0.3, n) if n > 1 else np.zeros(n)))
        bars = zip(at, y(ends[g][0]), y(ends[g][1]), strict=True)
        if summary.n[g] > 1:
            a, b = x(g - 0.4), x(g + 0.4)
            top, bottom = float(y(summary.upper[g])), float(y(summary.lower[g]))
            parts.append(path(f"M{a:.1f} {top:.1f}H{b:.1f}V{bottom:.1f}H{a:.1f}Z", "band"))
            parts.append(path(line((a, b), y(summary.mean[[g, g]])), "mean"))
        drawn = "".join(f"M{a:.1f} {b:.1f}V{c:.1f}" for a, b, c in bars)
        parts += [path(drawn, "interval"), path(dots(at, y(summary.values[g])), "dots large")]
        label = [*_broken(visible(str(name))), f"n = {int(summary.n[g])}"]
        parts += [_text(x(g), 290 + 16 * k, one) for k, one in enumerate(label)]
    return "".join(parts), (width, 332)


def _broken(label):
    """Break a name into two lines at most, and leave out of its middle what is too much."""
    if len(label) > 2 * _LABEL:
        label = f"{label[: _LABEL - 1]}…{label[-_LABEL + 1 :]}"
        return label[:_LABEL], label[_LABEL:]
    lines = wrap(label, _LABEL)
    return lines if len(lines) <= 2 else (label[:_LABEL], label[_LABEL:])


def spark(measured, fitted, n_prebleach):
    """Draw a curve without axes, for a table: the inside of an ``svg`` of 100 by 40."""
    n = len(measured)
    keep = np.unique(np.linspace(0, n - 1, min(n, 60)).round().astype(int))
    x = Scale(0, max(n - 1, 1), 3, 97)
    y = Scale(*_span(np.concatenate([measured, fitted])), 38, 2)
    after = keep[keep >= n_prebleach]
    drawn = path(dots(x(keep), y(measured[keep])), "dots")
    return drawn + path(line(x(after), y(fitted[after])), "fit")


def outline(mask):
    """Return a path about the pixels of a mask, along their edges, in pixels.

    Parameters
    ----------
    mask : ndarray of shape (ny, nx)
        Shares; what is half inside is inside.

    Returns
    -------
    str
    """
    inside = np.pad(np.asarray(mask) >= 0.5, 1)
    parts = []
    for edges, step in (
        (inside[1:] != inside[:-1], "h"),
        ((inside[:, 1:] != inside[:, :-1]).T, "v"),
    ):
        for k, row in enumerate(edges):
            changes = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
            for first, last in pairwise(changes):
                if row[first]:
                    x, y = (first - 1, k) if step == "h" else (k, first - 1)
                    parts.append(f"M{x} {y}{step}{last - first}")
    return "".join(parts)
