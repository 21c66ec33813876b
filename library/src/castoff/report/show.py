"""``inv report``: opens a report in the browser, where there is one."""

import os
import sys
import webbrowser
from pathlib import Path

from invoke import Context

from castoff.console import Terminal
from castoff.errors import StepError
from castoff.report.folder import Folder
from castoff.session import config_of, project_of


def show(context: Context, *, history: bool, only_path: bool) -> None:
    """Print where a report is, and open it.

    Args:
        context: Invoke's context, with the configuration.
        history: whether the history page is asked for, and not the newest run's.
        only_path: whether it is only printed where it is.

    Raises:
        StepError: there is none yet.
    """
    project = project_of(context, config_of(context))
    page = _page(Folder(project.state), history)
    Terminal(sys.stdout, []).line(str(page))
    if not (only_path or project.dry) and _display():
        webbrowser.open(page.as_uri())


def _page(folder: Folder, history: bool) -> Path:
    pages = folder.pages()
    if not pages:
        raise StepError(
            "there is no report yet",
            "Nothing was opened.",
            "`inv deploy` writes the first one; `inv check` does, too, and changes nothing.",
        )
    return folder.history if history else pages[-1]


def _display() -> bool:
    """Whether a browser would have a window; one for the terminal would take that over."""
    names = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in names)
