"""Regions of ImageJ: read onto the page, and written for ImageJ's ROI Manager."""

from pathlib import Path
from typing import Any

from skfrap._text import visible
from skfrap.analysis import LiveAnalysis
from skfrap.app._reading import kept_images
from skfrap.app._shapes import region_in_pixels
from skfrap.experiment import parse_region
from skfrap.io import read_rois, write_rois

# Words in the names of regions that say what they are.
_MEANT = {
    "bleach_region": ("bleach", "frap", "spot"),
    "compartment": ("cell", "nucle", "outline", "compartment", "droplet"),
    "reference": ("ref", "control"),
}


def settings_of_rois(path: str, keep: str, target: str) -> dict[str, Any]:
    """Read regions, and tell which settings they are.

    A single region is what the page draws; of several each is what its name says, and the first
    that says nothing is what the page draws.

    Parameters
    ----------
    path : str
        Of a ``.roi`` file, or of a ``.zip`` of several.
    keep : str
        Of the series that is open.
    target : {"bleach_region", "compartment", "reference"}
        What the page draws.

    Returns
    -------
    dict
        Settings.

    Raises
    ------
    ValueError
        If a file holds no region that the page can draw.
    """
    shape = kept_images(keep).frames.shape[1:]
    regions = read_rois(path, 1.0, shape)
    texts = {name: region_in_pixels(one, shape, 1.0) for name, one in regions.items()}
    found: dict[str, Any] = {}
    for name, text in texts.items():
        meant = target if len(texts) == 1 else _meaning_of(name)
        if text is None:
            raise ValueError(
                f"the region {visible(name)!r} has holes or several parts, which the page cannot "
                "draw: give one outline, or analyse it with skfrap estimate --bleach-region."
            )
        found.setdefault(meant or target, text)
    return found


def _meaning_of(name):
    folded = name.casefold()
    return next((one for one, words in _MEANT.items() if any(w in folded for w in words)), None)


def rois_of_settings(live: LiveAnalysis, given: dict[str, Any], path: str) -> None:
    """Write the regions that are drawn.

    Parameters
    ----------
    live : LiveAnalysis
        Of the series that is open.
    given : dict
        Settings.
    path : str
        Of the ``.zip`` to write.
    """
    protocol = live.protocol_of(given.get("bleach_region"))
    regions = {"bleach region": protocol.bleach_region}
    if protocol.compartment is not None:
        regions["cell"] = protocol.compartment.region
    for name, region in dict(protocol.rows or ()).items():
        if region is not None:
            regions[name] = region
    if "reference" in given:
        regions["reference"] = parse_region(given["reference"], protocol.pixel_size)
    write_rois(Path(path), regions, protocol.pixel_size, protocol.shape)
