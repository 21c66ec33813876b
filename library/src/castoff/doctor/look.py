"""Looks at the project, this machine and every target. Nothing is made, started or changed."""

import os
import platform
import shutil
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from castoff import config as configuration
from castoff import environment, source
from castoff import lock as locks
from castoff.config import Config
from castoff.doctor.health import Folder, Health, Problem, problem, tried
from castoff.doctor.target import look_at_target
from castoff.errors import CastoffError, StepError, WrongInput
from castoff.events import Bus
from castoff.model import Tool
from castoff.project import Project
from castoff.shell import CommandFailed, Shell
from castoff.steps.prepare import require_settings

PATIENCE = 20.0  # seconds that a program may take to tell its version


def look(root: Path, values: Any, wrong: CastoffError | None) -> Health:
    """Look at everything.

    Args:
        root: the project's folder.
        values: what stands under ``castoff:``, as far as it can be read.
        wrong: what is wrong with it.
    """
    problems = [problem(wrong)] if wrong else []
    project = _project(root, values)
    installed = _installed(project, problems)
    commit = tried(lambda: " ".join(source.head(root, project.shell)), problems)
    lock = tried(lambda: locks.find(root).name, problems)
    if not wrong:
        tried(lambda: require_settings(project.config), problems)
    if lock == "poetry.lock":
        poetry = locks.POETRY[0].partition("==")[2]
        installed.append(Tool("Poetry", poetry, "fetched and run by uv, to read poetry.lock"))
    return Health(
        installed=installed,
        root=str(root),
        commit=commit or "",
        lock=lock or "",
        state=_folder(project.state, problems),
        targets={name: look_at_target(project, name) for name in project.config.targets},
        problems=problems,
    )


def _project(root: Path, values: Any) -> Project:
    try:
        config = configuration.parse(values)
    except WrongInput:
        config = _readable(values)
    # Dry, because a project then makes no folder.
    project = Project(root, config, Shell(), Bus(), dry=True)
    # The folder's name begins with a name that a broken file may not tell.
    digest = project.state.name.rpartition("-")[2]
    there = list(project.state.parent.glob(f"*-{digest}"))
    if project.state in there or len(there) != 1:
        return project
    name = there[0].name.rpartition("-")[0]
    config = msgspec.structs.replace(config, project=name)
    return Project(root, config, Shell(), Bus(), dry=True)


def _readable(values: Any) -> Config:
    """The configuration without the keys that are wrong."""
    kept: dict[str, Any] = {}
    for key, value in values.items() if isinstance(values, dict) else ():
        for some in _pieces(key, value):
            with suppress(WrongInput):
                configuration.parse({key: some})
                kept[key] = kept.get(key, {}) | some if isinstance(some, dict) else some
    return configuration.parse(kept)


def _pieces(key: str, value: Any) -> list[Any]:
    mapping = key == "targets" and isinstance(value, dict)
    return [{name: target} for name, target in value.items()] if mapping else [value]


def _installed(project: Project, problems: list[Problem]) -> list[Tool]:
    python = Tool("Python", platform.python_version(), sys.executable)
    found = [Tool("castoff", version("castoff")), python, Tool("Invoke", version("invoke"))]
    for look in (_git, _uv):
        tool = tried(lambda look=look: look(project.shell), problems)  # type: ignore[misc]
        found += [tool] if tool else []
    return found


def _git(shell: Shell) -> Tool:
    path = shutil.which("git")
    if path is None:
        raise StepError("git is not installed", next="Install it, as by `apt-get install git`.")
    return Tool("git", _version(shell, path), path)


def _uv(shell: Shell) -> Tool:
    try:
        path = environment.uv_program()
    except (ImportError, FileNotFoundError):
        raise StepError("uv is not installed", next="pip install 'castoff[deploy]'") from None
    return Tool("uv", _version(shell, path), path)


def _version(shell: Shell, path: str) -> str:
    """The third word of ``git version 2.39.5`` or the second of ``uv 0.13.1 (…)``."""
    try:
        said = shell.run([path, "--version"], timeout=PATIENCE).stdout
    except CommandFailed as error:
        raise StepError(f"{path} {error.reason}", next="Install it anew.") from None
    return next((word for word in said.split() if word[0].isdigit()), said.strip())


def _folder(path: Path, problems: list[Problem]) -> Folder:
    there = next(one for one in (path, *path.parents) if os.path.lexists(one))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = f"the state folder {path} cannot be used: {there} cannot be written to"
        hint = "Make it writable, or set XDG_STATE_HOME to a folder that is."
        problems.append(Problem(what, hint))
        return Folder(str(path), 0, {}, 0)
    parts = {str(one.relative_to(path)): _size(one) for one in _parts(path)}
    return Folder(str(path), sum(parts.values()), parts, shutil.disk_usage(there).free)


def _parts(path: Path) -> list[Path]:
    """The folders in a state folder, and each target's instead of the one that has them."""
    tops = [one for one in path.glob("*") if one.name != "targets"]
    return sorted([*tops, *path.glob("targets/*")])


def _size(path: Path) -> int:
    """The bytes in a folder; what goes away or is closed to us meanwhile counts nothing."""
    seen: dict[tuple[int, int], int] = {}
    files = [path] if not path.is_dir() else []
    for folder, _, names in os.walk(path):
        files += [Path(folder, name) for name in names]
    for file in files:
        with suppress(OSError):
            found = file.lstat()
            seen[found.st_dev, found.st_ino] = found.st_size
    return sum(seen.values())
