"""Formulas as MathML, which browsers show by themselves: no script, no font and no network.

The conversion from TeX is that of docutils. What it cannot convert is a warning, so that a strict
build fails.
"""

import html
import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

_SPELLINGS = {r"\dots": r"\ldots"}  # that docutils does not know, by those that it does
_logger = logging.getLogger(__name__)


def setup(app):
    """Enter the renderer, to be chosen as ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def visit_inline(writer, node):
    """Write a formula in a line of text."""
    writer.body.append(_convert(node, as_block=False))
    raise nodes.SkipNode


def visit_block(writer, node):
    """Write a formula of its own, with its number if it has one."""
    writer.body.append(writer.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append(_convert(node, as_block=True))
    writer.body.append("</div>\n")
    raise nodes.SkipNode


def _convert(node, as_block):
    tex = node.astext().strip()
    known = re.sub(r"\\[A-Za-z]+", lambda command: _SPELLINGS.get(command[0], command[0]), tex)
    try:
        return tex2mathml(known, as_block=as_block)
    except MathError as error:
        _logger.warning("formula %r: %s", tex, error, location=node, type="mathml")
        return f"<code>{html.escape(tex)}</code>"
