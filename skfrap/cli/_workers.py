"""Many series at once, in processes of this machine or of others; outcomes come in order.

A process that dies, of memory or of a defect in a library, takes one series with it: that one's
outcome says so, another process takes its place, and all others are analysed as if nothing had
been.
"""

import multiprocessing
import signal
import tempfile
from collections import deque
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait

import click

from skfrap.cli._work import Outcome

_AHEAD = 8  # series for each process that may be done before one that is not
_LAST_WORD = 5.0  # seconds for a process to end by itself


@contextmanager
def workers(jobs, scheduler):
    """Give a function of work and series that yields each with its outcome, in order.

    Processes begin to import what they need at once, while this one does the same. They share the
    models that they build, if they are on one machine.

    Parameters
    ----------
    jobs : int or None
        Processes; None is one, or all cores with a local scheduler.
    scheduler : str or None
        Address of a scheduler of Dask, or ``"local"`` for one of this machine.

    Yields
    ------
    callable
        ``outcomes(work, sources)``, where ``work(source)`` is an outcome; work and what it returns
        go from process to process.
    """
    if scheduler is None and (jobs is None or jobs == 1):
        yield lambda work, sources: ((source, work(source)) for source in sources)
        return
    with tempfile.TemporaryDirectory(prefix="skfrap-", ignore_cleanup_errors=True) as folder:
        if scheduler is not None:
            with _cluster(jobs, scheduler) as client:
                # Each worker begins to import while this process does.
                begun = [
                    client.submit(_begun, workers=[one], pure=False) for one in client.ncores()
                ]
                yield lambda work, sources: _by_scheduler(client, folder, work, sources)
                del begun
            return
        pool = Processes(jobs, folder)
        try:
            yield pool.outcomes
        finally:
            pool.close()


class Processes:
    """Processes that each analyse one series at a time, and may die of it.

    Parameters
    ----------
    n : int
        How many.
    folder : path-like, default=None
        Where they share the models that they build.
    """

    def __init__(self, n, folder=None):
        self._n, self._folder, self._members = n, folder, []
        methods = multiprocessing.get_all_start_methods()
        # A fork of this process would take its threads' locks along; one of a server that has
        # imported everything once, and done nothing, starts in no time.
        method = "forkserver" if "forkserver" in methods else "spawn"
        self._context = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload(["skfrap.cli._preload"])
            from multiprocessing.forkserver import ensure_running

            ensure_running()  # it imports while this process does something else

    def outcomes(self, work, sources):
        """Yield each series with its outcome, in order."""
        sources, done, waiting = iter(sources), {}, deque()
        next_number, exhausted = 0, False
        while True:
            while not exhausted and len(waiting) < _AHEAD * self._n:
                member = self._idle(work)
                if member is None:
                    break
                try:
                    source = next(sources)
                except StopIteration:
                    exhausted = True
                    break
                member.begin(next_number, source)
                waiting.append((next_number, source))
                next_number += 1
            while waiting and waiting[0][0] in done:
                number, source = waiting.popleft()
                yield source, done.pop(number)
            if exhausted and not waiting:
                return
            if not (waiting and waiting[0][0] in done):
                done |= self._finished()

    def _idle(self, work):
        for member in self._members:
            if member.number is None:
                return member
        if len(self._members) < self._n:
            self._members.append(_Member(self._context, work, self._folder))
            return self._members[-1]
        return None

    def _finished(self):
        """Wait for some outcomes; who has died is gone, and its series has an error."""
        busy = {member.connection: member for member in self._members if member.number is not None}
        done = {}
        for connection in wait([*busy]):
            member = busy[connection]
            number, outcome = member.end()
            done[number] = outcome
            if not member.process.is_alive():
                self._members.remove(member)
        return done

    def close(self):
        """End all processes, those too that are at work."""
        for member in self._members:
            member.stop()
        self._members = []


class _Member:
    """One process, and what it has in hand."""

    def __init__(self, context, work, folder):
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, work, folder), daemon=True)
        self.process.start()
        other.close()
        self.number = None

    def begin(self, number, source):
        self.number = number
        with suppress(OSError):  # it is dead, which `end` will find
            self.connection.send(source)

    def end(self):
        number, self.number = self.number, None
        try:
            return number, self.connection.recv()
        except (EOFError, OSError):
            self.process.join(_LAST_WORD)
            return number, Outcome(error=_last_words(self.process.exitcode))

    def stop(self):
        self.connection.close()
        if self.number is not None:
            self.process.terminate()
        self.process.join(_LAST_WORD)
        if self.process.is_alive():
            self.process.kill()


def _last_words(code):
    """Say how a process has ended."""
    if code is not None and code < 0:
        try:
            how = signal.Signals(-code).name
        except ValueError:
            how = f"signal {-code}"
        memory = "; was there enough memory?" if how == "SIGKILL" else ""
        return f"the process that analysed it was ended by {how}{memory}"
    return f"the process that analysed it ended with code {code}"


def _serve(connection, work, folder):
    """Analyse what is asked for until nobody asks any more."""
    # Who sits at the terminal interrupts the run as a whole, which ends this process in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from skfrap.cli._preload import begin

    begin(folder)
    while True:
        try:
            source = connection.recv()
            outcome = work(source)
            connection.send(outcome)
        except (EOFError, OSError):
            return


# Dask


@contextmanager
def _cluster(jobs, scheduler):
    """Connect to a scheduler of Dask, or start one here."""
    try:
        import distributed
    except ImportError as error:
        raise click.ClickException(
            "--scheduler needs dask.distributed: pip install 'skfrap[distributed]'"
        ) from error
    if scheduler == "local":
        options = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
        cluster = distributed.LocalCluster(processes=True, **options)
        with cluster, distributed.Client(cluster) as client:
            yield client
        return
    if jobs is not None:
        raise click.UsageError("--jobs is for this machine; the scheduler knows its own workers.")
    try:
        client = distributed.Client(scheduler)
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"no scheduler of Dask answers at {scheduler}: {error}"
        ) from error
    with client:
        yield client


def _by_scheduler(client, folder, work, sources):
    """Yield each series with its outcome, in order, a few for each worker ahead."""
    from concurrent.futures import CancelledError

    sources, coming = iter(sources), deque()
    while True:
        ahead = _AHEAD * max(1, len(client.ncores()))
        while len(coming) < ahead:
            try:
                source = next(sources)
            except StopIteration:
                break
            coming.append((source, client.submit(_of_worker, folder, work, source, pure=False)))
        if not coming:
            return
        source, future = coming.popleft()
        try:
            outcome = future.result()
        except CancelledError as error:
            raise click.ClickException(
                "the scheduler is gone; what was found before is kept, go on with --resume"
            ) from error
        except Exception as error:  # a worker that dies again and again, of this series
            outcome = Outcome(error=f"{type(error).__name__}: {error}")
        future.release()
        yield source, outcome


def _begun():
    """Import what a worker needs; it takes its first series the sooner."""
    from skfrap.cli import _preload

    return bool(_preload)


def _of_worker(folder, work, source):
    """Analyse a series on a worker of Dask, one at a time: warnings are of the whole process."""
    from skfrap.cli._preload import ALONE, begin

    with ALONE:
        begin(folder)
        return work(source)
