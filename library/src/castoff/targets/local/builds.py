"""Release folders: the unpacked source, stamped, with its static files collected."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import msgspec

from castoff import source as sources
from castoff.errors import StepError
from castoff.model import Artifact, Environment, Source
from castoff.project import Project
from castoff.shell import OnLine
from castoff.targets.local.static_files import Collected, StaticFiles

KEPT = 5
NEW, GONE = ".new-", ".gone-"  # a folder that is being made, and one that is being deleted
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
        static_digest: of all that its static files are made of; empty when that cannot be told.
        image: the engine's id of the image that it is; empty when it is a folder.
    """

    artifact: Artifact
    root: Path
    python: Path
    static_root: str
    static: tuple[str, ...]
    wsgi: str
    static_digest: str = ""
    image: str = ""


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

    def required(self, id_: str) -> Build:
        """Return the build of that name.

        Raises:
            StepError: it is gone, or its virtualenv is.
        """
        build = self.find(id_)
        if build is None or not (build.image or build.python.exists()):
            raise StepError(
                f"the release folder {id_} is gone",
                "What served before still serves.",
                "Check out its commit and `inv deploy` it; the last "
                f"{KEPT} releases keep their folders.",
            )
        return build

    def make(
        self, source: Source, environment: Environment, urls: tuple[str, ...], say: OnLine
    ) -> Build:
        """Make the release folder of a source, which is there whole or not at all.

        It is made under another name: programs of a run that was killed may still write to theirs.

        Raises:
            StepError: it cannot be unpacked, or its static files cannot be collected.
        """
        self._forget_cut_off()
        folder = self._folder / self.name(source, environment)
        scratch = self._folder / f"{NEW}{token_hex(4)}"
        try:
            there = sources.folder(source, self._project.state)
            root = sources.copy(source, there, scratch, self._project.shell)
            sources.stamp(source, root)
            collecting = StaticFiles(self._project, environment.python, urls, say)
            static = collecting.collect(scratch, root, self.whole())
            build = _build(source, environment, static, scratch, folder)
            (scratch / RECORD).write_bytes(msgspec.json.encode(build, enc_hook=str))
            self._delete(folder)
            scratch.rename(folder)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        return build

    def prune(self, keep: list[str]) -> None:
        """Delete all but the builds named: those of the last releases."""
        for folder in self._folder.iterdir():
            if folder.name not in keep:
                self._delete(folder)

    def whole(self) -> list[Build]:
        """Return the builds that are kept."""
        found = (self.read(record.parent) for record in self._folder.glob(f"[!.]*/{RECORD}"))
        return [build for build in found if build]

    def _forget_cut_off(self) -> None:
        """Delete what runs left behind that were killed while they built or deleted."""
        for left in (*self._folder.glob(f"{NEW}*"), *self._folder.glob(f"{GONE}*")):
            shutil.rmtree(left, ignore_errors=True)

    def _delete(self, folder: Path) -> None:
        """Delete a folder so that no part of it can be taken for a whole one."""
        gone = self._folder / f"{GONE}{token_hex(4)}"
        with suppress(FileNotFoundError):
            folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def used_homes(targets: Path) -> set[Path]:
    """Return the virtualenvs of every build of every target in a folder of targets' states."""
    folders = (record.parent for record in targets.glob(f"*/builds/*/{RECORD}"))
    builds = (Builds.read(folder) for folder in folders)
    return {build.python.parent.parent for build in builds if build}


def _build(
    source: Source, environment: Environment, static: Collected, scratch: Path, folder: Path
) -> Build:
    """What is known of a folder that was made as ``scratch``, and will be ``folder``."""
    detail = f"{len(static.files)} static files" if static.files else "no static files"
    sizes = _sizes(scratch, static)
    return Build(
        artifact=Artifact(folder.name, source.stamp, str(folder), detail, sizes=sizes),
        root=folder / source.prefix,
        python=environment.python,
        static_root=_moved(static.root, scratch, folder),
        static=static.files,
        wsgi=static.wsgi,
        static_digest=static.digest,
    )


def _sizes(folder: Path, static: Collected) -> dict[str, int]:
    """The bytes of a release folder, and of the static files, which may be elsewhere."""
    files = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    sizes = {"release folder": sum(map(_size, files))}
    if static.files:
        collected = (os.path.join(static.root, name) for name in static.files)
        sizes["static files"] = sum(map(_size, collected))
    return sizes


def _size(path: str) -> int:
    return os.lstat(path).st_size


def _moved(path: str, before: Path, now: Path) -> str:
    """Where a path is when a folder, which may have been reached by a link, has a new name."""
    for folder in (before, before.resolve()):
        if path and Path(path).is_relative_to(folder):
            return str(now / Path(path).relative_to(folder))
    return path


def _path(kind: type, text: str) -> object:
    return kind(text)
