"""What the docs say is there is there, and what is there is in the docs.

`nox -s docs` builds the site first: the reference is read from its inventory.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import django
import msgspec
import pytest
from django.conf import settings
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from sphinx.util.inventory import InventoryFile

import castoff
from castoff import Target, checks, events
from castoff.config import Config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MARKDOWN = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=6)
DJANGOS_OWN = {"get_response", "sync_capable", "async_capable"}  # what every middleware has
CHECKS_OF_THE_APP = {"castoff.E218", "castoff.W220"}  # registered with Django, not with castoff


@pytest.fixture(scope="module", autouse=True)
def project() -> None:
    """The models of castoff.django can only be imported in a project."""
    if not settings.configured:
        settings.configure(INSTALLED_APPS=["castoff.django"])
    django.setup()


def pages() -> list[Path]:
    """Every Markdown file that is in the repository, or will be with the next commit."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    out = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in sorted(set(out.split("\0"))) if name and (ROOT / name).exists()]


PAGES = pages()


@cache
def tokens(page: Path) -> list[Token]:
    """The page, parsed, with the anchors that GitHub gives its headings."""
    return MARKDOWN.parse(page.read_text("utf-8"))


def links(page: Path) -> Iterator[str]:
    """Yield where the page's links and images lead."""
    for block in tokens(page):
        for one in block.children or ():
            if to := one.attrGet("href") or one.attrGet("src"):
                yield str(to)


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings."""
    return {str(one.attrGet("id")) for one in tokens(page) if one.type == "heading_open"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file_and_heading_that_are_there(page: Path) -> None:
    dead = [to for to in links(page) if "://" not in to and not is_there(page, to)]
    assert not dead


def is_there(page: Path, link: str) -> bool:
    """Whether a relative link finds its file and its heading when the page is read on GitHub."""
    path, _, anchor = unquote(link).partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not anchor or anchor in anchors(file))


# The reference, as the site's inventory has it


@cache
def reference() -> dict[str, set[str]]:
    """The names in the reference, by their kind, such as ``py:class``."""
    file = DOCS / "_build/html/objects.inv"
    assert file.exists(), "the site is not built: nox -s docs"
    data = InventoryFile.loads(file.read_bytes(), uri="").data
    return {kind: set(names) for kind, names in data.items() if kind.startswith("py:")}


@cache
def names() -> set[str]:
    """Every name in the reference, also where it is defined when it is shown as the package's."""
    homes = {f"{getattr(castoff, name).__module__}.{name}": name for name in castoff.__all__}
    shown: set[str] = set().union(*reference().values())
    return shown | {home for home, name in homes.items() if f"castoff.{name}" in shown}


def test_every_name_that_the_package_exports_is_in_the_reference() -> None:
    assert {f"castoff.{name}" for name in castoff.__all__} <= names()


def test_every_name_that_the_how_to_pages_import_is_in_the_reference() -> None:
    imported = {name for page in DOCS.glob("*.md") for name in imports(page)}
    assert imported
    assert {name for name in imported if not any(one.startswith(name) for one in names())} == set()


def imports(page: Path) -> Iterator[str]:
    """Yield what the page's Python imports from castoff."""
    for block in tokens(page):
        if block.type == "fence" and block.info == "python":
            for node in ast.walk(ast.parse(block.content)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("castoff"):
                    yield from (f"{node.module}.{one.name}" for one in node.names)


def test_everything_public_in_a_module_of_the_reference_is_documented() -> None:
    assert reference()["py:module"]
    public = {
        f"{module}.{name}" for module in reference()["py:module"] for name in defined_in(module)
    }
    assert public - names() == set()


def test_everything_public_in_a_class_of_the_reference_is_documented() -> None:
    shown = reference()["py:class"] | reference()["py:exception"]
    kinds = [kind for kind in map(load, shown) if isinstance(kind, type)]
    assert kinds
    missing = {
        f"{path(kind)}.{name}"
        for kind in kinds
        for name in defined_by(kind) - DJANGOS_OWN
        if not any(is_shown(name, one) for one in kind.__mro__)
    }
    assert missing == set()


def is_shown(name: str, kind: type) -> bool:
    """Whether the reference has it under the class, by its path or by the package's short name."""
    return not names().isdisjoint((f"{path(kind)}.{name}", f"castoff.{kind.__name__}.{name}"))


def path(kind: type) -> str:
    """Where a class is defined, as ``castoff.model.Release``."""
    return f"{kind.__module__}.{kind.__qualname__}"


def load(name: str) -> Any:
    """Import a name of the reference."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


@cache
def tree(module: str) -> ast.Module:
    """A module, parsed."""
    return ast.parse(Path(str(import_module(module).__file__)).read_text("utf-8"))


def defined_in(module: str) -> set[str]:
    """The public functions and classes that a module defines."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return public(node.name for node in tree(module).body if isinstance(node, kinds))


def defined_by(kind: type) -> set[str]:
    """The public methods and attributes that a class defines, in its ``__init__`` too."""
    if not kind.__module__.startswith("castoff."):
        return set()
    body = next(
        node.body
        for node in tree(kind.__module__).body
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    return public(name for node in body for name in bound(node))


def bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a class's body gives to it or to its instances."""
    if isinstance(node, ast.FunctionDef):
        yield node.name
        if node.name == "__init__":
            yield from filter(None, map(given_to_self, ast.walk(node)))
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    yield from (one.id for one in targets if isinstance(one, ast.Name))


def given_to_self(node: ast.AST) -> str:
    """The name on the left side of ``self.name = …``; empty where it is none."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store):
        return ""
    return node.attr if isinstance(node.value, ast.Name) and node.value.id == "self" else ""


def public(found: Iterator[str]) -> set[str]:
    """The names that do not begin with an underscore."""
    return {name for name in found if not name.startswith("_")}


# Tables that are written by hand


def rows(page: str, pattern: str) -> list[Any]:
    """What the pattern's groups are in the page's table rows."""
    return re.findall(rf"^\| {pattern}", (DOCS / page).read_text("utf-8"), re.MULTILINE)


def test_every_check_has_its_row_and_every_row_its_check() -> None:
    for module in checks.MODULES:
        import_module(f"castoff.checks.{module}")
    registered = {one.id for one in checks.REGISTRY if "." not in one.id}
    assert set(rows("checks.md", r"([EW]\d{3}) ")) == registered.union(checks.AUDITED)


def test_the_checks_inside_the_app_are_told() -> None:
    from castoff.django import checks as inside

    source = Path(str(inside.__file__)).read_text("utf-8")
    assert set(re.findall(r'"(castoff\.[EW]\d{3})"', source)) == CHECKS_OF_THE_APP
    text = (DOCS / "checks.md").read_text("utf-8")
    assert all(f"`{id_}`" in text for id_ in CHECKS_OF_THE_APP)


def test_every_configuration_key_has_its_row_and_every_row_its_key() -> None:
    assert set(rows("configuration.md", r"`([a-z][\w.\[\]]*)` ")) == set(keys(Config, ""))


def keys(kind: type[msgspec.Struct], before: str) -> Iterator[str]:
    """Yield the keys of a struct and of the structs in it, as the table writes them."""
    for field in msgspec.structs.fields(kind):
        key, inner = f"{before}{field.name}", struct_in(field.type)
        if inner is None:
            yield key
        elif inner is field.type:
            yield from keys(inner, f"{key}.")
        else:
            entry = f"{key}.NAME" if "dict" in str(field.type) else f"{key}[]"
            yield key if entry.endswith("[]") else entry
            yield from keys(inner, f"{entry}.")


def struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a type is, or is a mapping or list of."""
    candidates = (kind, *get_args(kind))
    return next((one for one in candidates if is_struct(one)), None)


def is_struct(kind: Any) -> bool:
    """Whether it is a struct's class."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def test_every_event_has_its_row_with_its_fields() -> None:
    told = dict(rows("json.md", r"`(\w+)` \| ((?:`\w+`(?:, )?)*) ?\| "))
    usual = {field.name for field in msgspec.structs.fields(events.Event)}
    for event in events.Event.__subclasses__():
        fields = {field.name for field in msgspec.structs.fields(event)} - usual
        assert set(re.findall(r"\w+", told[event.__name__.lower()])) == fields, event


def test_every_part_of_the_protocol_is_in_the_table_for_targets() -> None:
    told = "\n".join(rows("write-a-target.md", r"(`.*?) \| "))
    assert {name for name in defined_by(Target) if not re.search(rf"`{name}\b", told)} == set()
