"""The listener that writes a run's log."""

import contextlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from castoff.console import NAMES, Lasting, redacted
from castoff.events import Event, Output

LOGS_KEPT = 50


class LogFile:
    """Writes everything that happened to a file that only its owner can read.

    A log that cannot be made or written is told on stderr once; it must not stop a rollback.
    """

    def __init__(self, folder: Path, task: str) -> None:
        now = datetime.now(UTC)
        self.path = folder / f"{now:%Y%m%dT%H%M%S.%f}-{task}.log"
        self._stream: IO[str] | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in _without_report(folder)[: -LOGS_KEPT + 1]:
                old.unlink(missing_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._stream = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace")
        except OSError as error:
            self._give_up(error)

    def __call__(self, event: Event) -> None:
        if self._stream is None:
            return
        fields = redacted(event)
        pairs = [
            f"{name}={value}" for name, value in fields.items() if name not in NAMES and value != ""
        ]
        text = fields["line"] if isinstance(event, Output) else " ".join(pairs)
        now = f"{datetime.now(UTC):%H:%M:%S.%f}"[:-3]
        line = f"{now} {event.target or '-'} {event.step} {fields['event']} {text}\n"
        try:
            self._stream.write(line)
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
        self._stream = None
        reason = error.strerror or type(error).__name__
        Lasting(sys.stderr).write(f"castoff: the log cannot be written: {reason}\n")


def _without_report(logs: Path) -> list[Path]:
    """The logs, oldest first, that no report points to: with those they are kept, and pruned."""
    reports = {page.stem for page in logs.with_name("reports").glob("*.html")}
    return sorted(log for log in logs.glob("*.log") if log.stem not in reports)
