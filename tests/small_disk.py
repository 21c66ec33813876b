"""A disk of its own for a folder, small enough to be filled."""

import os
import subprocess
from pathlib import Path

import pytest

SIZE = 400_000_000  # bytes; a deployed checkout takes a third of it
PIECE = 1_000_000


class SmallDisk:
    """Mounts a disk over a folder; the test is skipped where that is not allowed.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir(mode=0o700, exist_ok=True)
        options = f"size={SIZE},mode=700"
        argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        mounted = subprocess.run(argv, capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")

    def fill(self, leave: int = 0) -> None:
        """Leave so many bytes, and no more, to everybody else."""
        with self._ballast.open("wb", buffering=0) as ballast:
            while (room := self._free - leave) > 0:
                try:
                    ballast.write(b"\0" * min(room, PIECE))
                except OSError:  # somebody else took the last of it
                    break

    def make_room(self) -> None:
        """Give back what ``fill`` has taken."""
        self._ballast.unlink(missing_ok=True)

    def end(self) -> None:
        """Take the disk away with everything on it."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)

    @property
    def _free(self) -> int:
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize
