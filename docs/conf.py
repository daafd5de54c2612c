# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How C{nox -s docs} makes the site: Sphinx, the theme furo, Markdown by MyST, and three small
extensions of our own in C{_ext}.

Nothing is fetched, neither by the build nor by who reads the pages.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as installed
from pathlib import Path

from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "onionp2p"
author = "The onionp2p developers"
copyright = author  # noqa: A001 - Sphinx's name for it
release = version = installed("onionp2p")

extensions = ["myst_parser", "sphinx.ext.autodoc", "apidocs", "generated", "sources"]
exclude_patterns = ["_build", "_ext", "examples", "figures"]

# Every link and every reference must lead somewhere.  Annotations may name what is not public.
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]

myst_heading_anchors = 3
# The last is ours: see _ext/sources.py.
myst_url_schemes = {"http": None, "https": None, "mailto": None, "source": None}
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_member_order = "bysource"
# What implements an interface is documented there.
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
autoclass_content = "both"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
maximum_signature_line_length = 120

html_theme = "furo"
html_title = f"onionp2p {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
# The same input gives the same files.
html_last_updated_fmt = None


class ConsoleLexer(BashSessionLexer):
    """
    A terminal whose prompts say which of several it is: C{listener$}.
    """

    _ps1rgx = re.compile(r"^(\w*\$ )(.*\n?)")


def setup(app: Sphinx) -> None:
    """
    Sphinx asks for this.
    """
    app.add_lexer("console", ConsoleLexer)
