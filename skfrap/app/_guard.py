"""Who may ask: only the page itself, on this machine, with the token in its address."""

import hmac
import json
import logging
from typing import Any

from skfrap.app._errors import AppError, unexpected

_LOG = logging.getLogger("skfrap.app")
_NAMES = ("127.0.0.1", "localhost")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Let only requests of the page through, and answer all that goes wrong in words.

    The machine's other pages, in the same browser, can send requests here; they know neither the
    token, nor can they give this page's origin. A name that resolves to 127.0.0.1 is no host of
    ours.

    Parameters
    ----------
    app : ASGI application
        What is guarded; it sees paths without the token.
    token : str
        First part of all paths.

    Attributes
    ----------
    session : callable
        Returns the session, while there is one.
    """

    session: Any

    def __init__(self, app: Any, token: str):
        self._app, self._token = app, token.encode()
        self.session = lambda: None

    async def __call__(self, scope, receive, send):
        """Answer one request.

        Parameters
        ----------
        scope, receive, send
            Of ASGI.
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        started = False

        async def send_safely(message):
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.encode(), value.encode())
                        for name, value in _HEADERS.items()
                        if name.encode() not in given
                    ),
                ]
            await send(message)

        try:
            await self._app(self._checked(scope), receive, send_safely)
        except AppError as error:
            if not started:
                await _answer(send_safely, error)
        except Exception as error:  # said in a line; the page lives on
            _LOG.warning("%s in %s", type(error).__name__, scope["path"].rpartition("/")[2])
            if not started:
                await _answer(send_safely, unexpected(error))

    def _checked(self, scope):
        headers = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        port = scope["server"][1] if scope.get("server") else None
        hosts = {f"{name}:{port}".encode() for name in _NAMES}
        if port == 80:
            hosts |= {name.encode() for name in _NAMES}
        given = headers.get(b"host", [])
        if len(given) != 1 or given[0].lower() not in hosts:
            raise AppError("this page is at 127.0.0.1, under no other name", 421)
        origins = {b"http://" + host for host in hosts}
        asked = headers.get(b"origin", [])
        changes = scope["method"] not in ("GET", "HEAD")
        if len(asked) > 1 or any(one.lower() not in origins for one in asked):
            raise AppError("another page may not ask this one", 403)
        if changes and not asked:
            raise AppError("a change must come from the page, which names its origin", 403)
        if any(one in (b"cross-site", b"same-site") for one in headers.get(b"sec-fetch-site", [])):
            raise AppError("another page may not ask this one", 403)
        _, _, rest = scope["path"].partition("/")
        token, slash, path = rest.partition("/")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token):
            raise AppError("the address lacks its token: take the one that skfrap app printed", 403)
        if not slash:
            raise AppError("the address ends with a slash", 404)
        return {**scope, "path": "/" + path, "raw_path": b"/" + path.encode("utf-8", "replace")}


async def _answer(send, error):
    body = json.dumps(error.to_dict()).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    start = {"type": "http.response.start", "status": error.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
