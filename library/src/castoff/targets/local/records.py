"""What the local target remembers: its config vars and its releases, in files of mode 0600."""

import getpass
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from castoff import vault
from castoff.errors import StepError
from castoff.model import Artifact, Release, Secret
from castoff.targets.local.state import State, read_json, write_json, write_text

T = TypeVar("T")


class Records:
    """The files ``config.json``, ``port`` and ``releases.json`` in a target's state folder.

    Args:
        state: the target's state folder; its ``current.json`` is the supervisor's.
    """

    def __init__(self, state: State) -> None:
        self._port = state.folder / "port"
        self._config = state.folder / "config.json"
        self._releases = state.folder / "releases.json"
        self._current = state.current

    def config(self) -> dict[str, str]:
        """Return the config vars, values included; the redactor knows them from then on.

        Raises:
            StepError: the file is damaged.
        """
        # Not msgspec: it refuses a value with bytes that are not UTF-8 (PEP 383).
        values = _read(self._config, _variables) or {}
        for name in values.keys() - set(vault.PROVIDED):
            Secret(name, values[name])
        return values

    def set_config(self, values: dict[str, str]) -> None:
        """Replace the config vars in one step."""
        write_json(self._config, values)

    def port(self) -> int | None:
        """Return the port that was reserved before."""
        return _read(self._port, lambda data: msgspec.json.decode(data, type=int))

    def set_port(self, port: int) -> None:
        """Keep the port for later deploys."""
        write_json(self._port, port)

    def releases(self) -> list[Release]:
        """Return the releases, newest first.

        Which one is current is the supervisor's to say: a run may have ended before it could
        write down what became of its release.

        Raises:
            StepError: the file is damaged.
        """
        kept = _read(self._releases, lambda data: msgspec.json.decode(data, type=list[Release]))
        live = read_json(self._current).get("spec", {}).get("id")
        return [_settled(one, live) if live else one for one in kept or []]

    def begin(self, artifact: Artifact, note: str = "") -> Release:
        """Write down a release that is about to be made, and return it."""
        releases = self.releases()
        number = max((int(one.id.removeprefix("v")) for one in releases), default=0) + 1
        now = datetime.now(UTC).replace(microsecond=0)
        release = Release(f"v{number}", artifact.stamp, artifact.id, BEGUN, now, who(), note)
        self._write([release, *releases])
        return release

    def end(self, release: Release, status: str, note: str = "") -> Release:
        """Write down what became of a release; ``status`` is ``current`` or ``failed``."""
        ended = msgspec.structs.replace(release, status=status, note=note or release.note)
        others = [one for one in self.releases() if one.id != release.id]
        self._write([ended, *others])
        return ended

    def _write(self, releases: list[Release]) -> None:
        data = msgspec.json.format(msgspec.json.encode(releases), indent=1)
        write_text(self._releases, data.decode())


BEGUN = "begun"  # only in the file: a run that ended in the middle left it


def _settled(release: Release, live: str) -> Release:
    if release.id == live:
        return msgspec.structs.replace(release, status="current")
    if release.status == "current":
        return msgspec.structs.replace(release, status="superseded")
    if release.status == BEGUN:
        return msgspec.structs.replace(release, status="failed", note="did not end")
    return release


def who() -> str:
    """The user who deploys; ``getpass`` raises where the user id has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _variables(data: bytes) -> dict[str, str]:
    values = json.loads(data)
    return msgspec.convert(values, dict[str, str])


def _read(path: Path, decode: Callable[[bytes], T]) -> T | None:
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StepError(
            f"{path} cannot be read: {error}",
            "What serves goes on serving; nothing was changed.",
            f"Put back a copy of {path.name}, or move it away to begin without it.",
        ) from None
