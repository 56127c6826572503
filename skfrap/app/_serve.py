"""The server of the page: on this machine alone, at a port of its own."""

import secrets
import socket
import sys
import threading
import webbrowser
from typing import Any

from skfrap.app._routes import make_app
from skfrap.app._uploads import MOST_BYTES


def serve(
    files: Any = (), *, port: int = 0, open_browser: bool = True, most_bytes: int = MOST_BYTES
) -> None:
    """Show the page in the browser until the program is ended, as by Ctrl-C.

    Parameters
    ----------
    files : sequence of path, default=()
        Series to open at once.
    port : int, default=0
        Of 127.0.0.1; 0 takes one that is free.
    open_browser : bool, default=True
        Whether to open the page; its address is printed in any case.
    most_bytes : int, default=8 GiB
        What may be uploaded in all.

    Raises
    ------
    OSError
        If the port is taken.
    """
    import uvicorn

    token = secrets.token_urlsafe(24)
    # The pieces of work are processes of this one, and it is they that may take long.
    # asyncio sends short answers at once only where it knows that the protocol is TCP.
    kind = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    with socket.socket(*kind) as listening:
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(128)  # whoever comes before the server is ready waits
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/{token}/"
        app = make_app(files, token, most_bytes)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            http="h11",
            lifespan="on",
            limit_concurrency=200,
            timeout_graceful_shutdown=2,
        )
        print(f"skfrap is at {address}\nEnd it with Ctrl-C.", flush=True)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server = uvicorn.Server(config)
        end = server.handle_exit

        def handle_exit(number, frame):
            session = app.session()
            if session is not None:
                session.leave()
            end(number, frame)

        server.handle_exit = handle_exit  # type: ignore[method-assign]
        server.run(sockets=[listening])
