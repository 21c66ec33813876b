"""Release folders: the unpacked source, stamped, with its static files collected."""

import os
import shutil
from pathlib import Path

import msgspec

from castoff import app_env
from castoff import source as sources
from castoff.errors import StepError
from castoff.model import Artifact, Environment, Source
from castoff.project import Project
from castoff.shell import CommandFailed, OnLine
from castoff.targets.local import collect

KEPT = 5
RECORD = "castoff-build.json"  # written last, so that a folder without it is not whole


class Build(msgspec.Struct, frozen=True):
    """What is known of a release folder.

    Attributes:
        artifact: the artifact that it is.
        root: the project's folder in it.
        python: the interpreter of its virtualenv.
        static_root: where its static files are; empty when it has none.
        static: its own static files, relative to that.
        wsgi: the settings' WSGI application as ``module:name``.
    """

    artifact: Artifact
    root: Path
    python: Path
    static_root: str
    static: tuple[str, ...]
    wsgi: str


class Builds:
    """The folder of the release folders."""

    def __init__(self, folder: Path, project: Project) -> None:
        self._folder = folder
        self._project = project

    def name(self, source: Source, environment: Environment) -> str:
        """Return the artifact's id: what it was made of."""
        parts = source.stamp.partition("-dirty-")
        dirty = f"-dirty-{parts[2]}" if parts[2] else ""
        return f"{source.commit[:12]}{dirty}-{environment.key[:6]}"

    def find(self, id_: str) -> Build | None:
        """Return the build of that name, if it is there and whole."""
        return self.read(self._folder / id_)

    @staticmethod
    def read(folder: Path) -> Build | None:
        """Return the build in a folder, if it is whole."""
        try:
            content = (folder / RECORD).read_bytes()
            return msgspec.json.decode(content, type=Build, dec_hook=_path)
        except (OSError, ValueError):
            return None

    def make(
        self, source: Source, environment: Environment, urls: tuple[str, ...], say: OnLine
    ) -> Build:
        """Make the release folder of a source.

        Raises:
            StepError: it cannot be unpacked, or its static files cannot be collected.
        """
        id_ = self.name(source, environment)
        folder = self._folder / id_
        shutil.rmtree(folder, ignore_errors=True)  # left by a run that was cut off
        root = sources.unpack(source, folder, self._project.shell)
        _stamp(root, source)
        static = self._collect(root, environment, urls, say)
        detail = f"{len(static.files)} static files" if static.files else "no static files"
        artifact = Artifact(id_, source.stamp, str(folder), detail)
        python = environment.python
        build = Build(artifact, root, python, static.root, static.files, static.wsgi)
        (folder / RECORD).write_bytes(msgspec.json.encode(build, enc_hook=str))
        return build

    def prune(self, keep: list[str]) -> None:
        """Delete all but the builds named: those of the last releases."""
        for folder in self._folder.iterdir():
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _collect(
        self, root: Path, environment: Environment, urls: tuple[str, ...], say: OnLine
    ) -> "Static":
        config, shell = self._project.config, self._project.shell
        argv = [environment.python, Path(collect.__file__)]
        env = app_env.build_time(config, urls)
        try:
            result = shell.run(argv, cwd=root, env=env, timeout=600)
            for line in result.stderr.splitlines():
                say(line)
            return msgspec.json.decode(result.stdout.splitlines()[-1], type=Static)
        except CommandFailed as error:
            reason = (error.result.last_lines.splitlines() or [error.reason])[-1]
        except (ValueError, IndexError):
            reason = "its output cannot be read"
        raise StepError(
            f"the static files cannot be collected: {reason}",
            "Nothing was released; what served before still serves.",
            "`inv check` names the cause where it knows it; the log has the whole output.",
        )


class Static(msgspec.Struct, frozen=True):
    """What collect.py prints."""

    root: str
    files: tuple[str, ...]
    wsgi: str


def used_homes(targets: Path) -> set[Path]:
    """Return the virtualenvs of every build of every target in a folder of targets' states."""
    folders = (record.parent for record in targets.glob(f"*/builds/*/{RECORD}"))
    builds = (Builds.read(folder) for folder in folders)
    return {build.python.parent.parent for build in builds if build}


def share_static(build: Build, before: Build) -> None:
    """Hard-link the static files of the release before that this one has not.

    A page that was loaded before the switch still asks for them, by their hashed names.
    """
    if not build.static_root or not before.static_root:
        return
    for name in before.static:
        new, old = Path(build.static_root, name), Path(before.static_root, name)
        if not new.exists() and old.is_file():
            new.parent.mkdir(parents=True, exist_ok=True)
            os.link(old, new)


def _stamp(root: Path, source: Source) -> None:
    stamp = {
        "commit": source.stamp,
        "committed_at": source.committed_at,
        "version": source.version,
    }
    (root / "release.json").write_bytes(msgspec.json.encode(stamp))


def _path(kind: type, text: str) -> object:
    return kind(text)
