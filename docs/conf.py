"""Configuration of the documentation."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import crsea_infer

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))  # for notebooks
os.environ["COLUMNS"] = "100"

project = "crsea_infer"
author = "The crsea_infer developers"
release = version = crsea_infer.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml", "generated_pages"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # what a page shows is what the code of today gives
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
nb_execution_in_temp = True  # what a notebook writes is gone with it
html_theme = "furo"
html_title = "crsea_infer"
html_show_copyright = False  # the licence stands in LICENSE, once
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"  # no script from anywhere: formulas are there without a network
autodoc_typehints = "none"  # shapes, units and types stand in the docstrings
autodoc_member_order = "bysource"
exclude_patterns = ["_build", "_generated"]
nitpicky = True  # a reference to something of ours that is nowhere is a warning, and so an error in CI
nitpick_ignore_regex = [("py:.*", r"(?!crsea_infer\.).*")]  # other libraries, and words of docstrings taken for types
