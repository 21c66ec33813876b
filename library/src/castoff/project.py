"""The project that castoff works on: its folder, its configuration, its state."""

import hashlib
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from castoff import storage
from castoff.config import Config
from castoff.errors import CastoffError, StepError
from castoff.events import Bus
from castoff.model import Secret
from castoff.shell import Shell

T = TypeVar("T")


class Once(Generic[T]):
    """An answer that is asked for once in a run, also when several targets want it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: list[T] = []
        self._error: CastoffError | None = None

    def __call__(self, ask: Callable[[], T]) -> T:
        """Return the answer, or raise the error that asking for it ended with."""
        with self._lock:
            if self._error:
                raise self._error
            if not self._answer:
                try:
                    self._answer.append(ask())
                except CastoffError as error:
                    self._error = error
                    raise
            return self._answer[0]


@dataclass(frozen=True)
class Project:
    """What every step and driver is given.

    Attributes:
        root: the project's folder: where tasks.py and invoke.yaml are.
        config: the typed configuration.
        shell: runs programs.
        emit: takes events.
        dry: whether to say what would be done, and change nothing.
        offered: the values of secrets, for which a person may be asked; see ``vault``.
    """

    root: Path
    config: Config
    shell: Shell
    emit: Bus
    dry: bool = False
    offered: Once[dict[str, Secret]] = field(default_factory=Once, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The project's name, as a word that can be part of a file's name."""
        name = self.config.project or self.root.name
        return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "project"

    @cached_property
    def state(self) -> Path:
        """The project's state folder, mode 0700, under the XDG state folder.

        Raises:
            StepError: it cannot be made or written to.
        """
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:8]
        return self.private(state_home() / "castoff" / f"{self.name}-{digest}")

    def private(self, folder: Path) -> Path:
        """Return a folder that only its owner can enter; a dry run does not make it.

        Raises:
            StepError: it cannot be made or written to.
        """
        return folder if self.dry else private_folder(folder)


def state_home() -> Path:
    """``$XDG_STATE_HOME``, or its default (XDG Base Directory specification, 0.8)."""
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".local" / "state"


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner can enter, and return it.

    Raises:
        StepError: it cannot be made, or belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():  # what root made in it would be closed to them
            raise PermissionError(1, f"it belongs to {storage.owner(folder)}")
        folder.chmod(0o700)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "not writable")
    except OSError as error:
        raise StepError(
            f"the state folder {folder} cannot be used: {error.strerror}",
            "Nothing was changed.",
            "Run it as the folder's owner, make it writable, or set XDG_STATE_HOME to another.",
        ) from None
    return folder
