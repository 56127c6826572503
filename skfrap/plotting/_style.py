"""What pictures have in common: colours, markers, axes, their ticks and labels."""

import numpy as np

DATA = "#1f4e79"
FIT = "#d1495b"
REGION = "#ffd166"
CATEGORIES = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"  # Okabe and Ito's
COMPARTMENT = "#56b4e9"
ROWS = "#009e73", "#cc79a7", "#e69f00"  # besides the bleach region
SECOND_FIT = "#2a9d8f"  # beside a fit
RINGS = "#2a9df4"
SHADES = "#8ab6d6", "#4a86b8", DATA  # from light to dark
STAGES = "#440154", "#31688e", "#35b779", "#b8a800"  # from early to late
MARKERS = "os^Dv<>P"
TIME = "time since end of bleaching (s)"
FIGURE = {  # of the documentation's pictures, which are read on a page
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 10,
}
_NARROW = 6  # highest over lowest value below which an axis is too short for ticks at 1, 2, 5
_FEW_DECADES = 300


def pyplot():
    """Import matplotlib.pyplot, or say how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'skfrap[all]'") from error
    return plt


def new_axes(n_rows=1, n_columns=1, **options):
    """Make a figure and return its axes; `options` go to pyplot's subplots."""
    return pyplot().subplots(n_rows, n_columns, layout="constrained", **options)[1]


def tidy(*axes, **grid):
    """Draw a faint grid and no frame above and to the right; `grid` goes to Axes.grid."""
    for ax in axes:
        ax.grid(alpha=0.25, **grid)
        ax.spines[["top", "right"]].set_visible(False)


def write_title(ax, title, **options):
    """Write a title, if there is one, above the left end of an axis."""
    if title:
        ax.set_title(title, loc="left", fontsize=11, **options)


def with_unit(name, unit):
    """Return a label: the name of a quantity, and its unit if it has one."""
    return f"{name} ({unit})" if unit else name


def shade_bleaching(ax, protocol):
    """Shade the time of bleaching."""
    ax.axvspan(protocol.bleach_times[0], 0, color="0.85", lw=0, zorder=0)


def draw_image(ax, image, protocol, **options):
    """Draw an image of the field in µm; `options` go to Axes.imshow."""
    ny, nx = protocol.shape
    extent = 0, nx * protocol.pixel_size, ny * protocol.pixel_size, 0
    return ax.imshow(image, cmap="gray", extent=extent, **options)


def draw_frame(ax, image, protocol, *, lw=1.5, **options):
    """Draw an image of the field in µm, with the bleach region; `options` go to Axes.imshow.

    In a compartment its outline is drawn as well, and the regions of other rows.
    """
    drawn = draw_image(ax, image, protocol, **options)
    _outline(ax, protocol.bleach_mask, protocol, REGION, lw)
    if protocol.compartment is not None:
        _outline(ax, protocol.compartment_mask, protocol, COMPARTMENT, lw)
        for k, region in enumerate(dict(protocol.rows or ()).values()):
            if region is not None:
                mask = region.area_fractions(protocol.shape, protocol.pixel_size)
                _outline(ax, mask, protocol, ROWS[k % len(ROWS)], lw, linestyles="--")
    return drawn


def _outline(ax, mask, protocol, color, lw, **options):
    ny, nx = protocol.shape
    x, y = (protocol.pixel_size * (np.arange(n) + 0.5) for n in (nx, ny))
    ax.contour(x, y, mask, levels=[0.5], colors=color, linewidths=lw, **options)


def write_plainly(axis, ticks=None):
    """Write a logarithmic axis' ticks as numbers: at `ticks`, or more of them in few decades."""
    from matplotlib.ticker import LogLocator, NullLocator

    if ticks is None:
        low, high = axis.get_view_interval()
        subs = (1.0, 2.0, 5.0) if high < _FEW_DECADES * low else (1.0,)
        axis.set_major_locator(LogLocator(subs=subs))
    else:
        axis.set_ticks(ticks)
        axis.set_minor_locator(NullLocator())
    _write_numbers(axis)


def write_closely(axis, n_ticks=6):
    """Write a logarithmic axis' ticks as numbers, at even steps where its ends are close."""
    from matplotlib.ticker import NullLocator

    low, high = axis.get_view_interval()
    if high >= _NARROW * low:
        write_plainly(axis)
        return
    place_evenly(axis, n_ticks)
    axis.set_minor_locator(NullLocator())
    _write_numbers(axis)


def place_evenly(axis, n_ticks=6):
    """Place no more than so many ticks, at even steps."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(n_ticks, steps=[1, 2, 2.5, 5, 10]))


def _write_numbers(axis):
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
