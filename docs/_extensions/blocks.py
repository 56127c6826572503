"""Code blocks without the empty line that a doctest in Markdown has to end with."""

from docutils import nodes


def setup(app):
    """Look at each page once it is read."""
    app.connect("doctree-read", strip_code)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def strip_code(app, doctree):
    """Drop empty lines at the end of blocks that are highlighted as one language."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext()
        if block.rawsource == text:
            block.rawsource = text.rstrip()
            block[:] = [nodes.Text(block.rawsource)]
