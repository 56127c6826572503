"""A process of its own for what may take long, or crash: the page lives on."""

import asyncio
import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from typing import Any

import anyio.to_thread

from skfrap.app._errors import AppError

_PATIENCE = 1800.0  # s that one analysis may take

STOPPED = 499
"""Status of what was ended on purpose."""

_SUPERSEDE = getattr(signal, "SIGUSR1", None)  # None on Windows, where it is waited for


class Worker:
    """Call functions of :mod:`skfrap.app._work` in another process, one at a time.

    It starts with the first call, and anew after one that it did not survive.

    Parameters
    ----------
    name : str
        For people who list processes.
    patience : float, default=1800
        Time that a call may take, s.
    """

    def __init__(self, name: str, patience: float = _PATIENCE):
        self._name, self._patience = name, patience
        self._process: Any = None
        self._pipe: Any = None
        self._turn: Any = None
        self._starting = threading.Lock()
        self._doing, self._listens, self._told = "", False, threading.Lock()
        self._stopped = False

    async def call(self, task: str, **arguments: Any) -> Any:
        """Have something done.

        Parameters
        ----------
        task : str
            Name of a function in :mod:`skfrap.app._work`.
        **arguments
            Of that.

        Returns
        -------
        object
            What it returns.

        Raises
        ------
        AppError
            In words, whatever went wrong.
        """
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            return await anyio.to_thread.run_sync(self._call, task, arguments)

    def stop(self) -> None:
        """End what is being done, and the process."""
        self._stopped = True
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def supersede(self, *tasks: str) -> None:
        """Give up what is being done, where it is one of these; the process stays.

        Parameters
        ----------
        *tasks : str
            Names of functions.
        """
        with self._told:
            process = self._process
            # One that is still starting would not outlive it.
            if self._doing in tasks and self._listens and process is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, _SUPERSEDE)  # type: ignore[arg-type]

    def start(self) -> None:
        """Start the process, if it is not there."""
        with self._starting:
            if self._process is not None and self._process.is_alive():
                return
            self._listens = False
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            process = context.Process(target=_run, args=(theirs,), name=self._name, daemon=True)
            process.start()
            theirs.close()
            self._process = process

    def _call(self, task, arguments):
        self._stopped = False
        self.start()
        pipe = self._pipe
        try:
            pipe.send((task, arguments))
            with self._told:
                self._doing = task
            if not pipe.poll(self._patience):
                self.stop()
                minutes = f"{self._patience / 60:.3g} min"
                raise AppError(f"it took more than {minutes} and was ended", 504)
            what, value = pipe.recv()
            self._listens = _SUPERSEDE is not None
        except (EOFError, OSError):
            if self._stopped:
                raise AppError("stopped", STOPPED) from None
            process, self._process = self._process, None
            if process is not None:
                process.join(5)
            ended = "" if process is None else f" (exit {process.exitcode})"
            words = f"the analysis ended unexpectedly{ended}; the page goes on, try it again"
            raise AppError(words, 500) from None
        finally:
            with self._told:  # nobody is told of what has ended
                self._doing = ""
        if what == "done":
            return value
        raise AppError(*value)


class _SupersededError(BaseException):
    """Say that what is being done is not wanted any more; nothing takes it for a failure."""


def _run(pipe):
    """Do what is asked, until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started the page ends it
    working = False

    def give_up(number, frame):
        if working:
            raise _SupersededError

    if _SUPERSEDE is not None:
        signal.signal(_SUPERSEDE, give_up)
    from skfrap.app import _work

    while True:
        try:
            task, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            try:
                working = True
                answer = "done", _work.TASKS[task](**arguments)
            except Exception as error:
                answer = "failed", _work.in_words(error)
            finally:
                working = False
        except _SupersededError:
            working = False
            answer = "failed", ("superseded", STOPPED, ())
        try:
            pipe.send(answer)
        except OSError:
            return
