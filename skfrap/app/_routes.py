"""The addresses of the page, and what each of them answers."""

import json
import mimetypes
import secrets
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from skfrap import __version__
from skfrap.app._errors import AppError, unexpected
from skfrap.app._fields import described
from skfrap.app._guard import Guard
from skfrap.app._outputs import save_rois, take_rois, write_report
from skfrap.app._session import Session
from skfrap.app._uploads import MOST_BYTES

_STATIC = Path(__file__).parent / "static"
_PAGES = {one.name: one for one in sorted(_STATIC.iterdir())} if _STATIC.is_dir() else {}
_REPORT_POLICY = (
    "sandbox allow-scripts allow-modals allow-downloads; default-src 'none'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
)
_MOST_JSON = 2**20
_MOST_ROIS = 2**24
_MOST_FRAME_BYTES = 2**25


def make_app(
    files: Any = (),
    token: str | None = None,
    most_bytes: int = MOST_BYTES,
    warm: bool = True,
) -> Guard:
    """Make the page as an ASGI application, with one session.

    Parameters
    ----------
    files : sequence of path, default=()
        Series of this machine to open at once.
    token : str, default=None
        That all addresses begin with; None draws one.
    most_bytes : int, default=8 GiB
        What may be uploaded in all.
    warm : bool, default=True
        Whether to start processes before they are needed.

    Returns
    -------
    Guard
        An ASGI application; its page is at ``/TOKEN/``.
    """
    session: list[Session] = []

    @asynccontextmanager
    async def lifespan(app):
        session.append(Session(files, most_bytes))
        await session[0].begin(warm)
        try:
            yield
        finally:
            session.pop().end()

    def having(answer, *methods):
        async def endpoint(request):
            return await answer(request, session[0])

        return Route(_ADDRESSES[answer], endpoint, methods=[*(methods or ("GET",))])

    changing = (
        _group, _upload, _add, _demo, _open, _join, _remove, _settings, _settings_file, _follow,
        _compare, _residuals, _rois, _report, _batch, _stop, _spot,
    )  # fmt: skip
    reading = (
        _page, _static, _state, _fields, _frames, _saved_settings, _table, _written_report,
        _saved_rois,
    )  # fmt: skip
    routes = [having(one) for one in reading] + [having(one, "POST") for one in changing]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={AppError: _in_words, HTTPException: _in_words, Exception: _in_words},
    )
    app.router.redirect_slashes = False
    guard = Guard(app, token or secrets.token_urlsafe(24))
    guard.session = lambda: session[0] if session else None
    return guard


async def _in_words(request, error):
    if isinstance(error, HTTPException):
        words = {404: "there is nothing at this address", 405: "that is not done this way"}
        error = AppError(words.get(error.status_code, error.detail), error.status_code)
    if not isinstance(error, AppError):  # which is raised on, for the log
        error = unexpected(error)
    return _json(error.to_dict(), error.status)


def _json(value, status=200):
    body = json.dumps(value, allow_nan=False, default=_plain)
    return Response(body, status, media_type="application/json")


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


async def _body(request, most=_MOST_JSON):
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise AppError("that is more than is taken here", 413)
        chunks.append(chunk)
    return b"".join(chunks)


async def _asked(request):
    """Return the JSON object that a request brings."""
    body = await _body(request)
    try:
        asked = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise AppError("the request is no JSON that is understood") from None
    if not isinstance(asked, dict):
        raise AppError("the request must be a JSON object")
    return asked


def _whole(text, name, lowest=0, highest=10**9):
    """Read a whole number that stands in an address."""
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10):
        raise AppError(f"{name} must be a whole number")
    if not lowest <= int(text) <= highest:
        raise AppError(f"{name} must be from {lowest} to {highest}")
    return int(text)


async def _page(request, session):
    return _file("index.html")


async def _static(request, session):
    return _file(request.path_params["name"])


def _file(name):
    if name not in _PAGES:
        raise AppError("there is nothing at this address", 404)
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
    return Response(_PAGES[name].read_bytes(), media_type=kind)


async def _state(request, session):
    since = request.query_params.get("since")
    if since is None:
        return _json(session.state())
    return _json(await session.news(_whole(since, "since")))


async def _fields(request, session):
    return _json({"fields": described(await session.settings()), "version": __version__})


async def _group(request, session):
    return _json({"group": session.uploads.new_group()})


async def _upload(request, session):
    asked, announced = request.query_params, request.headers.get("content-length")
    size = None if announced is None else _whole(announced[:9] or "x", "length")
    if announced is not None and len(announced) > 9:
        size = int(announced) if announced.isascii() and announced.isdigit() else 2**62
    await session.uploads.store(
        asked.get("group", ""), asked.get("name", ""), request.stream(), size
    )
    return _json({})


async def _add(request, session):
    asked = await _asked(request)
    await session.add_group(str(asked.get("group")))
    return _json(session.state())


async def _demo(request, session):
    await session.add_demo()
    return _json(session.state())


async def _open(request, session):
    asked = await _asked(request)
    channel = asked.get("channel")
    if channel is not None:
        channel = _whole(str(channel), "channel", 0, 1000)
    await session.open(session.entry(asked.get("key")).key, channel)
    return _json(session.state())


async def _join(request, session):
    await session.join()
    return _json(session.state())


async def _remove(request, session):
    session.remove((await _asked(request)).get("key"))
    return _json(session.state())


async def _settings(request, session):
    session.change(await _asked(request))
    return _json(session.state())


async def _settings_file(request, session):
    stored = await _asked(request)
    session.replace_settings(stored.get("settings"))
    return _json(session.state())


async def _saved_settings(request, session):
    stored = {"skfrap": __version__, "settings": session.given, "channel": session.channel}
    return _download(json.dumps(stored, indent=2), "skfrap-settings.json", "application/json")


async def _follow(request, session):
    asked = await _asked(request)
    return _json(await session.follow(asked.get("region"), asked.get("fit") is True))


async def _spot(request, session):
    session.look_at(_whole(str((await _asked(request)).get("spot")), "spot", 0, 1000))
    return _json(session.state())


async def _compare(request, session):
    return _json(await session.compare((await _asked(request)).get("models")))


async def _residuals(request, session):
    found = await session.residual_images()
    pixels = found.pop("pixels")
    headers = {"x-frames": json.dumps(found)}
    return Response(pixels, media_type="application/octet-stream", headers=headers)


async def _rois(request, session):
    content = await _body(request, _MOST_ROIS)
    await take_rois(session, content, request.query_params.get("target"))
    return _json(session.state())


async def _saved_rois(request, session):
    return _download(await save_rois(session), "skfrap-regions.zip", "application/zip")


async def _report(request, session):
    return _json({"name": await write_report(session, (await _asked(request)).get("of"))})


async def _written_report(request, session):
    of = request.path_params["of"]
    path = session.uploads.folder / f"report-{of}.html"
    if of not in ("current", "all") or not path.is_file():
        raise AppError("there is no report yet", 404)
    # It has scripts and styles of its own, and may do nothing here.
    headers = {"content-security-policy": _REPORT_POLICY}
    if "save" in request.query_params:
        headers["content-disposition"] = 'attachment; filename="skfrap-report.html"'
    return Response(path.read_bytes(), media_type="text/html", headers=headers)


async def _batch(request, session):
    session.batch.start()
    return _json(session.state())


async def _stop(request, session):
    session.batch.stop()
    return _json(session.state())


async def _table(request, session):
    return _download(await session.batch.table(), "skfrap-results.csv", "text/csv")


def _download(body, name, kind):
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=kind, headers=headers)


async def _frames(request, session):
    """Send frames as they are: pixels of 8 or 16 bits, or floats."""
    asked = request.query_params
    frames = np.load(session.frames_path, mmap_mode="r", allow_pickle=False)
    first = _whole(asked.get("first"), "first", 0, len(frames) - 1)
    count = _whole(asked.get("count", "1"), "count", 1, len(frames) - first)
    kind = np.dtype(session.opened["kind"])
    count = min(count, max(1, _MOST_FRAME_BYTES // (frames[0].size * kind.itemsize)))
    block = np.ascontiguousarray(frames[first : first + count], dtype=kind)
    return Response(block.tobytes(), media_type="application/octet-stream")


_ADDRESSES = {
    _page: "/",
    _static: "/static/{name}",
    _state: "/state",
    _fields: "/fields",
    _frames: "/frames",
    _group: "/group",
    _upload: "/upload",
    _add: "/add",
    _demo: "/demo",
    _open: "/open",
    _join: "/join",
    _remove: "/remove",
    _settings: "/settings",
    _settings_file: "/settings-file",
    _saved_settings: "/settings.json",
    _follow: "/follow",
    _spot: "/spot",
    _compare: "/compare",
    _residuals: "/residuals",
    _rois: "/rois",
    _saved_rois: "/regions.zip",
    _report: "/report",
    _written_report: "/report-{of}.html",
    _batch: "/batch",
    _stop: "/stop",
    _table: "/results.csv",
}
