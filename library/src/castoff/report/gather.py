"""The listener that keeps what a run's report shows."""

import time
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from castoff.errors import Interrupted, headline
from castoff.events import Event, Failed, Finished, Found, Measured, Note, Smoked, Started
from castoff.model import Finding, SmokeCheck


class Ending(StrEnum):
    """How a step ended."""

    DONE = "done"
    SAME = "done, changed nothing"
    FAILED = "failed"
    CUT = "did not end"


class Stretch(msgspec.Struct):
    """A step of a target, and the time that it took.

    Attributes:
        target: its name; empty for what is done once for all of them.
        step: its name.
        began: seconds from the beginning of the run.
        seconds: how long it took.
        ending: how it ended.
        detail: its result, or what failed, in one line.
    """

    target: str
    step: str
    began: float
    seconds: float = 0.0
    ending: Ending = Ending.CUT
    detail: str = ""


class Gathered:
    """What happened in a run, by target.

    Attributes:
        when: when the run began, in UTC.
        steps: in the order in which they began.
        sizes: bytes of what was measured, by its name.
        notes: what was told.
    """

    def __init__(self) -> None:
        self.when = datetime.now(UTC)
        self._began = time.monotonic()
        self._open: dict[tuple[str, str], Stretch] = {}
        self._beside: dict[tuple[str, str], Stretch] = {}
        self._findings: dict[str, list[Finding]] = {}
        self._checks: dict[str, list[SmokeCheck]] = {}
        self.steps: list[Stretch] = []
        self.sizes: dict[str, dict[str, int]] = {}
        self.notes: list[Note] = []

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def __call__(self, event: Event) -> None:
        match event:
            case Started(target=target, step=step):
                self._open[target, step] = Stretch(target, step, self.seconds)
                self.steps.append(self._open[target, step])
            case Finished(detail=detail, changed=changed):
                self._end(event, Ending.DONE if changed else Ending.SAME, detail)
            case Failed(what=what):
                self._fail(event, what)
            case Found(target=target, finding=finding):
                self._findings.setdefault(target, []).append(finding)
            case Smoked(target=target, check=check):
                self._checks.setdefault(target, []).append(check)
            case Measured(target=target, sizes=sizes):
                self.sizes[target] = self.sizes.get(target, {}) | sizes
            case Note(target=target, step=step, text=text):
                # Of steps that failed side by side all but the first have a note, and no event.
                beside = self._beside.pop((target, step), None)
                if beside:
                    beside.detail = text
                else:
                    self.notes.append(event)

    def findings(self, target: str) -> list[Finding]:
        """What the checks found on a target."""
        return self._findings.get(target, [])

    def checks(self, target: str) -> list[SmokeCheck]:
        """What smoke was answered by a target."""
        return self._checks.get(target, [])

    def close(self) -> None:
        """Let what still runs end now: the run is over."""
        for stretch in list(self._open.values()):  # after a Ctrl-C a thread may still tell
            stretch.seconds = self.seconds - stretch.began

    def _end(self, event: Finished | Failed, ending: Ending, detail: str) -> None:
        stretch = self._open.pop((event.target, event.step), None)
        if stretch:
            stretch.seconds, stretch.ending, stretch.detail = event.seconds, ending, detail

    def _fail(self, event: Failed, what: str) -> None:
        interrupted = what == Interrupted.what
        self._end(event, Ending.CUT if interrupted else Ending.FAILED, headline(what))
        for target, step in list(self._open):
            if target == event.target and not interrupted:
                stretch = self._beside[target, step] = self._open.pop((target, step))
                stretch.seconds, stretch.ending = self.seconds - stretch.began, Ending.FAILED
