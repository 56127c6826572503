"""All that one page knows: files, settings, results. It stays when the page is loaded anew."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from skfrap._text import visible
from skfrap.app._batch import Batch, Entry
from skfrap.app._command import commands_of
from skfrap.app._errors import AppError
from skfrap.app._fields import BY_NAME, check_given, check_region, named
from skfrap.app._fitting import STAGES, fit, spots_in
from skfrap.app._uploads import MOST_BYTES, Uploads
from skfrap.app._worker import Worker

_MOST_MODELS = 12
_MODEL = re.compile(r"[a-z_]{1,40}(\+[A-Za-z_]{1,40}){0,4}")
_WAIT = 20.0  # s that a page waits for news


class Session:
    """Keep the state of the page, and have processes do its work.

    Parameters
    ----------
    files : sequence of Path, default=()
        Of this machine, to open at once.
    most_bytes : int, default=MOST_BYTES
        Of uploads.
    """

    def __init__(self, files: Any = (), most_bytes: int = MOST_BYTES):
        self.uploads = Uploads(most_bytes)
        self.live, self.full = Worker("skfrap-live"), Worker("skfrap-full")
        self.entries: dict[str, Entry] = {}
        self.current: str | None = None
        self.channel: int | None = None
        self.given: dict[str, Any] = {}
        self.opened: dict[str, Any] | None = None
        self.quick: dict[str, Any] | None = None
        self.results: list[dict[str, Any]] = []
        self.spot, self.stage = 0, 0
        self.error: dict[str, Any] | None = None
        self.busy = ""
        self.batch = Batch(self)
        self.version = 0
        self.known: Any = None
        self._n_entries, self._n_opened, self._wanted, self._kept = 0, 0, 0, ""
        self._tasks: set[asyncio.Task] = set()
        self._fitting: asyncio.Task | None = None
        self.analysed: tuple[str, dict] | None = None  # of which series and settings results are
        self._news = asyncio.Event()
        self._ready = asyncio.Event()
        self.leaving = False
        self._files = [Path(one).absolute() for one in files]

    # What the page sees.

    def state(self) -> dict[str, Any]:
        """Return all that the page shows.

        Returns
        -------
        dict
        """
        return {
            "version": self.version,
            "entries": [one.to_dict() for one in self.entries.values()],
            "current": self.current,
            "channel": self.channel,
            "given": named(self.given),
            "opened": self.opened,
            "frames": f"{self._n_opened}",
            "quick": self.quick,
            "result": self.result,
            "spot": self.spot,
            "spots": spots_in(self.results),
            "error": self.error,
            "busy": self.busy,
            "stage": self.stage,
            "batch": self.batch.state,
            "command": self.command(),
        }

    @property
    def result(self) -> dict[str, Any] | None:
        """What the analysis has found; of several spots, that which is looked at."""
        return self.results[self.spot] if self.results else None

    def look_at(self, spot: int) -> None:
        """Look at another of several spots.

        Parameters
        ----------
        spot : int
            Which, from 0.
        """
        if not spot < len(self.results):
            raise AppError("there is no such spot", 404)
        self.spot = spot
        self.changed()

    def command(self, entries: Any = None) -> str:
        """Return the command line that repeats it all.

        Parameters
        ----------
        entries : sequence of Entry, default=None
            What it is of; None is all.

        Returns
        -------
        str
        """
        some = self.entries.values() if entries is None else entries
        return commands_of(some, self.given, self.channel)

    def changed(self) -> None:
        """Let those who wait for news have them."""
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, since: int) -> dict[str, Any]:
        """Return the state once it is another than that which is known, or after a while.

        Parameters
        ----------
        since : int
            Version that is known.

        Returns
        -------
        dict
        """
        if since == self.version and not self.leaving:
            with suppress(TimeoutError):
                async with asyncio.timeout(_WAIT):
                    await self._news.wait()
        return self.state()

    # Life.

    async def begin(self, warm: bool = True) -> None:
        """Get ready, and open what was asked for.

        Parameters
        ----------
        warm : bool, default=True
            Whether to start processes before they are needed.
        """
        if warm:
            self.spawn(self._warm())
        else:
            self._ready.set()

    async def _warm(self):
        keys = []
        for path in self._files:
            keys += self._take(await self.live.call("list_series", folder=str(path)))
        if keys:
            await self.open(keys[0])
        # One after the other: the first is what a file needs first.
        self.known = await self.live.call("warm")
        self._ready.set()
        await self.full.call("warm")

    def leave(self) -> None:
        """Let nobody wait any more, for news or for work: the end is near."""
        self.leaving = True
        self._news.set()
        for worker in (self.live, self.full, self.batch.crew):
            worker.stop()

    async def settings(self) -> Any:
        """Return the names of settings that there are, once they are known.

        Returns
        -------
        list of str or None
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_WAIT):
                await self._ready.wait()
        return self.known

    def end(self) -> None:
        """End all processes, and remove what was uploaded."""
        for task in self._tasks:
            task.cancel()
        for worker in (self.live, self.full, self.batch.crew):
            worker.stop()
        self.uploads.close()

    def spawn(self, work: Any) -> asyncio.Task:
        """Do something beside; what goes wrong is told to the page.

        Parameters
        ----------
        work : coroutine

        Returns
        -------
        asyncio.Task
        """

        async def told():
            try:
                await work
            except AppError as error:
                self.error = error.to_dict()
                self.changed()

        task = asyncio.get_running_loop().create_task(told())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Files.

    def _add(self, name, source, files, **others):
        self._n_entries += 1
        key = f"s{self._n_entries}"
        self.entries[key] = Entry(key, name, source, files, **others)
        return key

    async def add_group(self, group: str) -> None:
        """Take up the series of an upload, and open the first.

        Parameters
        ----------
        group : str
        """
        folder = str(self.uploads.folder_of(group))
        try:
            found = await self.live.call("list_series", folder=folder)
        except AppError:
            self.uploads.remove(group)
            raise
        await self.open(self._take(found, group)[0])

    def _take(self, found, group=""):
        """Take series into the list, as they were found; a folder that was uploaded has no name."""
        keys = []
        for source, file, name, series in found:
            name = visible("series of images" if group and file == group else name)
            files = (visible(file),) if group else (source,)
            keys.append(self._add(name, source, files, group=group, series=series))
        return keys

    async def join(self) -> None:
        """Take all series of the list as parts of one experiment, once, and open it."""
        entries = [one for one in self.entries.values() if not one.join]
        if len(entries) < 2:
            raise AppError("there must be two parts or more to join", 409)
        sources = list(dict.fromkeys(one.source for one in entries if isinstance(one.source, str)))
        files = tuple(dict.fromkeys(file for one in entries for file in one.files))
        source = sources[0] if len(sources) == 1 else sources
        joined = [one for one in self.entries.values() if one.join and one.source == source]
        if joined:  # which was asked for before
            await self.open(joined[0].key)
            return
        name = f"{entries[0].name} … {entries[-1].name}, joined"
        for one in entries:
            self.uploads.hold(one.group)
        await self.open(self._add(name, source, files, join=True))

    async def add_demo(self) -> None:
        """Open the series whose truth is known."""
        group = self.uploads.new_group()
        path = self.uploads.folder_of(group) / "demo.tif"
        self.busy = "simulating"
        self.changed()
        try:
            await self.live.call("write_demo", path=str(path))
        finally:
            self.busy = ""
            self.changed()
        await self.open(self._add("demo.tif", str(path), ("demo.tif",), group=group))

    def remove(self, key: str) -> None:
        """Take a series off the list, and its files off the disk.

        Parameters
        ----------
        key : str
        """
        entry = self.entry(key)
        if self.batch.state == "running":
            raise AppError("stop the batch first", 409)
        del self.entries[key]
        if entry.group and entry.group not in {one.group for one in self.entries.values()}:
            self.uploads.remove(entry.group)
        if self.current == key:
            self._close()
        self.changed()

    def entry(self, key: Any) -> Entry:
        """Return one series of the list.

        Parameters
        ----------
        key : str

        Returns
        -------
        Entry
        """
        if not isinstance(key, str) or key not in self.entries:
            raise AppError("this series is not in the list any more", 404)
        return self.entries[key]

    def _close(self):
        self.current = self.opened = self.quick = self.error = None
        self.results, self.spot, self.stage = [], 0, 0
        if self._kept:
            for suffix in (".npy", ".pkl"):
                Path(self._kept + suffix).unlink(missing_ok=True)
        self._kept = ""
        self._wanted += 1

    async def open(self, key: str, channel: int | None = None) -> None:
        """Read a series, and analyse it.

        Parameters
        ----------
        key : str
        channel : int, default=None
            Which one to look at, of several.
        """
        entry = self.entry(key)
        self._close()
        self._n_opened += 1
        mine = self._n_opened
        keep = str(self.uploads.folder / f"open-{mine}")
        self.current, self.channel, self.busy = key, channel, "reading"
        self.changed()
        try:
            opened = await self.live.call(
                "open_series",
                source=entry.source,
                series=entry.series,
                join=entry.join,
                channel=channel,
                keep=keep,
            )
        except AppError as error:
            if mine == self._n_opened:
                self.error, self.busy = error.to_dict(), ""
                self.changed()
            return
        if mine != self._n_opened:
            for suffix in (".npy", ".pkl"):
                Path(keep + suffix).unlink(missing_ok=True)
            return
        self.opened, self._kept, self.busy = opened, keep, ""
        self.refresh()

    @property
    def frames_path(self) -> str:
        """Path of the frames of the series that is open."""
        kept = self.kept()
        if self.is_table:
            raise AppError("a table has no frames", 409)
        return f"{kept}.npy"

    @property
    def is_table(self) -> bool:
        """Whether a table is open, and no images."""
        return self.opened is not None and self.opened["table"]

    def kept(self) -> str:
        """Return where the series that is open is kept.

        Returns
        -------
        str

        Raises
        ------
        AppError
            If none is.
        """
        if not self._kept:
            raise AppError("open a series first", 409)
        return self._kept

    # Settings and results.

    def change(self, changes: Any) -> None:
        """Change settings, and fit anew.

        Parameters
        ----------
        changes : dict
            As of :func:`skfrap.app._fields.check_given`; None takes one back.
        """
        if not isinstance(changes, dict):
            raise AppError("settings must be a JSON object of names and values")
        self.given = check_given({**self.given, **changes})
        self.refresh()

    def told(self) -> dict[str, Any]:
        """Return the settings as analyses take them: files that were given by their paths.

        Returns
        -------
        dict
        """
        return {
            name: self.uploads.keep_text(**value) if BY_NAME[name].kind == "file" else value
            for name, value in self.given.items()
        }

    def replace_settings(self, given: Any) -> None:
        """Take other settings for all that there are.

        Parameters
        ----------
        given : dict
        """
        self.given = check_given(given)
        self.refresh()

    def refresh(self) -> None:
        """Fit anew what is open; the last that is asked for counts."""
        self._wanted += 1
        if self._kept:
            self.busy, self.stage = STAGES[0], 0
            self.full.supersede("analyse_soon", "analyse")
            if self._fitting is None or self._fitting.done():
                self._fitting = self.spawn(fit(self))
        self.changed()

    @property
    def wanted(self) -> tuple[int, str]:
        """What is to be fitted: another number, or another series, is another fit."""
        return self._wanted, self._kept

    async def follow(self, region: Any, fit: bool) -> dict[str, Any]:
        """Return the curve of a region while it is moved.

        Parameters
        ----------
        region : str
        fit : bool

        Returns
        -------
        dict
        """
        return await self.live.call(
            "follow", keep=self.kept(), given=self.told(), region=check_region(region), fit=fit
        )

    async def compare(self, models: Any) -> dict[str, Any]:
        """Fit several models side by side.

        Parameters
        ----------
        models : list of str

        Returns
        -------
        dict
        """
        if not isinstance(models, list) or not 2 <= len(models) <= _MOST_MODELS:
            raise AppError(f"choose from two to {_MOST_MODELS} models")
        if not all(isinstance(one, str) and _MODEL.fullmatch(one) for one in models):
            raise AppError("choose models by their names")
        models = list(dict.fromkeys(models))
        asked = {"models": models, "spot": self.spot}
        return await self.full.call("compare", keep=self.kept(), given=self.told(), **asked)

    async def residual_images(self) -> dict[str, Any]:
        """Return what the fit leaves of the images.

        Returns
        -------
        dict
        """
        return await self.live.call("residual_images", keep=self.kept(), given=self.told())
