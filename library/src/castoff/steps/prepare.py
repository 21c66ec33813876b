"""The source and the lock's virtualenv: made once, shared by every step and target."""

import shutil
from pathlib import Path

from castoff import environment, source
from castoff.errors import StepError
from castoff.events import Note, Output
from castoff.model import Source
from castoff.project import Project
from castoff.steps import Made

KEPT = 3


def tree_folder(project: Project, found: Source) -> Path:
    """Return where the source is unpacked, for checks and for the virtualenv."""
    return project.state / "sources" / found.stamp


def tree(project: Project, found: Source) -> Path:
    """Return the project's folder in the unpacked source."""
    return tree_folder(project, found) / found.prefix


def prepare(project: Project) -> Made:
    """Observe the repository, unpack the source, make the virtualenv.

    A missing lock is not raised here: it is a finding of check, with an id.

    Raises:
        StepError: there is nothing to deploy, or a package cannot be installed.
    """
    found = source.observe(project.root, project.shell)
    _tell(project, found)
    if project.dry:
        return Made(source=found)
    folder = tree_folder(project, found)
    unpacked = source.unpack(found, folder, project.shell)
    _prune(folder)
    try:
        made = environment.prepare(
            found,
            unpacked,
            project.state / "venvs",
            project.shell,
            lambda line: project.emit(Output("", "prepare", line)),
        )
    except StepError as error:
        if error.what.startswith("no lock file"):
            return Made(source=found, lock_problem=error.what)
        raise
    return Made(source=found, environment=made)


def with_environment(project: Project) -> Made:
    """Prepare, and insist on the virtualenv.

    Raises:
        StepError: there is no lock.
    """
    made = prepare(project)
    if made.lock_problem:
        raise StepError(made.lock_problem, "Nothing was changed.", "Add a lock and commit it.")
    return made


def _tell(project: Project, found: Source) -> None:
    project.emit(Note("", "prepare", f"{project.name} {found.commit[:9]} {found.subject}"))
    if found.dirty:
        names = _some(found.dirty)
        project.emit(Note("", "prepare", f"with uncommitted changes in {names}", True))
    if found.untracked:
        names = _some(found.untracked)
        project.emit(Note("", "prepare", f"not deployed, git does not track: {names}", True))


def _some(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def _prune(newest: Path) -> None:
    """Keep the last few sources; each is one `git archive` away."""
    newest.touch()
    folders = [path for path in newest.parent.iterdir() if not path.name.startswith(".")]
    folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in folders[KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
