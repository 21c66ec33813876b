"""The lock of a target, with a note beside it of who holds it."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from castoff.errors import StepError
from castoff.targets.local.state import write_text


class Held:
    """The target's lock, with a note beside it of who holds it.

    Args:
        path: the lock's file.
        what: the task that holds it.
        before_end: called before it is freed.
    """

    def __init__(
        self, path: Path, what: str, before_end: Callable[[], None] = lambda: None
    ) -> None:
        self._path = path
        self._note = path.with_suffix(".holder")
        self._what = what
        self._before_end = before_end
        self._lock = FileLock(path, timeout=0, mode=0o600)

    def __enter__(self) -> None:
        try:
            self._lock.acquire()
        except Timeout:
            holder = self._holder()
            raise StepError(
                f"{holder} is changing this target now",
                "Nothing was changed by this run.",
                "Wait until it has ended, and run it again.",
            ) from None
        since = f"{datetime.now():%H:%M:%S}"
        with suppress(OSError):  # a full disk must not keep anybody from stopping what serves
            write_text(self._note, f"`inv {self._what}` (process {os.getpid()}, since {since})")

    def __exit__(self, *error: object) -> None:
        self._before_end()
        self._note.unlink(missing_ok=True)
        self._lock.release()

    def _holder(self) -> str:
        try:
            return self._note.read_text("utf-8", "replace")
        except OSError:
            return "another run"
