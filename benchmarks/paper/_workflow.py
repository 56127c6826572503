"""Figure 2: from an experiment to estimates, by least squares and by a network."""

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from benchmarks._pages import paragraphs, picture
from benchmarks._stage import Outcome, Stage
from skfrap.plotting._style import CATEGORIES, new_axes

_DATA, _FIT, _NETWORK = CATEGORIES[:3]
_HALF = 1.42, 0.42  # of a box's width and height
_BOXES = {  # place and colour of each, and what it says
    "images": (0, 2, _DATA, "image series\n110 frames"),
    "corrected": (3.5, 2, _DATA, "IntensityRescaler\nBackgroundSubtractor"),
    "curve": (7, 2, _DATA, "RecoveryCurve-\nExtractor: curve"),
    "fit": (10.5, 3, _FIT, "LeastSquaresFRAP:\nthe closest curve"),
    "network": (10.5, 1, _NETWORK, "NeuralFRAP.predict:\nthe network's answer"),
    "estimates": (14, 2, "0.3", "D, c0, alpha;\ntheir model curve"),
    "judged": (17.5, 2, "0.3", "residuals: noise a,\nintervals, findings"),
    "model": (7, 4, _FIT, "model of the protocol,\ninterpolated"),
    "simulated": (3.5, 0, _NETWORK, "FRAPSimulator:\nprotocol, prior, noise"),
    "trained": (7, 0, _NETWORK, "NeuralFRAP.fit_online\nor load_pretrained"),
}
_ARROWS = (
    ("images", "corrected"),
    ("corrected", "curve"),
    ("curve", "fit"),
    ("curve", "network"),
    ("fit", "estimates"),
    ("network", "estimates"),
    ("estimates", "judged"),
    ("model", "fit"),
    ("simulated", "trained"),
    ("trained", "network"),
)


def draw(bench):
    """Draw the steps of both ways, by the names that they have in skfrap."""
    return Outcome([], {}, figures={"figure2": draw_workflow()})


def draw_workflow() -> Figure:
    """Draw boxes and arrows."""
    ax = new_axes(figsize=(12, 3.9))
    for x, y, colour, text in _BOXES.values():
        corner = x - _HALF[0], y - _HALF[1]
        style = {"boxstyle": "round,pad=0.06", "fc": "white", "ec": colour, "lw": 1.6}
        ax.add_patch(FancyBboxPatch(corner, 2 * _HALF[0], 2 * _HALF[1], **style))
        ax.text(x, y, text, ha="center", va="center", fontsize=9)
    for first, second in _ARROWS:
        (x, y, colour, _), (to_x, to_y, *_) = _BOXES[first], _BOXES[second]
        ends = (x + _HALF[0] + 0.08, y), (to_x - _HALF[0] - 0.08, to_y)
        ax.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, color=colour))
    down = (10.5, 1 + _HALF[1] + 0.08), (10.5, 3 - _HALF[1] - 0.08)
    dashed = {"arrowstyle": "-|>", "mutation_scale": 12, "color": _NETWORK, "ls": "--"}
    ax.add_patch(FancyArrowPatch(*down, **dashed))
    ax.text(10.65, 2, "init=", va="center", fontsize=9, color=_NETWORK)
    ax.text(1.9, -0.75, "before any measurement", fontsize=9, color=_NETWORK, style="italic")
    ax.set(xlim=(-1.6, 19.1), ylim=(-1, 4.6))
    ax.axis("off")
    return ax.figure


def tell(outcome):
    """Write the section of Figure 2."""
    return paragraphs(
        "The paper's overview of both ways, with the names that the steps have in skfrap. Both "
        "start from the same curve, and for both the noise a is estimated afterwards, from the "
        "residuals of the model curve. The network is trained before anything is measured, on "
        "simulated curves. Dashed: its answer may be where a fit starts, as the paper proposes.",
        picture("figure2", "From images to a curve, and from it to estimates by either method"),
    )


STAGES = (Stage("figure2", "Figure 2: the workflow", draw, tell),)
