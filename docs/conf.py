"""The docs site: `nox -s docs` builds it into docs/_build/html."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from sphinx.application import Sphinx

HERE = Path(__file__).parent
LIBRARY = tomllib.loads((HERE.parent / "library/pyproject.toml").read_text("utf-8"))["project"]
sys.path.insert(0, str(HERE / "_ext"))

# The models of castoff.django can only be imported in a project.
settings.configure(INSTALLED_APPS=["castoff.django"])
django.setup()

project = LIBRARY["name"]
release = LIBRARY["version"]
root_doc = "index"
exclude_patterns = ["_build"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "task_reference"]
nitpicky = True
# Of the standard library and of other packages no inventory is at hand offline.
nitpick_ignore_regex = [("py:.*", r"(?!castoff\b).*")]

smartquotes_action = "D"  # dashes; quotes stay as they are typed
myst_heading_anchors = 3
default_role = "code"  # as the docstrings that are written with single backticks mean it
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# Addresses that are examples, and those that only a served app answers.
linkcheck_ignore = [r"https?://localhost", r"https?://127\.", r"https?://[^/]*\.example\b"]
linkcheck_retries = 3
linkcheck_timeout = 20

highlight_language = "none"  # of a block that names none
html_theme = "furo"
html_title = f"castoff {release}"
html_copy_source = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_favicon = "_static/favicon.svg"


CONSTRAINED = re.compile(r"~?typing\.Annotated\[(\w+), ~?msgspec\.Meta\([^)]*\)\]")
TYPE = re.compile(r"\s+:type: (.*)")


def setup(app: Sphinx) -> None:
    """Register what is mended in the generated reference."""
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-process-docstring", types_beside_names, priority=900)  # after napoleon
    app.connect("autodoc-skip-member", without_tuple_fields)


def plain_signature(
    app: Sphinx, what: str, name: str, found: object, options: Any, args: str | None, result: str
) -> tuple[str, str] | None:
    """Leave out what a reader has no use for: a protocol is never called, limits are msgspec's."""
    if args is None:
        return None
    if getattr(found, "_is_protocol", False):
        return "", result
    return CONSTRAINED.sub(r"\1", args).replace("<factory>", "..."), result


def types_beside_names(
    app: Sphinx, what: str, name: str, found: object, options: Any, lines: list[str]
) -> None:
    """Show an attribute as ``port: int``; napoleon gives the type a paragraph of its own."""
    heads: list[int] = []
    for number, line in enumerate(lines):
        if line.startswith(".. attribute:: "):
            heads.append(number)
        elif heads and (found_type := TYPE.fullmatch(line)):
            lines[number] = ""
            lines[heads[-1]] += f"\n   :type: {found_type[1]}"
    lines[:] = "\n".join(lines).split("\n")


def without_tuple_fields(
    app: Sphinx, what: str, name: str, found: object, skip: bool, options: Any
) -> bool | None:
    """A named tuple's own text for a field ("Alias for field number 0") hides what we say of it."""
    return True if type(found).__name__ == "_tuplegetter" else None
