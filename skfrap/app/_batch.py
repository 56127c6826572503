"""All series of the list, one after the other, with the same settings."""

import asyncio
from dataclasses import dataclass
from typing import Any

from skfrap.app._errors import AppError
from skfrap.app._worker import STOPPED, Worker


@dataclass
class Entry:
    """Hold one series of the list.

    Parameters
    ----------
    key : str
        Its name in the page.
    name : str
        For people.
    source : str or list of str
        What to read.
    files : tuple of str
        Names of the files, for people.
    group : str, default=""
        Of the upload it is from; empty for files of this machine.
    series : int, default=None
        Which series of the file, of several.
    join : bool, default=False
        Whether the files are parts of one experiment.
    state : {"", "running", "done", "failed"}, default=""
        In the batch.
    row : dict, default=None
        What the batch found.
    error : str, default=""
        Why it found nothing.
    asked : str, default=""
        Settings that the row is of.
    """

    key: str
    name: str
    source: str | list[str]
    files: tuple[str, ...]
    group: str = ""
    series: int | None = None
    join: bool = False
    state: str = ""
    row: dict | None = None
    error: str = ""
    asked: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the page.

        Returns
        -------
        dict
        """
        shown: dict[str, Any] = {
            "key": self.key,
            "name": self.name,
            "state": self.state,
            "error": self.error,
        }
        if self.row is not None:
            shown |= {"words": self.row["words"], "usable": self.row["usable"]}
            found = [one["words"] for row in self.row["records"] for one in row["findings"]]
            shown["findings"] = [*dict.fromkeys(found)]
        return shown


class Batch:
    """Analyse all series of a session; stop, and go on.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    state : {"", "running", "stopped", "done"}
    """

    def __init__(self, session: Any):
        self._session = session
        self.state = ""
        self.crew = Worker("skfrap-batch")
        self._task: Any = None

    def start(self) -> None:
        """Analyse all series of the list that are not done with these settings."""
        if self.state == "running":
            return
        if not self._session.entries:
            raise AppError("there is no series to analyse", 409)
        asked = f"{self._session.given!r} {self._session.channel}"
        for one in self._session.entries.values():
            if one.asked != asked or one.state != "done":
                one.state, one.row, one.error, one.asked = "", None, "", asked
        self.state = "running"
        self._task = self._session.spawn(self._run(self._task))
        self._session.changed()

    async def _run(self, earlier):
        given, channel = self._session.told(), self._session.channel
        mine = asyncio.current_task()
        if earlier is not None:  # which was stopped, and is at its end
            await earlier
        try:
            for one in [*self._session.entries.values()]:
                if one.state == "done":
                    continue
                if self.state != "running" or self._task is not mine:
                    break
                one.state = "running"
                self._session.changed()
                try:
                    one.row = await self.crew.call(
                        "analyse_file",
                        source=one.source,
                        series=one.series,
                        join=one.join,
                        channel=channel,
                        given=given,
                        name=one.name,
                        part=self._part_of(one),
                        n_series=len(self._session.entries),
                    )
                    one.state = "done"
                    self._note_copies()
                except AppError as error:
                    stopped = error.status == STOPPED
                    one.state, one.error = ("", "") if stopped else ("failed", error.words)
                    if stopped:
                        break
                self._session.changed()
        finally:
            if self.state == "running" and self._task is mine:
                self.state = "done"
            self._session.changed()

    def _note_copies(self):
        """Say of series that are in the list twice that they are, as `skfrap estimate` does."""
        from skfrap.results._twins import note_copies

        done = [one for one in self._session.entries.values() if one.row]
        note_copies(record for one in done for record in one.row["records"])

    def stop(self) -> None:
        """End the batch; what is done stays, and the rest can go on later."""
        if self.state == "running":
            self.state = "stopped"
            for one in self._session.entries.values():
                one.state = "" if one.state == "running" else one.state
            self.crew.stop()
            self._session.changed()

    async def table(self) -> str:
        """Return the table of the batch, or of the series that is open.

        Returns
        -------
        str
            CSV.
        """
        records = [record for one in self._shown() for record in self._records_of(one)]
        return await self.crew.call("table_of", records=records)

    async def report(self, path: str) -> None:
        """Write the report of the batch.

        Parameters
        ----------
        path : str
        """
        found = [
            (self._records_of(one), self._part_of(one) if one.row else None)
            for one in self._shown()
        ]
        await self.crew.call(
            "report_of_all",
            found=found,
            given=self._session.told(),
            command=self._session.command(),
            path=path,
        )

    def _shown(self):
        shown = [one for one in self._session.entries.values() if one.row or one.error]
        if not shown:
            raise AppError("there are no results yet: analyse all series first", 409)
        return shown

    def _records_of(self, entry):
        return entry.row["records"] if entry.row else [{"file": entry.name, "error": entry.error}]

    def _part_of(self, entry):
        return str(self._session.uploads.folder / f"{entry.key}.part")
