"""Run the command line: ``skfrap`` or ``python -m skfrap``."""

import os
import sys


def main():
    """Start the command line, or say what it needs."""
    _open_what_is_closed()
    try:
        from skfrap.cli import cli
    except ImportError as error:
        sys.exit(f"The skfrap command line needs {error.name}: pip install 'skfrap[all]'")
    cli()


def _open_what_is_closed():
    """Open standard streams that are closed on nothing, so that no other file takes their place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            stream = open(number, "r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, stream)


if __name__ == "__main__":
    main()
