"""`benchmarks.peers`: fits of closed forms are right, and the page tells what was measured."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from benchmarks._main import run_stages
from benchmarks._pages import copy_to_docs, write_page
from benchmarks.peers._bench import OURS, QUICK, Bench
from benchmarks.peers._bleachdt import PROTOCOL, drive, simulate_droplet
from benchmarks.peers._closed_forms import (
    CLOSED_FORMS,
    EXPONENTIAL,
    HALF_TIME,
    SOUMPASIS,
    SOUMPASIS_MOBILE,
    exponential,
    fit_recovery,
    soumpasis,
)
from benchmarks.peers._networks import falling, scikit_learn_network
from benchmarks.peers._page import STUDY
from benchmarks.peers._records import QUOTED, loss_text
from skfrap import FRAPProtocol, FRAPSimulator
from skfrap.models import SoumpasisModel

T, RADIUS = 0.265 * np.arange(1.0, 101.0), 15.0


class Silent:
    """A report that prints nothing."""

    def __init__(self):
        self.lines = []

    def section(self, title):
        pass

    def line(self, what, measured, asked="", met=None):
        self.lines.append((what, measured, asked, met))


@pytest.fixture
def bench():
    return Bench(replace(QUICK, n_curves=512, n_closed=96, n_timed=3), seed=0, report=Silent())


@pytest.mark.parametrize("model", [soumpasis, exponential])
@pytest.mark.parametrize("plateau", [None, 0.9])
@pytest.mark.parametrize("D", [3.0, 30.0, 300.0])
def test_a_closed_form_finds_D_of_its_own_curves(model, plateau, D):
    recovery = model(T, D, 0.3, 0.9, RADIUS)
    log10_D = fit_recovery(model, T, recovery, RADIUS, plateau)
    assert 10**log10_D == pytest.approx(D, rel=1e-6)


def test_soumpasis_is_that_of_the_package():
    protocol = FRAPProtocol(n_bleach=1)
    c0, alpha = 0.7, 0.4
    curve = SoumpasisModel(protocol).curves(D=20.0, c0=c0, alpha=alpha)
    t, recovery = CLOSED_FORMS[SOUMPASIS].prepare(protocol, curve)
    ours = soumpasis(t, 20.0, alpha, 1.0, protocol.equivalent_radius)
    np.testing.assert_allclose(recovery[0], ours, rtol=1e-12)


@pytest.mark.parametrize("model", [soumpasis, exponential])
def test_half_is_recovered_after_the_half_time(model):
    half = brentq(lambda t: model(t, 1.0, 0.0, 1.0, 1.0) - 0.5, 0.1, 0.5)
    assert half == pytest.approx(HALF_TIME, abs=5e-4)


def test_time_from_the_middle_of_bleaching_is_longer():
    protocol = FRAPProtocol()
    X = np.ones((1, protocol.n_frames))
    (usual, _), (middle, _) = (
        CLOSED_FORMS[name].prepare(protocol, X) for name in (SOUMPASIS, SOUMPASIS_MOBILE)
    )
    np.testing.assert_allclose(middle - usual, 1.5 * protocol.frame_interval)


def test_fits_that_fail_are_counted_and_left_out(bench):
    theta = bench.fresh.target[:100, :1].copy()
    theta[:3] = np.nan
    theta[3] += np.log10(2.5)
    bench.judge("some", theta)
    get = bench.records.get
    assert get("some", "not converged, %", "all D") == pytest.approx(3)
    assert get("some", "off by more than a factor of 2, %", "all D") == pytest.approx(1)
    assert get("some", "median of D over its true value", "all D") == pytest.approx(1)
    assert np.isfinite(get("some", "loss over least squares", "log10 D"))


@pytest.mark.slow
def test_the_page_tells_what_was_measured(bench, tmp_path):
    results = STUDY.results(tmp_path, bench.amounts, bench.seed)
    stages = {stage.name: stage for stage in STUDY.stages}
    run_stages([stages["closed"], stages["bleachdt"]], bench, results, again=STUDY.again)
    text = write_page(STUDY, results, "some command").read_text(encoding="utf-8")
    found = bench.records.record(EXPONENTIAL, "loss over least squares", "log10 D")
    assert found.value > 100
    assert loss_text(found) in text
    assert "in one run of `some command`" in text
    assert "## Closed forms" in text
    assert "## Other networks" not in text
    assert "It was not run here" in text
    kept = json.loads((tmp_path / "peers.json").read_text(encoding="utf-8"))
    assert len(kept["rows"]) == len((tmp_path / "peers.csv").read_text().splitlines()) - 1
    assert {*kept["tables"]["by_D"]["method"]} == {OURS, *CLOSED_FORMS}
    assert copy_to_docs(STUDY, results, tmp_path / "docs").read_text(encoding="utf-8") == text
    pictures = {path.name for path in (tmp_path / "docs" / "figures").iterdir()}
    assert pictures == {"peers-accuracy.png", "peers-speed.png"}


def test_quoted_numbers_are_marked(bench):
    bench.records.add("theirs", "time, s", 2.7, source=QUOTED, at_most=1)
    assert bench.records.rows[0].source == QUOTED
    assert bench.records.report.lines[-1][2] == QUOTED


def test_a_network_learns_for_the_time_it_is_given():
    network = scikit_learn_network(seed=0)
    simulator = FRAPSimulator(random_state=0)
    seconds, n_seen = network.train(simulator, 0.5, 4096, fresh=True)
    assert 0.5 <= seconds < 30
    assert n_seen >= 4096
    assert network.predict(simulator.sample(5).data).shape == (5, 3)
    assert falling(1.0, 0.0) > falling(1.0, 0.5) > falling(1.0, 1.0) > 0


def test_droplets_are_brighter_than_what_is_around_them():
    stack = simulate_droplet(0.2, 0.02, np.random.default_rng(0))
    assert stack.shape == (PROTOCOL.n_frames, *PROTOCOL.shape)
    assert stack.dtype == np.uint16
    droplet, around = stack[0, 40, 64], stack[0, 5, 5]
    assert droplet > 2 * around > 0


def test_an_interpreter_without_bleachdt_is_told(tmp_path):
    import sys

    with pytest.raises(RuntimeError, match=r"BleachDt could not be run: .*bleachdt"):
        drive(sys.executable, [])
