"""The page in the browser."""

from pathlib import Path

import click

from skfrap.cli._output import clear_errors


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of 127.0.0.1.  [default: a free one]"
)
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@click.option(
    "--max-upload",
    type=click.FloatRange(0, min_open=True),
    default=8.0,
    show_default=True,
    help="What all files dropped on the page may take on the disk, GiB.",
)
def app(files, port, no_browser, max_upload):
    """Open a page in the browser, in which a file becomes a D.

    FILES are opened at once; others are dropped on the page. It runs on this computer alone, until
    it is ended by Ctrl-C; what was dropped is removed then.
    """
    try:
        import uvicorn  # noqa: F401

        from skfrap.app import serve
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        words = f"the page needs {package}: pip install 'skfrap[app]'"
        raise click.ClickException(words) from error
    with clear_errors():
        most = int(max_upload * 2**30)
        serve(files, port=port, open_browser=not no_browser, most_bytes=most)
