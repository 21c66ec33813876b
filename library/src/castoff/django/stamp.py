"""The release stamp: which code this process runs."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Stamp:
    """What `build` wrote into the artifact.

    Attributes:
        commit: a full sha, or `<sha>-dirty-<12 hex of the tree>`, or "unknown" without a stamp.
        committed_at: the commit's own time, ISO 8601.
        version: `git describe`, or the short sha.
    """

    commit: str = UNKNOWN
    committed_at: str = ""
    version: str = ""

    def as_json(self) -> dict[str, str]:
        """The stamp as `release.json` holds it."""
        return asdict(self)


@cache
def stamp() -> Stamp:
    """Reads `release.json` from the working folder, else from `settings.BASE_DIR`; once a process.

    A missing or damaged file gives `Stamp()`: an app must boot without its stamp.
    """
    for folder in _folders():
        if found := _read(folder / "release.json"):
            return found
    return Stamp()


def _folders() -> list[Path]:
    base = getattr(settings, "BASE_DIR", None)
    return [Path(), *([Path(base)] if base else [])]


def _read(path: Path) -> Stamp | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):  # ValueError: broken JSON or broken UTF-8
        return None
    if not isinstance(content, dict) or not _line(content.get("commit"), 100):
        return None
    return Stamp(
        commit=_line(content["commit"], 100),
        committed_at=_line(content.get("committed_at"), 40),
        version=_line(content.get("version"), 100),
    )


def _line(value: object, longest: int) -> str:
    """The value if it fits a header and a column, else an empty text."""
    if isinstance(value, str) and len(value) <= longest and value.isascii() and value.isprintable():
        return value
    return ""
