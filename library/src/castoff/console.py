"""The listeners that print: a terminal, JSON lines. Nothing else of castoff does."""

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any, cast

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
    from rich.spinner import Spinner
    from rich.text import Text

GONE = (errno.EPIPE, errno.EIO)  # who read it has had enough, or closed the terminal
LIVE_WIDTH = 80  # letters of a program's last line
NAMES = ("event", "target", "step")  # castoff's own words, which a secret's value may happen to be
# What moves a terminal's cursor or colours it: an app's output is shown, never obeyed.
CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
MARKS = {"done": ("✓", "green"), "same": ("✓", "dim"), "failed": ("✗", "bold red")}


def redacted(value: Any) -> Any:
    """Return the value as plain data without secrets; no encoding of it can then bring one back."""
    plain = msgspec.to_builtins(value, enc_hook=str, str_keys=True)
    return _without_secrets(plain)


def _without_secrets(plain: Any) -> Any:
    if isinstance(plain, str):
        # A variable's bytes that are no UTF-8 are lone surrogates, which no stream takes.
        return REDACTOR.redact(plain).encode("utf-8", "replace").decode()
    if isinstance(plain, dict):
        return {
            name: entry if name in NAMES else _without_secrets(entry)
            for name, entry in plain.items()
        }
    if isinstance(plain, list | tuple):
        return [_without_secrets(entry) for entry in plain]
    return plain


class Lasting:
    """A stream whose end does not end the run: its reader has gone, its disk is full.

    Args:
        stream: what is written to; None where Python found it closed.
        encoding: of what is written; the stream's own when left out.
    """

    def __init__(self, stream: IO[str] | None, encoding: str | None = None) -> None:
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="replace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            silence(self._stream)
            if error.errno not in GONE:
                self._tell(error)
        return len(text)

    def flush(self) -> None:
        """Nothing to do: each write has done it."""

    def _tell(self, error: OSError) -> None:
        """Say once that something is missing, where that can be read."""
        if self._stream is not sys.stderr:
            reason = f"{error.strerror}; the run goes on"
            Lasting(sys.stderr).write(f"castoff: stdout cannot be written: {reason}\n")


def silence(stream: IO[str]) -> None:
    """Send what is still to be written to nowhere; else Python complains of it as it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class Terminal:
    """Shows a run to a person: live on a terminal, plain lines elsewhere.

    Args:
        stream: where it is written.
        targets: the targets of the run; with several of them each line begins with its target.
        all_answers: whether every smoke check has a line, or only those that failed.
    """

    def __init__(
        self, stream: IO[str] | None, targets: list[str], all_answers: bool = False
    ) -> None:
        from rich.console import Console

        lasting = cast(IO[str], Lasting(stream))
        # Not FORCE_COLOR and its like: what is no terminal gets plain text.
        self._console = Console(
            file=lasting,
            force_terminal=lasting.isatty(),
            highlight=False,
            soft_wrap=True,
        )
        self._width = max(map(len, targets), default=0) if len(targets) > 1 else 0
        self._all_answers = all_answers
        self._running: dict[tuple[str, str], Spinner] = {}
        self._planned: set[tuple[str, str]] = set()
        self._headlines: set[str] = set()
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
        if self._live:
            self._follow(self._live, event)
        if not isinstance(event, Output | Started):
            for line in self._lines(msgspec.convert(redacted(event), type(event))):
                self._console.print(line)

    def error(self, what: str, state: str, next: str, target: str = "") -> None:
        """Print the three parts of an error; a headline that its step had already is left out.

        Args:
            what: what failed, of one line or more.
            state: what state things are in.
            next: what to do next.
            target: where; empty when there is only one.
        """
        head, _, rest = what.partition("\n")
        told = not target and head in self._headlines
        self.line("" if told else f"\n{target}{': ' if target else ''}{head}", "bold red")
        for text in (rest, state and f"State: {state}", next and f"Next: {next}"):
            if text:
                self.line(text)

    def line(self, text: str, style: str = "") -> None:
        """Print one more line, outside of any step."""
        from rich.text import Text

        self._console.print(Text(shown(text), style))

    def table(self, heads: list[str], rows: Iterable[list[str]]) -> None:
        """Print a table without rules; a line of it is never folded."""
        from rich.cells import cell_len
        from rich.text import Text

        lines = [heads, *([shown(cell) for cell in row] for row in rows)]
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        for number, line in enumerate(lines):
            cells = (
                cell + " " * (width - cell_len(cell))
                for cell, width in zip(line, widths, strict=True)
            )
            self._console.print(Text("  ".join(cells).rstrip(), "" if number else "bold"))

    def _lines(self, event: Event) -> list["Text"]:
        match event:
            case Finished(seconds=seconds, detail=detail, changed=changed) if detail:
                if (event.target, event.step) in self._planned:
                    return []  # the plan has said it
                return [self._step(event, "done" if changed else "same", seconds, detail)]
            case Failed(seconds=seconds, what=what):
                headline = what.partition("\n")[0]
                self._headlines.add(headline)
                return [self._step(event, "failed", seconds, headline)]
            case Planned(what=what, why=why):
                self._planned.add((event.target, event.step))
                return [self._text(event, f"  would {what}", f"  ({why})")]
            case Found(finding=finding) if not finding.silenced:
                style = "red" if finding.stops else "yellow"
                head = self._text(event, f"  {finding.id} ", f"{finding.where}: ", style)
                head.append(shown(finding.message))
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
        return text.append(shown(detail))

    def _answer(self, event: Event, ok: bool, detail: str) -> "Text":
        mark, style = MARKS["done" if ok else "failed"]
        return self._text(event, f"  {mark} ", "", style).append(shown(detail))

    def _text(self, event: Event, head: str, tail: str, style: str = "") -> "Text":
        from rich.text import Text

        prefix = f"{event.target:<{self._width}}  " if self._width else ""
        text = Text(prefix, "bold")
        text.append(shown(head), style)
        return text.append(shown(tail), "dim")

    def _follow(self, live: "Live", event: Event) -> None:
        """Show what runs, each step with the last line of its program."""
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        place = (event.target, event.step)
        last = event.line if isinstance(event, Output) else ""
        label = Text(f"{event.target} {event.step}  {shown(last)[:LIVE_WIDTH]}", no_wrap=True)
        label.overflow = "ellipsis"
        match event:
            case Output() if place in self._running:
                self._running[place].update(text=label)
                return
            case Started() | Output():
                # What is prepared for all targets is over when the first of them begins.
                running = {key: one for key, one in self._running.items() if key[0]}
                self._running = {**running, place: Spinner("dots", label)}
            case Finished() | Failed():
                self._running.pop(place, None)
        live.update(Group(*self._running.values()))


class JsonLines:
    """Writes each event as one JSON object a line."""

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = Lasting(stream, "utf-8")

    def __call__(self, event: Event) -> None:
        self.write(event)

    def write(self, value: object) -> None:
        """Write any value that msgspec can encode."""
        self._stream.write(msgspec.json.encode(redacted(value)).decode() + "\n")


def shown(text: str) -> str:
    """Return the text as a person may see it: without secrets, and without orders to a terminal."""
    safe: str = _without_secrets(text)
    return CONTROLS.sub("", safe)
