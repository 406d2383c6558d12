"""How Sphinx builds these pages: `tox -e docs`, or `sphinx-build -W -n docs build/docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # docs.extension

from segbench import __version__

project = "segbench"
author = "The segbench authors"
copyright = "The segbench authors"
release = version = __version__

extensions = ["docs.extension", "myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["extension"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
smartquotes = False  # -- is the beginning of an option
nitpicky = True
# What is named in signatures and docstrings must be found if it is public; inner modules and other packages have no page here.
nitpick_ignore_regex = [(r"py:.*", r"(?!segbench\.[A-Za-z_]+$).*")]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "segbench"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_extra_path = ["../segbench/files/schemas"]  # run.schema.json and the others, beside the pages
