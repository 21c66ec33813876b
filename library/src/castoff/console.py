"""The listeners: a terminal, JSON lines, a log file. Nothing else of castoff prints."""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from castoff.events import (
    Event,
    Failed,
    Finished,
    Found,
    Note,
    Output,
    Planned,
    Smoked,
    Started,
)
from castoff.redactor import REDACTOR

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

LOGS_KEPT = 50
MARKS = {"done": ("✓", "green"), "same": ("✓", "dim"), "failed": ("✗", "bold red")}


class Terminal:
    """Shows a run to a person: live on a terminal, plain lines elsewhere.

    Args:
        stream: where it is written.
        targets: the targets of the run; with several of them each line begins with its target.
        all_answers: whether every smoke check has a line, or only those that failed.
    """

    def __init__(self, stream: IO[str], targets: list[str], all_answers: bool = False) -> None:
        from rich.console import Console

        self._console: Console = Console(file=stream, highlight=False, soft_wrap=True)
        self._width = max(map(len, targets), default=0) if len(targets) > 1 else 0
        self._all_answers = all_answers
        self._running: dict[tuple[str, str], str] = {}
        self._live: Live | None = None

    def __enter__(self) -> "Terminal":
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, transient=True, refresh_per_second=12)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def __call__(self, event: Event) -> None:
        place = (event.target, event.step)
        match event:
            case Started():
                self._running[place] = ""
            case Output(line=line):
                self._running[place] = line
            case Finished() | Failed():
                self._running.pop(place, None)
        for line in self._lines(event):
            self._print(line)
        self._refresh()

    def line(self, text: str, style: str = "") -> None:
        """Print one more line, outside of any step."""
        from rich.text import Text

        self._print(Text(REDACTOR.redact(text), style))

    def table(self, heads: list[str], rows: Iterable[list[str]]) -> None:
        """Print a table without rules."""
        from rich.table import Table
        from rich.text import Text

        table = Table(*heads, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(REDACTOR.redact(cell)) for cell in row))
        self._print(table)

    def _lines(self, event: Event) -> list["Text"]:
        match event:
            case Finished(seconds=seconds, detail=detail, changed=changed) if detail:
                return [self._step(event, "done" if changed else "same", seconds, detail)]
            case Failed(seconds=seconds, what=what):
                return [self._step(event, "failed", seconds, what.partition("\n")[0])]
            case Planned(what=what, why=why):
                return [self._text(event, f"  would {what}", f"  ({why})")]
            case Found(finding=finding) if not finding.silenced:
                style = "red" if finding.stops else "yellow"
                head = self._text(event, f"  {finding.id} ", f"{finding.where}: ", style)
                head.append(REDACTOR.redact(finding.message))
                hints = [f"       {line}" for line in finding.hint.splitlines()]
                return [head, *(self._text(event, "", hint) for hint in hints)]
            case Smoked(check=check) if self._all_answers:
                return [self._answer(event, check.ok, f"{check.id}: {check.detail}")]
            case Note(text=text, warning=warning):
                return [self._text(event, "! " if warning else "  ", text, "yellow")]
            case _:
                return []

    def _step(self, event: Event, state: str, seconds: float, detail: str) -> "Text":
        mark, style = MARKS[state]
        text = self._text(event, f"{mark} {event.step:<9}", f"{seconds:6.1f} s  ", style)
        return text.append(REDACTOR.redact(detail))

    def _answer(self, event: Event, ok: bool, detail: str) -> "Text":
        mark, style = MARKS["done" if ok else "failed"]
        return self._text(event, f"  {mark} ", "", style).append(REDACTOR.redact(detail))

    def _text(self, event: Event, head: str, tail: str, style: str = "") -> "Text":
        from rich.text import Text

        prefix = f"{event.target:<{self._width}}  " if self._width else ""
        text = Text(prefix, "bold")
        text.append(REDACTOR.redact(head), style)
        return text.append(REDACTOR.redact(tail), "dim")

    def _print(self, what: object) -> None:
        try:
            self._console.print(what)
        except BrokenPipeError:
            # The reader has gone (`| head -1`); the run goes on, and so does its log.
            self._console.file = open(os.devnull, "w")  # noqa: SIM115

    def _refresh(self) -> None:
        if self._live is None:
            return
        from rich.columns import Columns
        from rich.spinner import Spinner

        rows = [
            Spinner("dots", f" {target} {step}  {REDACTOR.redact(line)[:80]}".replace("[", r"\["))
            for (target, step), line in self._running.items()
        ]
        self._live.update(Columns(rows, column_first=True, width=110))


class JsonLines:
    """Writes each event as one JSON object a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream: IO[str] | None = stream

    def __call__(self, event: Event) -> None:
        self.write(event)

    def write(self, value: object) -> None:
        """Write any value that msgspec can encode."""
        if self._stream is None:
            return
        try:
            text = msgspec.json.encode(value, enc_hook=str).decode()
            self._stream.write(REDACTOR.redact(text) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            self._stream = None


class LogFile:
    """Writes everything that happened to a file that only its owner can read."""

    def __init__(self, folder: Path, task: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in sorted(folder.glob("*.log"))[: -LOGS_KEPT + 1]:
            old.unlink(missing_ok=True)
        now = datetime.now(UTC)
        self.path = folder / f"{now:%Y%m%dT%H%M%S.%f}-{task}.log"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._stream: IO[str] = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace")

    def __call__(self, event: Event) -> None:
        kind = type(event).__name__.lower()
        fields = {
            name: value
            for name, value in msgspec.to_builtins(event, enc_hook=str).items()
            if name not in ("event", "target", "step") and value != ""
        }
        text = event.line if isinstance(event, Output) else " ".join(_pairs(fields))
        self._line(f"{event.target or '-'} {event.step} {kind} {text}")

    def _line(self, text: str) -> None:
        now = f"{datetime.now(UTC):%H:%M:%S.%f}"[:-3]
        try:
            self._stream.write(f"{now} {REDACTOR.redact(text)}\n")
            self._stream.flush()
        except OSError as error:  # a full disk must not stop a rollback
            sys.stderr.write(f"castoff: the log cannot be written: {error.strerror}\n")
            self._stream = open(os.devnull, "w")  # noqa: SIM115


def _pairs(fields: dict[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in fields.items()]
