"""Templates: all text that they take is escaped, and what cannot be shown is made visible."""

from functools import cache
from pathlib import Path

from skfrap._text import visible

KEY = "\x01"
"""Stands for the name of a series in what is rendered before its number is known. No text can hold
it: what is shown of a file has no control characters."""

STANDING, LATER = "\x02", "\x03"
"""Stand for how good a series is, and for findings beside other series, in what is rendered before
these are known."""

_HERE = Path(__file__).parent


@cache
def environment():
    """Return the environment of templates.

    Raises
    ------
    ImportError
        If jinja2 is not there; the message says how to get it.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ImportError("reports need jinja2: pip install 'skfrap[all]'") from error
    made = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    from skfrap.report._section import MARKS, STATES

    made.globals |= {"STATES": STATES, "MARKS": MARKS}
    return made


def _shown(value):
    """Make visible what a name of a file may hold; what is markup already is left."""
    if type(value) is str and value not in (KEY, STANDING, LATER):
        return visible(value, keep="\n")
    return value


def render(template, **values):
    """Fill a template."""
    return environment().get_template(template).render(**values)


def safe(text):
    """Take text for markup: only what this package has drawn itself."""
    from markupsafe import Markup

    return Markup(text)


def file_text(name):
    """Return the text of a file of this folder."""
    return (_HERE / name).read_text(encoding="utf-8")
