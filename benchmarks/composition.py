"""Compose skfrap with scikit-learn in 40 ways, each of which has one right answer.

Curves and stacks are simulated with known parameters and next to no noise: 48 x 48 pixels of
1.5 um, a circle of 9 um, 4 + 2 + 20 frames. A way is right if it gives the truth (within 0.05 of
log10 D, c0 and alpha), or refuses what has none. It is wrong if it gives something else, or fails;
and wrong without a word if it gives something else and neither raises nor warns.

What searches over small networks take is measured as well, serially and in two processes in turn:
from the second search of a session on two processes must be no slower.

    python -m benchmarks.composition                 three or four minutes
    python -m benchmarks.composition --quick         without networks
    python -m benchmarks.composition --only alpha    those with a word in their name
"""

import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from benchmarks._compositions import ways
from benchmarks._report import Report, arguments_of
from benchmarks._searches import compare_searches

RIGHT, WRONG, SILENT = "right", "wrong", "wrong without a word"
CLOSE = 0.05


@dataclass(frozen=True)
class Way:
    """One way of composing.

    Attributes
    ----------
    name : str
    ask : callable
        Returns what is found and what is right, two arrays of one shape; NaN is right where it is
        asked for.
    refusal : str or None
        A pattern of the message of a ValueError, where the right answer is to refuse.
    """

    name: str
    ask: Callable
    refusal: str | None = None


def judge(way):
    """Try a way.

    Parameters
    ----------
    way : Way

    Returns
    -------
    verdict : {"right", "wrong", "wrong without a word"}
    words : str
        What was wrong, or was said of it.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found, expected = (np.asarray(one, dtype=float) for one in way.ask())
        except Exception as error:  # whatever comes is what a user sees
            words = f"{type(error).__name__}: {' '.join(str(error).split())}"
            refused = isinstance(error, ValueError) and way.refusal is not None
            return (RIGHT if refused and re.search(way.refusal, str(error)) else WRONG), words
    spoken = "; ".join(" ".join(str(one.message).split()) for one in said)
    if way.refusal is None and found.shape == expected.shape:
        off = np.abs(found - expected)
        if np.array_equal(np.isnan(found), np.isnan(expected)) and not (off > CLOSE).any():
            return RIGHT, spoken
        measured = f"off by up to {np.nanmax(off, initial=0):.3g}"
    else:
        measured = f"an answer of shape {found.shape}"
        measured += " where there is none" if way.refusal else f" for {expected.shape}"
    return (WRONG if said else SILENT), f"{measured}; {spoken}".removesuffix("; ")


def main():
    arguments = arguments_of(
        __doc__,
        seed=None,
        quick="without networks",
        only={"help": "those with this word in their name"},
        sessions={"type": int, "default": 3, "help": "of searches, serial and parallel each"},
        words="print what ways say that are right, too",
    )
    report = Report("ways of composing")
    counts, missing = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for section, listed in ways(folder).items():
            report.section(section)
            for name, ask, options in listed:
                skipped = arguments.quick and options.get("network", False)
                if skipped or (arguments.only and arguments.only not in name):
                    continue
                needs = [one for one in options.get("needs", ()) if find_spec(one) is None]
                if needs:
                    missing += needs
                    report.line(name, f"needs {', '.join(needs)}")
                    continue
                verdict, words = judge(Way(name, ask, options.get("refusal")))
                counts[verdict] += 1
                report.line(name, verdict, RIGHT, verdict == RIGHT)
                if words and (verdict != RIGHT or arguments.words):
                    print(f"    {words[:300]}", flush=True)
        if not (arguments.quick or arguments.only):
            compare_searches(report, folder, arguments.sessions)
    report.section("in all")
    tried = sum(counts.values())
    report.line("ways tried", str(tried))
    report.line(RIGHT, str(counts[RIGHT]), str(tried), counts[RIGHT] == tried)
    report.line(SILENT, str(counts[SILENT]), "0", counts[SILENT] == 0)
    if missing:
        report.line("packages that are not here", ", ".join(sorted({*missing})))
    report.exit()


if __name__ == "__main__":
    main()
