"""Static files: collected for a release, or taken from an earlier one that has the very same."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from castoff import app_env
from castoff.errors import StepError
from castoff.project import Project
from castoff.shell import CommandFailed, OnLine
from castoff.targets.local import collect

if TYPE_CHECKING:
    from castoff.targets.local.builds import Build

SECONDS = 600.0  # that collecting may take


class Collected(msgspec.Struct, frozen=True):
    """The static files of a release folder.

    Attributes:
        root: their folder; empty when it has none.
        files: their paths in it.
        digest: of all that they are made of; empty when that cannot be told.
        wsgi: the settings' WSGI application as ``module:name``.
    """

    root: str
    files: tuple[str, ...]
    digest: str
    wsgi: str


class _Said(msgspec.Struct, frozen=True):
    """What ``collect.py`` prints; no files means that an earlier release has the very same."""

    root: str
    files: tuple[str, ...] | None
    digest: str
    wsgi: str


class StaticFiles:
    """Collects static files, in the app's own virtualenv.

    Args:
        project: the project that is built.
        python: the interpreter of the virtualenv.
        urls: where the app will be reached.
        say: takes what the app prints.
    """

    def __init__(self, project: Project, python: Path, urls: tuple[str, ...], say: OnLine) -> None:
        self._project = project
        self._python = python
        self._urls = urls
        self._say = say

    def collect(self, folder: Path, root: Path, earlier: Iterable["Build"]) -> Collected:
        """Put the static files of a release in its place, by hard links where that will do.

        Args:
            folder: the release folder.
            root: the project's folder in it.
            earlier: release folders that are whole.

        Raises:
            StepError: they cannot be collected.
        """
        known = {one.static_digest: one for one in earlier if one.static_digest}
        said = self._ask(folder, root, [*known])
        if said.files is None:
            same = known[said.digest]
            if _linked(Path(said.root), same):
                return Collected(said.root, same.static, said.digest, said.wsgi)
            shutil.rmtree(said.root)  # what was linked is not to be written to
            said = self._ask(folder, root, [])
        return Collected(said.root, said.files or (), said.digest, said.wsgi)

    def _ask(self, folder: Path, root: Path, known: list[str]) -> _Said:
        argv: list[str | Path] = [self._python, Path(collect.__file__), folder, *known]
        env = app_env.build_time(self._project.config, self._urls)
        try:
            result = self._project.shell.run(argv, cwd=root, env=env, timeout=SECONDS)
            for line in result.stderr.splitlines():
                self._say(line)
            return msgspec.json.decode(result.stdout.splitlines()[-1], type=_Said)
        except CommandFailed as error:
            reason = (error.result.last_lines.splitlines() or [error.reason])[-1]
        except (ValueError, IndexError):
            reason = "its output cannot be read"
        raise StepError(
            f"the static files cannot be collected: {reason}",
            "Nothing was released; what served before still serves.",
            "`inv check` names the cause where it knows it; the log has the whole output.",
        )


def share(build: "Build", before: "Build") -> None:
    """Hard-link the static files of an earlier release that this one has not.

    A page that was loaded before the switch still asks for them, by their hashed names.
    """
    if not build.static_root or not before.static_root:
        return
    for name in set(before.static) - set(build.static):
        new, old = Path(build.static_root, name), Path(before.static_root, name)
        if not new.exists() and old.is_file():
            new.parent.mkdir(parents=True, exist_ok=True)
            os.link(old, new)


def _linked(root: Path, same: "Build") -> bool:
    """Whether the files of an earlier release could be linked; one may be gone."""
    try:
        for folder in {root, *((root / name).parent for name in same.static)}:
            folder.mkdir(parents=True, exist_ok=True)
        for name in same.static:
            os.link(os.path.join(same.static_root, name), os.path.join(root, name))
    except OSError:
        return False
    return True
