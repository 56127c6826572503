"""Which members of a class its page describes, and how its source links back to that page."""

import re

_BACK = re.compile(r'(href="[^"]*/(skfrap[\w.]*)\.html)#skfrap[\w.]*?\.(\w+)"')


def setup(app):
    """Ask this module about each member and each page of source."""
    app.connect("autodoc-skip-member", skip_member)
    app.connect("html-page-context", link_source_to_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def skip_member(app, kind, name, member, skip, options):
    """Leave out what scikit-learn, dataclasses and exceptions bring; None leaves it to autodoc."""
    if kind != "class":
        return None
    function = getattr(member, "fget", member)  # of a property
    home = getattr(function, "__module__", None) or ""
    return None if home.startswith("skfrap.") else True


def link_source_to_names(app, page, template, context, doctree):
    """Correct links from the source of a module whose names are described under two modules.

    sphinx.ext.viewcode takes all to be described where the first is: `parse_region`, of
    `skfrap.experiment`, as `skfrap.parse_region`, since `skfrap.Circle` is of the same file.
    """
    if page.startswith("_modules/"):
        context["body"] = _BACK.sub(_link_to_the_object, context["body"])


def _link_to_the_object(link):
    href, described, name = link.groups()
    return f'{href}#{described}"' if described.endswith("." + name) else link[0]
