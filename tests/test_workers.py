"""Series analysed by several processes: in order, none lost, none twice, each death its own."""

import os
import signal

import pytest

from skfrap import Circle, FRAPProtocol, FRAPSimulator
from skfrap.cli._workers import Processes, workers

# As work, `eval` does in another process what a text says.
SLOW = "__import__('time').sleep({}) or {}"
DIES = "__import__('os').kill(__import__('os').getpid(), 9)"
ENDS = "__import__('os')._exit(3)"


@pytest.fixture
def pool():
    made = Processes(2)
    yield made
    made.close()


def test_outcomes_come_in_order_and_a_death_is_its_own(pool):
    sources = [SLOW.format(0.3, 0), "1", DIES, "3", ENDS, *map(str, range(5, 12))]
    found = list(pool.outcomes(eval, iter(sources)))
    assert [source for source, _ in found] == sources
    outcomes = [outcome for _, outcome in found]
    assert "ended by SIGKILL; was there enough memory?" in outcomes[2].error
    assert "ended with code 3" in outcomes[4].error
    assert [one for k, one in enumerate(outcomes) if k not in (2, 4)] == [0, 1, 3, *range(5, 12)]
    assert len({member.process.pid for member in pool._members}) == 2


def test_a_run_that_ends_early_leaves_no_process(pool):
    outcomes = pool.outcomes(eval, iter(["1", SLOW.format(60, 1), SLOW.format(60, 2)]))
    assert next(outcomes)[1] == 1
    processes = [member.process for member in pool._members]
    pool.close()
    for process in processes:  # one that was killed takes a moment
        process.join(60)
    assert not any(process.is_alive() for process in processes)


def test_one_job_needs_no_process():
    with workers(None, None) as outcomes:
        assert list(outcomes(eval, ["1 + 1"])) == [("1 + 1", 2)]


@pytest.fixture
def folder(tmp_path):
    from skfrap.io import write_series

    protocol = FRAPProtocol(
        shape=(32, 32), bleach_region=Circle(4.0), n_prebleach=5, n_postbleach=20, padding=8
    )
    simulator = FRAPSimulator(protocol, {"c0": 0.7, "a": 1e-3}, bit_depth=16, random_state=0)
    for k, frames in enumerate(simulator.sample_images(5).data):
        path = tmp_path / "series" / f"c{k}.tif"
        path.parent.mkdir(exist_ok=True)
        write_series(path, frames, pixel_size_um=0.7598, frame_interval_s=0.265)
    (tmp_path / "series" / "c2.tif").write_bytes(b"no image")
    return tmp_path / "series"


def estimated(folder, name, *options):
    from click.testing import CliRunner

    from skfrap.cli import cli

    out = folder.parent / f"{name}.csv"
    given = "--bleach-region", "circle:4", "--n-prebleach", "5", "--n-bleach", "4", "--padding", "8"
    result = CliRunner().invoke(cli, ["estimate", str(folder), "--out", str(out), *given, *options])
    assert result.exit_code == 1  # one is no image
    return result.stdout, result.stderr, out.read_bytes()


@pytest.mark.slow
def test_what_is_written_does_not_depend_on_jobs(folder):
    one = estimated(folder, "one")
    assert one == estimated(folder, "two", "--jobs", "2")
    assert b"c4.tif" in one[2]


def test_jobs_are_not_for_a_scheduler_elsewhere(folder):
    from click.testing import CliRunner

    from skfrap.cli import cli

    pytest.importorskip("distributed")
    given = "--scheduler", "tcp://127.0.0.1:1", "--jobs", "2"
    result = CliRunner().invoke(cli, ["estimate", str(folder), *given])
    assert result.exit_code == 2
    assert "the scheduler knows its own workers" in result.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_nothing_is_lost_and_nothing_twice_where_a_worker_is_killed(folder):
    """Two worker processes of Dask, one of which is killed in the middle of its work."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(dashboard_address=None, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        address = cluster.scheduler_address
        with workers(None, address) as outcomes:
            sources = [SLOW.format(0.1, k) for k in range(24)]
            coming, found = outcomes(eval, iter(sources)), []
            for source, outcome in coming:
                found.append((source, outcome))
                if len(found) == 4:
                    pid = next(iter(client.run(os.getpid).values()))
                    os.kill(pid, signal.SIGKILL)
            assert found == [(source, k) for k, source in enumerate(sources)]
        assert estimated(folder, "one") == estimated(folder, "dask", "--scheduler", address)
