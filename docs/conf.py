"""Configuration of the documentation."""

from __future__ import annotations

import crsea_infer

project = "crsea_infer"
author = "The crsea_infer developers"
release = version = crsea_infer.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # what a page shows is what the code of today gives
nb_execution_raise_on_error = True
nb_execution_timeout = 600
html_theme = "furo"
html_title = "crsea_infer"
autodoc_typehints = "none"  # shapes, units and types stand in the docstrings
autodoc_member_order = "bysource"
exclude_patterns = ["_build"]
