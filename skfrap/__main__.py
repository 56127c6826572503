"""Run the command line: ``skfrap`` or ``python -m skfrap``."""

import sys


def main():
    """Start the command line, or say what it needs."""
    try:
        from skfrap.cli import cli
    except ImportError as error:
        sys.exit(f"The skfrap command line needs {error.name}: pip install 'skfrap[all]'")
    cli()


if __name__ == "__main__":
    main()
