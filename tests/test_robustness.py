"""The programs that count false alarms, misses and faults: a small run of each."""

import numpy as np
import pytest

from benchmarks.robustness import _alarms, _api, _wrong
from benchmarks.robustness._protocols import OTHERS, curves, draw
from skfrap.results import FINDINGS


@pytest.mark.slow
def test_random_calls_are_answered_or_refused_in_words(capsys):
    found = _api.run(25, seed=3)
    assert found["faults"] == {}
    assert found["n"] == 25
    assert min(found["outcomes"]["answered"], found["outcomes"]["refused"]) > 3
    assert "(0 wanted)" in capsys.readouterr().out


def test_a_case_is_the_same_each_time():
    assert [_api.try_case(5, k) for k in range(3)] == [_api.try_case(5, k) for k in range(3)]


def test_a_fault_would_be_seen(monkeypatch):
    def leak(case):
        return np.float64(1e300) ** 2

    monkeypatch.setattr(_api, "_CALLS", (leak,))
    assert "warning leaked" in _api.try_case(0, 0)[2]

    def spoil(case):
        values = case.watched(np.ones(3))
        values[0] = 2

    monkeypatch.setattr(_api, "_CALLS", (spoil,))
    assert "changed" in _api.try_case(0, 0)[2]

    def fail(case):
        raise KeyError("a")

    monkeypatch.setattr(_api, "_CALLS", (fail,))
    assert "KeyError" in _api.try_case(0, 0)[2]


@pytest.mark.slow
def test_right_data_are_hardly_contradicted(capsys, monkeypatch):
    some = {name: OTHERS[name] for name in ("small spot", "few frames")}
    monkeypatch.setattr(_alarms, "OTHERS", some)
    shares = _alarms.run(2000, seed=1, n_others=100, n_series=0)
    assert shares["Table 1"] < _alarms.LIMIT
    assert shares["other curves"] < 2 * _alarms.LIMIT
    assert {*FINDINGS} >= _alarms.CONTRADICT
    lines = capsys.readouterr().out.splitlines()
    held = float(lines[2].split("|")[5])
    assert 93 < held < 97


def test_other_protocols_are_right_experiments():
    random = np.random.default_rng(0)
    assert len(OTHERS) == 12
    for protocol in OTHERS.values():
        values = draw(protocol, 3, random)
        assert np.isfinite(curves(protocol, values, random)).all()
        assert (values["D"] > 0).all()


@pytest.mark.slow
def test_wrong_experiments_are_flagged_or_right(capsys, monkeypatch):
    monkeypatch.setattr(_wrong, "NOISES", (_wrong.NOISES[0], _wrong.NOISES[-1]))
    shares = _wrong.run(20, seed=1, n_series=1)
    assert np.mean([*shares.values()]) > _wrong.WANTED
    assert "refuses counts and percent: True" in capsys.readouterr().out
