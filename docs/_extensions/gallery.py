"""In which order the gallery shows the examples, and how strictly they are run."""

import warnings
from contextlib import ExitStack
from pathlib import Path

import matplotlib as mpl
from cycler import cycler

from skfrap.plotting import _style as style

READING_ORDER = (
    "quickstart.py",
    "folder_of_files.py",
    "uncertainty.py",
    "mobile_fraction_and_binding.py",
    "plan_experiment.py",
    "image_series_pipeline.py",
    "cell.py",
    "moving_cell.py",
    "measured_start.py",
    "all_pixels.py",
    "own_protocol.py",
    "hybrid.py",
    "grid_search.py",
    "save_and_load.py",
)
_strict = ExitStack()


def reading_order(path):
    """Tell the place of an example; a new one comes last."""
    name = Path(path).name
    return (READING_ORDER.index(name) if name in READING_ORDER else len(READING_ORDER), name)


def one_palette(gallery_conf, path, when):
    """Draw examples as all other pictures of the documentation are drawn."""
    mpl.rcParams.update(style.FIGURE)
    mpl.rcParams["axes.prop_cycle"] = cycler(color=style.CATEGORIES)


def warnings_are_errors(gallery_conf, path, when):
    """Make warnings errors while an example runs, as its tests do."""
    if when == "before":
        _strict.enter_context(warnings.catch_warnings(action="error"))
    else:
        _strict.close()
