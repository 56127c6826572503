"""How Sphinx builds these pages: `sphinx-build -W --keep-going -b html docs docs/_build/html`.

Nothing is fetched, neither to build the pages nor to read them: formulas are MathML, fonts are
those of the reader, and links to other projects' pages are written out where they are wanted.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

import skfrap  # noqa: E402

project = "skfrap"
author = "The skfrap developers"
project_copyright = author
version = release = skfrap.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # Those in _extensions.
    "blocks",
    "commands",
    "mathml",
    "members",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_extensions", "_templates"]
smartquotes = False  # default="auto" stays as it is typed
default_role = "literal"  # in docstrings `x` is code
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(numpy|scipy|sklearn|pandas|matplotlib|keras|python)\..*")]
show_warning_types = True

# Pages: Markdown, in which headings are linked to as on any forge.
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

# Reference.
toc_object_entries_show_parents = "hide"
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc says them
numpydoc_show_class_members = False  # the template of a class does
numpydoc_xref_param_type = False

# Gallery.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "gallery.reading_order",
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib", "gallery.one_palette", "gallery.warnings_are_errors"),
    "reset_modules_order": "both",
    "doc_module": ("skfrap",),
    "backreferences_dir": "api/examples_of",
    "min_reported_time": 0,
    "show_signature": False,
    "image_srcset": ["2x"],
    "write_computation_times": False,
}

# Looks.
html_theme = "pydata_sphinx_theme"
html_title = "skfrap"
_WITHOUT_SIDEBAR = "api/*", "api/generated/*", "contributing", "changelog", "citation"
html_sidebars = {page: [] for page in _WITHOUT_SIDEBAR}  # a list of a hundred names helps nobody
html_static_path = ["_static"]
html_css_files = ["skfrap.css"]
html_favicon = "_static/mark.svg"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {
        "text": "skfrap",
        "image_light": "_static/mark.svg",
        "image_dark": "_static/mark.svg",
        "alt_text": "skfrap",
    },
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
