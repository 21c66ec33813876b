"""The values that pass between rooms. All are frozen; none knows a platform."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import NoReturn

import msgspec

from castoff.redactor import REDACTOR


class Secret:
    """A value that must never be seen. Making one makes it known to the redactor.

    Args:
        name: the config var's name.
        value: its value, any text without NUL.
        public: whether anybody may see it, as the app's own URL.
        origin: where it comes from, as a person knows it: a file's name, a program's.

    Attributes:
        name: the config var's name.
        origin: where it comes from.
    """

    __slots__ = ("_value", "name", "origin")

    def __init__(self, name: str, value: str, *, public: bool = False, origin: str = "") -> None:
        self.name = name
        self.origin = origin
        self._value = value
        if not public:
            REDACTOR.add(name, value)

    def reveal(self) -> str:
        """Return the value itself, to hand to a child's environment, stdin or a request body."""
        return self._value

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change when the value does, and tell nothing of it."""
        return digest(self.name, self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not copied, pickled or stored")

    def __repr__(self) -> str:
        return f"Secret({self.name})"

    __str__ = __repr__


class NamedSecret(msgspec.Struct, frozen=True):
    """What may be seen of a secret.

    Attributes:
        name: the config var's name.
        origin: where its value comes from.
        state: ``unchanged``, ``set`` or ``changed``; before the last two ``to be`` in a dry run.
    """

    name: str
    origin: str
    state: str


@cache
def digest(name: str, value: str) -> str:
    """Return sixteen hexadecimal digits for a value, salted by its name."""
    # Slow on purpose: a digest is shown and kept, and a short value could be guessed from it.
    data = value.encode("utf-8", "surrogateescape")
    return hashlib.pbkdf2_hmac("sha256", data, f"castoff:{name}".encode(), 20_000).hex()[:16]


class Level(StrEnum):
    """How grave a finding is: an error stops a deploy, a warning is shown."""

    ERROR = "error"
    """It stops a deploy, unless it is silenced."""
    WARNING = "warning"
    """It is shown."""


class Finding(msgspec.Struct, frozen=True):
    """What a check found.

    Attributes:
        id: the stable id, as in ``E101``; Django's own keep theirs, as in ``security.W004``.
        level: error or warning.
        where: a file (with ``:line``), setting, package or config var.
        message: what is wrong and what happens when it is deployed.
        hint: the fix, as lines to paste where that is possible.
        silenced: the reason given in the configuration, or an empty text.
    """

    id: str
    level: Level
    where: str
    message: str
    hint: str = ""
    silenced: str = ""

    @property
    def stops(self) -> bool:
        """Whether a deploy must not go on."""
        return self.level is Level.ERROR and not self.silenced


class Source(msgspec.Struct, frozen=True):
    """What is to be deployed.

    Attributes:
        root: the project's folder in the checkout: where tasks.py and invoke.yaml are.
        prefix: that folder's path inside the repository, empty or ending in a slash.
        ref: the git object that is archived: the commit, or a stash commit of the dirty tree.
        commit: the full hash of the commit at HEAD.
        stamp: what the release answers as its own: the commit, with ``-dirty-`` and twelve digits
            of the tree's hash when there are uncommitted changes.
        committed_at: the commit's own time.
        subject: the first line of the commit's message.
        version: ``git describe``, or the short hash.
        dirty: paths with uncommitted changes, relative to the repository.
        untracked: paths that git does not know; they are never deployed.
    """

    root: Path
    prefix: str
    ref: str
    commit: str
    stamp: str
    committed_at: datetime
    subject: str
    version: str
    dirty: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The stamp as a person reads it."""
        return f"{self.commit[:9]}{' with uncommitted changes' if self.dirty else ''}"


class Environment(msgspec.Struct, frozen=True):
    """The lock's virtualenv, shared by check, build, dev and every target.

    Attributes:
        python: the virtualenv's interpreter.
        lock: the lock file's name.
        key: what the virtualenv was made from, as a digest.
        packages: the normalised names of what is installed, with versions.
        stale: why the lock is older than what it locks; empty when it is not.
    """

    python: Path
    lock: str
    key: str
    packages: dict[str, str]
    stale: str = ""


class Artifact(msgspec.Struct, frozen=True):
    """What build made: a release folder, an image or a tarball, stamped with the commit.

    Attributes:
        id: the artifact's name on its platform.
        stamp: the stamp that a release of it answers.
        location: where it is, as text for a person.
        detail: what there is to say of it in one line.
        fresh: whether this run made it, or found it made.
        sizes: bytes of it and of its parts, each by a name for a person.
    """

    id: str
    stamp: str
    location: str
    detail: str = ""
    fresh: bool = True
    sizes: dict[str, int] = {}


class Release(msgspec.Struct, frozen=True):
    """A version that was put live.

    Attributes:
        id: the platform's own id, as in ``v3``.
        commit: the stamp of its code.
        artifact: the id of the artifact it runs.
        status: ``current``, ``superseded`` or ``failed``.
        at: when it was put live.
        by: who put it live.
        note: what kind of release it was, as in ``rollback to v1``.
        migrated: whether it may have changed the database's schema.
    """

    id: str
    commit: str
    artifact: str
    status: str
    at: datetime
    by: str = ""
    note: str = ""
    migrated: bool = True


def current_of(releases: Iterable[Release]) -> Release | None:
    """Return the release that is current; None before the first."""
    return next((one for one in releases if one.status == "current"), None)


class Tool(msgspec.Struct, frozen=True):
    """A program that is here.

    Attributes:
        name: what it is called.
        version: its version.
        where: its path, and where it comes from if that is not plain.
    """

    name: str
    version: str
    where: str = ""


class Attachment(msgspec.Struct, frozen=True):
    """A database that is attached to the app.

    Attributes:
        name: the config var that names it.
        detail: what it is, for a person, without credentials.
        fresh: whether this run made it.
        sizes: its bytes, by a name for a person, where that costs little to know.
    """

    name: str
    detail: str
    fresh: bool = False
    sizes: dict[str, int] = {}


class SmokeCheck(msgspec.Struct, frozen=True):
    """One question that smoke asked the running release.

    Attributes:
        id: what was asked, as in ``stamp``.
        ok: whether the answer was right.
        detail: what came back; of a failure also the likely cause and the fix.
        seconds: how long it took.
    """

    id: str
    ok: bool
    detail: str
    seconds: float


class Status(msgspec.Struct, frozen=True):
    """What a target is doing now.

    Attributes:
        serving: whether a release answers.
        release: the current release, if there is one.
        url: where it answers.
        parts: the parts it is made of, each with what it is doing.
        problems: what is dead or wrong, in words.
    """

    serving: bool
    release: Release | None
    url: str
    parts: dict[str, str]
    problems: tuple[str, ...] = ()
