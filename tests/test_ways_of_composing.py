"""The benchmark of ways to compose tells right from wrong, and wrong from wrong without a word."""

import warnings

import numpy as np
import pytest

from benchmarks._compositions import ways
from benchmarks.composition import RIGHT, SILENT, WRONG, Way, judge

TRUTH = np.array([[1.0, 0.7, 0.6], [0.5, np.nan, 0.6]])


def refuse(words="column D is not estimated", kind=ValueError):
    raise kind(words)


def warn_and_answer():
    warnings.warn("y has another scale", UserWarning, stacklevel=1)
    return TRUTH + 1, TRUTH


JUDGED = {
    "the truth": (lambda: (TRUTH + 0.01, TRUTH), None, RIGHT),
    "another number": (lambda: (TRUTH * [1, 1, 1.3], TRUTH), None, SILENT),
    "another number, with a warning": (warn_and_answer, None, WRONG),
    "a number where there is none": (lambda: (np.nan_to_num(TRUTH), TRUTH), None, SILENT),
    "none where there is one": (lambda: (TRUTH * np.nan, TRUTH), None, SILENT),
    "another shape": (lambda: (TRUTH[:, 0], TRUTH), None, SILENT),
    "an error": (lambda: refuse(), None, WRONG),
    "a refusal": (lambda: refuse(), "column D", RIGHT),
    "a refusal for another reason": (lambda: refuse("X is empty"), "column D", WRONG),
    "another error": (lambda: refuse(kind=TypeError), "column D", WRONG),
    "an answer instead of a refusal": (lambda: (TRUTH, TRUTH), "column D", SILENT),
}


@pytest.mark.parametrize(("ask", "refusal", "verdict"), JUDGED.values(), ids=JUDGED)
def test_answers_are_judged(ask, refusal, verdict):
    assert judge(Way("one", ask, refusal))[0] == verdict


def test_there_are_forty_ways(tmp_path):
    names = [name for listed in ways(tmp_path).values() for name, _, _ in listed]
    assert len(names) == len({*names}) == 40
