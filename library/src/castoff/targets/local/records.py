"""What the local target remembers: its config vars and its releases, in files of mode 0600."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from castoff import vault
from castoff.errors import StepError
from castoff.model import Artifact, Release, Secret, current_of
from castoff.person import user
from castoff.targets.local.state import State, read_current, write_json, write_text

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
        self._state = state

    def config(self) -> dict[str, str]:
        """Return the config vars, values included; the redactor knows them from then on.

        Raises:
            StepError: the file is damaged.
        """
        # Not msgspec: it refuses a value with bytes that are not UTF-8 (PEP 383).
        values = _read(self._config, _variables, SET_ANEW) or {}
        for name in values.keys() - set(vault.PROVIDED):
            Secret(name, values[name])
        return values

    def set_config(self, values: dict[str, str]) -> None:
        """Replace the config vars in one step."""
        write_json(self._config, values)

    def port(self) -> int | None:
        """Return the port that was reserved before; None when nothing can be made of the file."""
        with suppress(OSError, ValueError):  # the supervisor knows it too, and reserves it again
            return msgspec.json.decode(self._port.read_bytes(), type=int)
        return None

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
        kept = _read(self._releases, _releases, FORGOTTEN) or []
        live = self.live()
        if not live:
            return kept
        known = any(one.id == live["id"] for one in kept)
        before = [_settled(one, live["id"]) for one in kept]
        return before if known else [self._recovered(live), *before]

    def live(self) -> dict[str, Any]:
        """Return the spec of what is served, as the supervisor keeps it; {} without one."""
        spec: dict[str, Any] = read_current(self._state).get("spec", {})
        return spec if RELEASE_ID.fullmatch(str(spec.get("id"))) else {}

    def current(self) -> Release | None:
        """Return the release that is current; None before the first."""
        return current_of(self.releases())

    def begin(self, artifact: Artifact, note: str = "") -> Release:
        """Write down a release that is about to be made, and return it."""
        releases = self.releases()
        number = max((int(one.id.removeprefix("v")) for one in releases), default=0) + 1
        now = datetime.now(UTC).replace(microsecond=0)
        release = Release(f"v{number}", artifact.stamp, artifact.id, BEGUN, now, user(), note)
        self._write([release, *releases])
        return release

    def forget(self, release: Release) -> None:
        """Take back what ``begin`` wrote down."""
        self._write([one for one in self.releases() if one.id != release.id])

    def end(
        self, release: Release, status: str, note: str = "", *, migrated: bool = True
    ) -> Release:
        """Write down what became of a release; ``status`` is ``current`` or ``failed``."""
        note = note or release.note
        ended = msgspec.structs.replace(release, status=status, note=note, migrated=migrated)
        others = [one for one in self.releases() if one.id != release.id]
        self._write([ended, *others])
        return ended

    def _recovered(self, live: dict[str, Any]) -> Release:
        """The current release, whose record is lost, from how it is run."""
        at = datetime.fromtimestamp(self._state.current.stat().st_mtime, UTC).replace(microsecond=0)
        folder = Path(str(live.get("cwd", "")))
        builds = self._state.folder / "builds"
        artifact = folder.relative_to(builds).parts[0] if builds in folder.parents else ""
        stamp = str(live.get("stamp", ""))
        return Release(live["id"], stamp, artifact, "current", at, note="its record was lost")

    def _write(self, releases: list[Release]) -> None:
        data = msgspec.json.format(msgspec.json.encode(releases), indent=1)
        write_text(self._releases, data.decode())


RELEASE_ID = re.compile(r"v\d+")
SET_ANEW = (
    "Without one, move it away: then each secret is taken from its source again, and SECRET_KEY "
    "is a new one, which logs everybody out."
)
FORGOTTEN = (
    "Without one, move it away: what serves is known all the same, earlier releases are forgotten."
)
BEGUN = "begun"  # only in the file: a run that ended in the middle left it


def _settled(release: Release, live: str) -> Release:
    if release.id == live:
        return msgspec.structs.replace(release, status="current")
    if release.status == "current":
        return msgspec.structs.replace(release, status="superseded")
    if release.status == BEGUN:
        return msgspec.structs.replace(release, status="failed", note="did not end")
    return release


def _variables(data: bytes) -> dict[str, str]:
    values = json.loads(data)
    return msgspec.convert(values, dict[str, str])


def _releases(data: bytes) -> list[Release]:
    releases = msgspec.json.decode(data, type=list[Release])
    strange = [one.id for one in releases if not RELEASE_ID.fullmatch(one.id)]
    if strange:
        raise ValueError(f"a release is named {strange[0]}")
    return releases


def _read(path: Path, decode: Callable[[bytes], T], without: str) -> T | None:
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StepError(
            f"{path} cannot be read: {error}",
            "What serves goes on serving; nothing was changed.",
            f"Put back a copy of {path.name}. {without}",
        ) from None
