"""Sphinx configuration: sphinx-build -W -b html docs docs/_build/html."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import skae

project = "skae"
author = copyright = "The skae developers"
version = release = skae.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # some gallery settings cannot be pickled

# Markdown
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
smartquotes = False  # strings such as "relu" keep their quotes

# Docstrings
default_role = "literal"
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the numpydoc sections give the types
autosummary_generate = True
numpydoc_show_class_members = False  # listed by the class template

# Theme
html_theme = "pydata_sphinx_theme"
html_title = "skae"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static", "images"]  # the README on a package index links there
html_css_files = ["skae.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark, as the browser is
html_theme_options = {
    "logo": {"text": "skae", "alt_text": "skae home page"},
    "show_prev_next": True,
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "index": [],
        "playground": [],
        "benchmarks/generation_study": [],  # its table is wide
        "why_skae": [],
    },
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
}
html_sidebars = {
    page: []
    for page in ("index", "getting_started", "playground", "changelog", "contributing")
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The gallery
os.environ.setdefault("MPLBACKEND", "agg")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_\w+\.py$",
    "ignore_pattern": r"(^|/)(?!plot_)\w+\.py$",
    "within_subsection_order": "FileNameSortKey",
    "image_srcset": ["2x"],
    "image_scrapers": ("matplotlib", "gallery_gifs.collect"),
    "backreferences_dir": "api/examples",
    "doc_module": ("skae",),
    "download_all_examples": False,
    "capture_repr": (),  # show printed output and figures only
    "remove_config_comments": True,
    "show_signature": False,
    "min_reported_time": 1e6,  # times differ between builds
    "write_computation_times": False,
    "plot_gallery": "True",
}


# Accessibility: what docutils writes that axe reports (tests/check_playground.py)
ACCESSIBLE = {
    'role="doc-biblioentry"': 'role="listitem"',  # the role is deprecated
    '<th class="head"><p></p></th>': "<td></td>",  # a header cannot be empty
}


def make_accessible(app, page, template, context, doctree):
    for written, accessible in ACCESSIBLE.items():
        if "body" in context:
            context["body"] = context["body"].replace(written, accessible)


def setup(app):
    app.connect("html-page-context", make_accessible)
