"""What the local target remembers: its config vars and its releases, in files of mode 0600."""

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from castoff.errors import StepError
from castoff.model import Artifact, Release
from castoff.targets.local.state import write_text

T = TypeVar("T")


class Records:
    """The files ``config.json``, ``port`` and ``releases.json`` in a target's state folder."""

    def __init__(self, folder: Path) -> None:
        self._port = folder / "port"
        self._config = folder / "config.json"
        self._releases = folder / "releases.json"

    def config(self) -> dict[str, str]:
        """Return the config vars, values included.

        Raises:
            StepError: the file is damaged.
        """
        return _read(self._config, dict[str, str]) or {}

    def set_config(self, values: dict[str, str]) -> None:
        """Replace the config vars in one step."""
        _write(self._config, values)

    def port(self) -> int | None:
        """Return the port that was reserved before."""
        return _read(self._port, int)

    def set_port(self, port: int) -> None:
        """Keep the port for later deploys."""
        _write(self._port, port)

    def releases(self) -> list[Release]:
        """Return the releases, newest first.

        Raises:
            StepError: the file is damaged.
        """
        return _read(self._releases, list[Release]) or []

    def next_id(self) -> str:
        """Return the id that the next release will have."""
        numbers = [int(one.id.removeprefix("v")) for one in self.releases()]
        return f"v{max(numbers, default=0) + 1}"

    def add(self, id_: str, artifact: Artifact, status: str, note: str = "") -> Release:
        """Record a release; a current one supersedes the one that was."""
        now = datetime.now(UTC).replace(microsecond=0)
        release = Release(id_, artifact.stamp, artifact.id, status, now, who(), note)
        earlier = self.releases()
        if status == "current":
            earlier = [
                msgspec.structs.replace(one, status="superseded")
                if one.status == "current"
                else one
                for one in earlier
            ]
        _write(self._releases, [release, *earlier])
        return release


def who() -> str:
    """The user who deploys; ``getpass`` raises where the user id has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _write(path: Path, value: object) -> None:
    write_text(path, msgspec.json.format(msgspec.json.encode(value), indent=1).decode())


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StepError(
            f"{path} cannot be read: {error}",
            "What serves goes on serving; nothing was changed.",
            f"Put back a copy of {path.name}, or move it away to begin without it.",
        ) from None
