"""A disk that is full, read-only or somebody else's: what to tell of it, and what to do."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from castoff.errors import CastoffError, StepError

FULL = (errno.ENOSPC, errno.EDQUOT)
# PostgreSQL has words of its own where a part of a block had room.
SIGNS = (*map(os.strerror, FULL), "could not extend file")
LITTLE = 100_000  # bytes
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)


class DiskFull(StepError):
    """Another disk than the state folder's is full, and the error says already what to do."""


def refused(error: OSError, folder: Path) -> StepError | None:
    """Return an error for a person of a file that the disk refused; None for any other error.

    Args:
        error: what the system said.
        folder: the state folder.
    """
    if error.errno not in FULL and not (error.errno in CLOSED and error.filename):
        return None
    name = error.filename if isinstance(error.filename, str | Path) else f"a file below {folder}"
    next_ = _make_room(folder) if error.errno in FULL else _open_up(Path(name), folder)
    return StepError(f"{name} cannot be written: {error.strerror}", next=next_)


def advise(error: CastoffError, folder: Path) -> None:
    """Let an error that a full disk is behind say so, whatever program met it.

    Args:
        error: its ``next`` is what the failed program's own trouble would ask for.
        folder: the state folder.
    """
    if not isinstance(error, DiskFull) and any(words in error.what for words in SIGNS):
        error.next = _make_room(folder)


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no room to speak of."""
    return shutil.disk_usage(folder).free < LITTLE


def owner(path: Path) -> str:
    """The name of a file's owner, or the number where there is no name."""
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)


def _make_room(folder: Path) -> str:
    return (
        f"Make room; `df -h {folder} {tempfile.gettempdir()}` shows which disk is full. "
        "Then the same command again goes on from here."
    )


def _open_up(path: Path, folder: Path) -> str:
    there = next((one for one in (path, *path.parents) if one.exists()), folder)
    return (
        f"{there} belongs to {owner(there)}: give this user the right to write there, run it as "
        "that one, or set XDG_STATE_HOME to another folder."
    )
