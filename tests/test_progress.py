"""Long work: shown in a terminal alone, spread over threads, and ended cleanly."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest
import sklearn

from skfrap import BayesianFRAP, Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
from skfrap.datasets import _write
from skfrap.design import plan
from skfrap.estimators import _network_regressor
from skfrap.inference.fitting import _bootstrap, _fitter
from skfrap.inference.posterior import _posterior
from skfrap.numerics import _lazy, _progress
from skfrap.numerics._progress import shown, side_by_side

PROTOCOL = FRAPProtocol(
    shape=(32, 32), bleach_region=Circle(4.0), n_prebleach=5, n_postbleach=20, padding=8
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def a_terminal(monkeypatch, shown_after=0.0):
    """Make stderr a terminal; a fixture cannot, as pytest takes stderr back before a test."""
    monkeypatch.setattr(_progress, "SHOWN_AFTER", shown_after)
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


def test_progress_is_quiet_without_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(_progress, "SHOWN_AFTER", 0.0)
    assert [*shown([1, 2, 3], "working")] == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_progress_is_quiet_for_two_seconds(monkeypatch):
    made = a_terminal(monkeypatch, 2.0)
    assert [*shown([1, 2, 3], "working")] == [1, 2, 3]
    assert made.getvalue() == ""


def test_progress_within_progress_is_not_shown(monkeypatch):
    terminal = a_terminal(monkeypatch)
    for _ in shown([1, 2], "outer"):
        assert [*shown([1, 2, 3], "inner")] == [1, 2, 3]
    assert "outer" in terminal.getvalue()
    assert "inner" not in terminal.getvalue()
    [*shown([1, 2], "after")]
    assert "after" in terminal.getvalue()


def test_progress_that_is_left_does_not_hide_the_next(monkeypatch):
    terminal = a_terminal(monkeypatch)

    def leaves():
        for k in shown([1, 2, 3], "left"):
            if k == 2:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        leaves()
    [*shown([1, 2], "after")]
    assert "after" in terminal.getvalue()


def test_progress_that_another_thread_ends_does_not_hide_the_next(monkeypatch):
    terminal = a_terminal(monkeypatch)
    items = shown([1, 2, 3], "first")
    assert next(items) == 1
    thread = threading.Thread(target=lambda: [*items])
    thread.start()
    thread.join(20)
    [*shown([1, 2], "after")]
    assert "after" in terminal.getvalue()


@pytest.fixture(scope="module")
def curves():
    return FRAPSimulator(PROTOCOL, random_state=0).sample(100).data


@pytest.fixture(scope="module")
def network():
    X, y = FRAPSimulator(PROTOCOL, random_state=1).sample(400, return_X_y=True)
    with warnings.catch_warnings():
        return NeuralFRAP(PROTOCOL, (8,), max_iter=1, random_state=0).fit(X, y)


def test_long_answers_show_how_far_they_are(monkeypatch, curves, network):
    terminal = a_terminal(monkeypatch)
    monkeypatch.setattr(_fitter, "_CHUNK", 32)
    monkeypatch.setattr(_bootstrap, "_BATCH", 50)
    monkeypatch.setattr(_posterior, "_MOST_LEAVES", 1)
    monkeypatch.setattr(_network_regressor, "_ROWS", 32)

    def seen(answer):
        terminal.seek(0)
        terminal.truncate()
        answer()
        return terminal.getvalue()

    fitted = LeastSquaresFRAP(PROTOCOL).fit(curves)
    bayesian = BayesianFRAP(PROTOCOL).fit(curves)
    assert "fitting" in seen(lambda: fitted.predict(curves))
    in_threads = LeastSquaresFRAP(PROTOCOL, n_jobs=2).fit(curves)
    assert "fitting" in seen(lambda: in_threads.predict(curves))
    shows = seen(lambda: fitted.predict_interval(curves[:3], method="bootstrap", n_bootstrap=50))
    assert "bootstrap" in shows
    assert "fitting" not in shows
    assert "posterior" in seen(lambda: bayesian.predict(curves))
    assert "posterior" in seen(lambda: bayesian.predict_interval(curves))
    assert "posterior" in seen(lambda: bayesian.sample_posterior(curves, 2))
    assert "predict" in seen(lambda: network.predict(curves.astype(np.float32)))
    assert seen(lambda: fitted.predict(curves[:20])) == ""


def test_preparations_are_shown_in_a_terminal_alone(monkeypatch, tmp_path, capsys):
    pytest.importorskip("zarr", minversion="3")
    simulator = FRAPSimulator(PROTOCOL, random_state=0)
    monkeypatch.setattr(_write, "_SHARDS", {"curves": 64})
    monkeypatch.setattr(_write, "_CHUNKS", {"curves": 64})
    parameters = "D", "c0", "alpha", "imaging_bleach"
    curves = simulator.sample(50).data

    def long_work(name, fastest):
        bounds = {"D": (1.0, fastest), "imaging_bleach": (0.98, 1.0)}  # the same is kept
        LeastSquaresFRAP(PROTOCOL, bounds, parameters=parameters).fit(curves)
        plan(PROTOCOL, {"D": 10.0, "c0": 0.7, "alpha": 0.6}, {"frame_interval": [0.1, 0.2]}, a=1e-3)
        simulator.write(tmp_path / f"{name}.zarr", 200)
        simulator.write(tmp_path / f"silent {name}.zarr", 200, verbose=0)

    monkeypatch.setattr(_progress, "SHOWN_AFTER", 0.0)
    long_work("without", 30.0)
    assert capsys.readouterr() == ("", "")
    terminal = a_terminal(monkeypatch)
    long_work("with", 31.0)
    for what in ("preparing the model over", "planning", "writing"):
        assert what in terminal.getvalue()


def test_threads_answer_in_order():
    meet = threading.Barrier(3, timeout=20)

    def work(k):
        meet.wait()  # three are under way at once
        return k, sklearn.get_config()["assume_finite"], threading.get_ident()

    with sklearn.config_context(assume_finite=True):
        found = [*side_by_side(work, [*range(9)], 3)]
    assert [k for k, _, _ in found] == [*range(9)]
    assert all(told for _, told, _ in found)
    assert len({thread for _, _, thread in found}) == 3


def test_threads_begin_nothing_after_an_error():
    done = []

    def work(k):
        done.append(k)
        if k == 1:
            raise RuntimeError("of the second")
        return k

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="of the second"):
        [*side_by_side(work, [*range(100)], 2)]
    assert threading.active_count() == before
    assert len(done) < 20


def test_networks_answer_the_same_from_several_threads(monkeypatch, network):
    dask = pytest.importorskip("dask.array")
    curves = FRAPSimulator(PROTOCOL, random_state=2).sample(2000, dtype=np.float32).data
    whole = network.predict(curves)
    monkeypatch.setattr(_lazy.row_slices, "__defaults__", (512,))
    threads = set()
    answers = type(network._network).answers

    def watched(*arguments):
        threads.add(threading.get_ident())
        return answers(*arguments)

    monkeypatch.setattr(type(network._network), "answers", watched)
    monkeypatch.setattr(_progress, "cpu_count", lambda: 3)
    lazy = dask.from_array(curves, chunks=(512, -1))
    np.testing.assert_allclose(network.predict(lazy), whole, rtol=1e-5, atol=1e-6)
    assert threading.get_ident() not in threads
    monkeypatch.setattr(_network_regressor, "ROWS", 1024)
    monkeypatch.setattr(_network_regressor, "_ROWS", 512)
    threads.clear()
    np.testing.assert_array_equal(network.predict(curves), network.predict(lazy))
    assert threading.get_ident() not in threads
    curves[1234, 3] = 1e9
    with pytest.raises(ValueError, match="row 1234"):
        network.predict(curves)


def children_of(process):
    tasks = f"/proc/{process}/task/{process}/children"
    with open(tasks, encoding="ascii") as file:
        return [int(one) for one in file.read().split()]


def is_running(process):
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def end_soon(processes, patience=60.0):
    """Whether processes end; those that clean up after a program end when it has."""
    until = time.monotonic() + patience
    while any(map(is_running, processes)) and time.monotonic() < until:
        time.sleep(0.01)
    return not any(map(is_running, processes))


def interrupted(tmp_path, program):
    """Run a program in a folder, send SIGINT when it asks for it.

    Return what it prints after, and the processes that it had then.
    """
    before = """
        import os, signal, sys, threading, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where it was inherited
        from skfrap import Circle, FRAPProtocol, FRAPSimulator, LeastSquaresFRAP, NeuralFRAP
        import skfrap.datasets
        PROTOCOL = FRAPProtocol(
            shape=(32, 32), bleach_region=Circle(4.0), n_prebleach=5, n_postbleach=20, padding=8
        )

        def ready():
            print("ready", flush=True)

    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(before) + textwrap.dedent(program)],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        children = children_of(process.pid)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    return out, children


WRITING = """
    from skfrap.datasets import _write
    n_jobs, kind = {n_jobs}, {kind!r}
    _write._SHARDS[kind], _write._CHUNKS[kind] = {shard}, {shard}
    simulator = FRAPSimulator(PROTOCOL, random_state=0)

    def watch():
        while True:
            time.sleep(0.01)
            try:
                if skfrap.datasets.open("a.zarr").written.any():
                    break
            except (FileNotFoundError, KeyError, ValueError):
                pass
        ready()

    threading.Thread(target=watch, daemon=True).start()
    try:
        simulator.write("a.zarr", {n}, kind, n_jobs=n_jobs)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted by /proc")
@pytest.mark.parametrize(
    ("kind", "n_jobs", "shard", "n"),
    [("curves", 1, 4096, 2**22), ("curves", 2, 4096, 2**22), ("images", 2, 2, 2000)],
)
def test_writing_ends_with_what_is_complete(tmp_path, kind, n_jobs, shard, n):
    pytest.importorskip("zarr", minversion="3")
    import skfrap.datasets

    program = WRITING.format(kind=kind, n_jobs=n_jobs, shard=shard, n=n)
    out, children = interrupted(tmp_path, program)
    assert out == "interrupted\n"
    assert (kind == "images") == bool(children)
    assert end_soon(children)
    dataset = skfrap.datasets.open(tmp_path / "a.zarr")
    assert 0 < dataset.written.sum() < len(dataset.written)
    simulator = FRAPSimulator(PROTOCOL, random_state=0)
    for k in np.flatnonzero(dataset.written)[:20]:
        rows = slice(k * shard, (k + 1) * shard)
        if kind == "images":
            drawn = simulator.sample_images(shard, start=k * shard)
        else:
            drawn = simulator.sample(shard, start=k * shard, dtype=np.float32)
        np.testing.assert_array_equal(dataset.data[rows], drawn.data)
        np.testing.assert_array_equal(dataset.target[rows], drawn.target)


PREDICTING = """
    import numpy as np
    from dask.array import from_array
    from skfrap.numerics import _lazy

    _lazy.row_slices.__defaults__ = (256,)
    X, y = FRAPSimulator(PROTOCOL, random_state=0).sample(400, return_X_y=True)
    fitted = {fitted}.fit(X, y)
    lazy = from_array(np.tile(X, (5000, 1)), chunks=(256, -1))
    threading.Timer(0.5, ready).start()
    try:
        fitted.predict(lazy)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    alive = [one.name for one in threading.enumerate() if "skfrap" in one.name]
    print(alive, fitted.predict(X[:2]).shape, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted by /proc")
@pytest.mark.parametrize(
    "fitted",
    ["NeuralFRAP(PROTOCOL, (8,), max_iter=1, random_state=0)", "LeastSquaresFRAP(PROTOCOL)"],
)
def test_answers_in_chunks_end_at_once(tmp_path, fitted):
    pytest.importorskip("dask.array")
    out, children = interrupted(tmp_path, PREDICTING.format(fitted=fitted))
    assert out.splitlines() == ["interrupted", "[] (2, 3)"]
    assert not children
