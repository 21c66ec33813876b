"""The source and the lock's virtualenv: made once, shared by every step and target."""

import atexit
import shutil
import tempfile
from pathlib import Path

from castoff import environment, source
from castoff.config import Config
from castoff.errors import WrongInput
from castoff.events import Note, Output, Planned
from castoff.lock import LockProblem
from castoff.model import Environment, Source
from castoff.project import Project
from castoff.steps import Made

KEPT = 3


def prepare(project: Project) -> Made:
    """Observe the repository, unpack the source, make the virtualenv.

    A missing or stale lock is not raised here: it is a finding of check, with an id. A dry run
    unpacks into a folder that goes with it, and only looks for a virtualenv made before.

    Raises:
        StepError: there is nothing to deploy, or a package cannot be installed.
        WrongInput: no settings module is configured.
    """
    require_settings(project.config)
    return _prepared(project)


def with_environment(project: Project) -> Made:
    """Prepare whatever settings are to be used, and insist on the virtualenv.

    Raises:
        StepError: there is no lock, or as ``prepare``.
    """
    made = _prepared(project)
    if made.lock_problem:
        raise made.lock_problem
    return made


def require_settings(config: Config) -> None:
    """Raise WrongInput when no settings module is configured."""
    if not config.settings:
        raise WrongInput(
            "castoff.settings: is not set, expected the production settings module",
            "Nothing was done.",
            "Add it to invoke.yaml, as in `castoff: {settings: project.settings.production}`.",
        )


def _prepared(project: Project) -> Made:
    found = source.observe(project.root, project.shell)
    _tell(project, found)
    folder = _folder(project, found)
    tree = source.unpack(found, folder, project.shell)
    if not project.dry:
        _prune(folder)
    try:
        made = _environment(project, found, tree)
    except LockProblem as error:
        return Made(source=found, tree=tree, lock_problem=error)
    return Made(source=found, tree=tree, environment=made)


def _folder(project: Project, found: Source) -> Path:
    folder = source.folder(found, project.state)
    if project.dry and not folder.exists():
        scratch = tempfile.mkdtemp(prefix="castoff-dry-")
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        return Path(scratch, found.stamp)
    return folder


def _environment(project: Project, found: Source, tree: Path) -> Environment | None:
    folder, shell = project.state / "venvs", project.shell
    if project.dry:
        there = environment.find(found, tree, folder, shell)
        if there is None:
            why = "none was made of this lock yet"
            project.emit(Planned("", "prepare", "make the virtualenv of the lock", why))
        return there
    return environment.prepare(
        found,
        tree,
        folder,
        shell,
        say=lambda line: project.emit(Output("", "prepare", line)),
        making=lambda: project.emit(Note("", "prepare", "making the virtualenv of the lock")),
    )


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
    # Not by the time alone: when the clock was set back, this one looks like the oldest.
    others = [one for one in newest.parent.iterdir() if one != newest and one.name[0] != "."]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in others[KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
