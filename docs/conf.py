"""The site: Sphinx with MyST pages, an API reference from the docstrings, and executed notebooks."""

import inspect
import os
import re
import sys
from pathlib import Path

from jupyter_cache import get_cache

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS)]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])  # for the notebooks' kernels
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_vaemix.version import __version__  # noqa: E402

project, author, copyright = "keras_vaemix", "the authors of keras_vaemix", "the authors of keras_vaemix, Apache 2.0"
version = release = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "api_links",
]
exclude_patterns = ["_build", "notebooks/outputs"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!keras_vaemix|export|training).*")]  # bases of other libraries, which have no inventory

# Docstrings. Single backticks are code in them, as in Markdown; `api_links` makes links of both.
default_role = "literal"
add_module_names = False
toc_object_entries = False  # each class has a heading
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_inherit_docstrings = False
autodoc_typehints = "none"  # docstrings give shapes and units, which types do not
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True, "exclude-members": "get_config, from_config"}

# Pages.
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4

# Notebooks: the first is executed when the site is built; `python -m tests.checks.site` executes the others and keeps their outputs.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_output_stderr = "remove"
nb_merge_streams = True

html_theme = "furo"
html_title = f"keras_vaemix {release}"
html_favicon = "../export/server/page/icon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False


SHAPES = re.compile(r"(`[^`]*`)|\[[^\[\]`]*\]")


def escape_stars(app, what, name, obj, options, lines):
    """Escapes the stars of shapes, as in [B, *], which reStructuredText takes for the start of emphasis."""
    lines[:] = SHAPES.sub(lambda match: match[1] or match[0].replace("*", r"\*"), "\n".join(lines)).split("\n")


def constructor_signature(app, what, name, obj, options, signature, returns):
    """Returns the signature of a class's constructor: Keras gives its classes a `__new__` that takes anything."""
    if what != "class" or not inspect.isfunction(obj.__init__):
        return None
    parameters = [one.replace(annotation=one.empty) for one in list(inspect.signature(obj.__init__).parameters.values())[1:]]
    return str(inspect.Signature(parameters)), returns


def use_kept_outputs(app):
    """Puts the kept outputs of notebooks into the cache, from which MyST takes them as long as the code is the same."""
    if app.config.kept_outputs:
        cache = get_cache(app.env.mystnb_config.execution_cache_path)
        for file in sorted((DOCS / "notebooks" / "outputs").glob("*.ipynb")):
            cache.cache_notebook_file(file, overwrite=True, check_validity=False)


def level_captions(app, page, template, context, doctree):
    """Gives the captions of the navigation, which Sphinx says are headings, the level that a screen reader asks for."""
    context["furo_navigation_tree"] = context["furo_navigation_tree"].replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app):
    app.add_config_value("kept_outputs", True, "env")
    app.connect("autodoc-process-docstring", escape_stars, priority=900)  # after napoleon has made fields of the sections
    app.connect("autodoc-process-signature", constructor_signature)
    app.connect("builder-inited", use_kept_outputs, priority=900)  # after MyST has chosen the cache's folder
    app.connect("html-page-context", level_captions, priority=900)  # after Furo has made the navigation
