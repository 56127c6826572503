"""What version 0.1.0 computed, skfrap computes still; see `benchmarks/golden.py`."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.golden import (
    SETTINGS,
    TOLERANCES,
    TOLERANCES_OF_NAMES,
    TOLERANCES_OF_SETTINGS,
    difference,
)

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "golden.npz") as file:
        return dict(file)


@pytest.mark.parametrize(
    ("kind", "setting"), [(kind, name) for kind, settings in SETTINGS.items() for name in settings]
)
def test_numbers_are_those_of_version_0_1(golden, kind, setting):
    prefix = f"{kind}/{setting}/"
    expected = {key.removeprefix(prefix): a for key, a in golden.items() if key.startswith(prefix)}
    given = {"X": expected["X"]} if "X" in expected else {}
    found = SETTINGS[kind][setting](**given)
    assert {*found} >= {*expected}
    tolerance = TOLERANCES_OF_SETTINGS.get((kind, setting), TOLERANCES[kind])
    tolerances = dict.fromkeys(expected, tolerance) | TOLERANCES_OF_NAMES.get((kind, setting), {})
    for name, granted in tolerances.items():
        if granted is not None:
            away = difference(np.asarray(found[name]), expected[name])
            assert away < granted, f"{name} differs by {away:.1e}"
