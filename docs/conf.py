"""Sphinx: `make docs`. Pages are Markdown (MyST) in four kinds, after Diátaxis: tutorial, how-to, reference, explanation."""

from safehold import __version__

project = "Safehold"
author = "The Safehold maintainers"
copyright = "2026, the Safehold maintainers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist", "attrs_block"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "furo"
html_title = "Safehold"
html_static_path: list[str] = []
html_theme_options = {"source_repository": "", "navigation_with_keys": True}
