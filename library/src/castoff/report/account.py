"""All that a report says, as one value."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from castoff.errors import ExitCode
from castoff.events import Note
from castoff.model import Finding, SmokeCheck, Source
from castoff.person import Person
from castoff.report.gather import Stretch
from castoff.run import TargetResult


class Verdict(StrEnum):
    """How a run ended, in words."""

    DONE = "done"
    FAILED = "failed"
    NEEDS_A_PERSON = "needs a person"
    INTERRUPTED = "interrupted"


VERDICTS = {
    ExitCode.DONE: Verdict.DONE,
    ExitCode.FAILED: Verdict.FAILED,
    ExitCode.WRONG_INPUT: Verdict.FAILED,
    ExitCode.NEEDS_A_PERSON: Verdict.NEEDS_A_PERSON,
    ExitCode.INTERRUPTED: Verdict.INTERRUPTED,
}


class Log(msgspec.Struct, frozen=True):
    """The run's log, or its ends.

    Attributes:
        path: the whole file.
        head: its first part.
        left_out: bytes between the first part and the last.
        tail: its last part; empty when the first is all of it.
    """

    path: Path
    head: str
    left_out: int = 0
    tail: str = ""


class Account(msgspec.Struct, frozen=True):
    """A run, from its beginning to its end.

    Attributes:
        task: the task's name.
        project: the project's name.
        began: when it began, with its time zone.
        seconds: how long it took.
        person: who ran it.
        source: what was deployed; None when the task looks at no source, or there was none.
        subjects: the first line of each released commit's message, by its stamp.
        results: how it ended, by target.
        steps: what was done, in the order in which it began.
        findings, checks, sizes: what was found, asked and measured, by target.
        notes: what was told.
        log: the run's log; None when there is none.
    """

    task: str
    project: str
    began: datetime
    seconds: float
    person: Person
    source: Source | None
    subjects: dict[str, str]
    results: dict[str, TargetResult]
    steps: list[Stretch]
    findings: dict[str, list[Finding]]
    checks: dict[str, list[SmokeCheck]]
    sizes: dict[str, dict[str, int]]
    notes: list[Note]
    log: Log | None

    @property
    def verdict(self) -> Verdict:
        """How it ended: of several targets the gravest."""
        return VERDICTS[max(result.code for result in self.results.values())]
