"""Measure what a measured start gives where region, time and shape of bleaching are told wrongly.

starts     six starts, five of them told wrongly
refusals   what cannot be answered, or only in part
paper      the paper's protocol and prior, rightly told, beside least squares on the curve
profiles   curves with profiles of the first and the last frames
fuzz       any right experiment: what is wrong by more than it says, and not flagged
cells      starts in a cell, beside the told region's curve in the same outline

Truth comes from skfrap's image model. Noise is independent in all pixels, so that ring means are
drawn with theirs; pixels are drawn where the patch is looked for, and for refusals and profiles.
"told" is least squares on the curve of the region that was told, with D, c0, alpha and the mobile
fraction free, of the same noise-free stacks.

    python -m benchmarks.start                     some 5 minutes on one core
    python -m benchmarks.start --quick             fewer series; a minute and a half
    python -m benchmarks.start --stages starts     some of it
    python -m benchmarks.start --leeds FOLDER      with images of a bilayer, bleached for long
    python -m benchmarks.start --venus FOLDER      with curves and profiles of a protein
    python -m benchmarks.start --droplets FOLDER   with images of condensate droplets
    python -m benchmarks.start --membrane FOLDER   with images of the membrane of a cell
"""

from benchmarks._report import Report, arguments_of, choice_of
from benchmarks.start._cells import measure_cells, measure_droplets, measure_membrane
from benchmarks.start._fuzz import measure_fuzz
from benchmarks.start._paper import measure_paper
from benchmarks.start._profiles import measure_profiles
from benchmarks.start._recorded import measure_bilayer, measure_venus
from benchmarks.start._refusals import measure_refusals
from benchmarks.start._starts import measure_starts

_STAGES = {
    "starts": measure_starts,
    "refusals": measure_refusals,
    "paper": measure_paper,
    "profiles": measure_profiles,
    "fuzz": measure_fuzz,
    "cells": measure_cells,
}


def main():
    arguments = arguments_of(
        __doc__,
        quick="fewer series",
        stages=choice_of(_STAGES),
        leeds={"metavar": "FOLDER", "help": "with the images of a bilayer"},
        venus={"metavar": "FOLDER", "help": "with curves and profiles of a protein in cells"},
        droplets={"metavar": "FOLDER", "help": "with images of condensate droplets"},
        membrane={"metavar": "FOLDER", "help": "with images of the membrane of a cell"},
    )
    report = Report("measured start", arguments.seed)
    for stage in arguments.stages:
        _STAGES[stage](report, arguments)
    if arguments.venus:
        measure_venus(report, arguments.venus)
    if arguments.leeds:
        measure_bilayer(report, arguments.leeds)
    if arguments.droplets:
        measure_droplets(report, arguments.droplets)
    if arguments.membrane:
        measure_membrane(report, arguments.membrane)
    report.exit()


if __name__ == "__main__":
    main()
