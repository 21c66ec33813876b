"""The directive ``{tasks}``: every task of castoff's, as Invoke reads it from ``tasks.py``.

Nothing is written twice: the texts are those of ``inv --help TASK``.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from docutils import nodes
from invoke import Argument, Task
from invoke.loader import FilesystemLoader
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

ROOT = Path(__file__).parents[2]
AnyTask: TypeAlias = "Task[Callable[..., object]]"
# What is code already; options and keys, which the text for a terminal has bare; our own pages.
MARKS = re.compile(r"`[^`]*`|(--[a-z][\w=,-]*|castoff\.[a-z_]+(?:\.[a-z_]+)*)|docs/([\w-]+)\.md")


def castoff_tasks() -> list[AnyTask]:
    """Return castoff's own tasks among those of the sample's ``tasks.py``, in its order."""
    module, _ = FilesystemLoader(start=str(ROOT)).load("tasks")
    found = module.ns.tasks.values()
    return [one for one in found if inspect.unwrap(one.body).__module__.startswith("castoff.")]


def page(tasks: list[AnyTask]) -> Iterator[str]:
    """Yield the lines of the tasks' sections, as Markdown."""
    for task in tasks:
        yield from (f"## {task.name}", "", _marked(inspect.getdoc(task.body) or ""), "")
        yield from (_option(one) for one in task.get_arguments())
        yield ""


def _option(one: Argument) -> str:
    name = str(one.name)
    value = f"={name.upper()}" if one.takes_value else ""
    flags = [f"`--{name.replace('_', '-')}{value}`"]
    flags += [f"`-{letter}`" for letter in one.names if len(letter) == 1]
    has_default = one.takes_value and one.kind is not list and one.default
    default = f" Default: `{one.default}`." if has_default else ""
    return f"- {', '.join(flags)}: {_marked(one.help or '')}{default}"


def _marked(text: str) -> str:
    """Turn the text of a docstring, which a terminal shows as it is, into Markdown."""
    return "\n\n".join(map(_paragraph, text.split("\n\n")))


def _paragraph(text: str) -> str:
    if text.startswith("    "):
        return f"```sh\n{textwrap.dedent(text)}\n```"
    return MARKS.sub(_mark, text)


def _mark(found: re.Match[str]) -> str:
    bare, page = found.groups()
    if page:
        return f"[{page}](../{page}.md)"
    return f"`{bare}`" if bare else found[0]


class Tasks(SphinxDirective):
    """Puts the tasks' sections where it stands."""

    def run(self) -> list[nodes.Node]:
        """Read the tasks, and parse them as the page around them is parsed."""
        for task in castoff_tasks():
            self.env.note_dependency(str(inspect.getsourcefile(inspect.unwrap(task.body))))
        text = "\n".join(page(castoff_tasks()))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of the directive."""
    app.add_directive("tasks", Tasks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
