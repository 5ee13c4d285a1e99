"""The site: `python -m sphinx -W -b html docs docs/_build`. Pages are MyST, lessons percent files.

Lessons (lessons/) are run while the site is built, and shown with what they print and draw: sphinx-gallery. Nothing
that is written by a build stands in the repository: learn/, reference/ and _build/ are its leavings.
"""

import sys
from pathlib import Path

import tinygrad_mnist

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "tinygrad_mnist"
author = "the tinygrad_mnist developers"
copyright = author
release = version = tinygrad_mnist.__version__

extensions = [
    "myst_parser", "sphinx_copybutton", "sphinx_design", "sphinx_gallery.gen_gallery",
    "reference", "errors_index", "figures", "links", "mathml",
]  # fmt: skip
exclude_patterns = ["_build", "lessons", "extensions", "**/README.*", "**/GALLERY_HEADER.*", "teachers"]
suppress_warnings = ["config.cache"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_block"]
myst_heading_anchors = 3

toc_object_entries = False
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "tinygrad_mnist"
html_static_path = ["_static"]
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_show_sphinx = False

sphinx_gallery_conf = {
    "examples_dirs": ["lessons"],
    "gallery_dirs": ["learn"],
    "filename_pattern": r"/\d\d_",
    "ignore_pattern": r"/[^\d][^/]*\.py",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"Figure|Picture|Graph",  # drawn by the scraper
    "image_scrapers": ("scrapers.pictures",),
    "remove_config_comments": True,
    "min_reported_time": 10,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": True,
    "first_notebook_cell": "%matplotlib inline",
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
}
