"""The steps. Each observes, plans, acts and observes again; none knows a platform.

A step is a function of the job and of what the steps before made, and returns what is made now.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from castoff.errors import CastoffError, Interrupted
from castoff.events import Failed, Finished, Note, Output, Planned, Started
from castoff.model import (
    Artifact,
    Attachment,
    Environment,
    Finding,
    Release,
    SmokeCheck,
    Source,
)
from castoff.project import Project
from castoff.targets.base import Target


class Made(msgspec.Struct, frozen=True):
    """What the steps have made so far for one target."""

    source: Source | None = None
    environment: Environment | None = None
    lock_problem: str = ""
    findings: tuple[Finding, ...] = ()
    artifact: Artifact | None = None
    attachment: Attachment | None = None
    before: Release | None = None
    release: Release | None = None
    smoke: tuple[SmokeCheck, ...] = ()


class Options(msgspec.Struct, frozen=True):
    """What a person asked for on the command line.

    Attributes:
        create: whether the app may be made on the platform.
        to: the release to roll back to.
        accept: the migrations that a rollback may leave behind older code.
    """

    create: bool = False
    to: str = ""
    accept: tuple[str, ...] = ()


class Job(msgspec.Struct, frozen=True):
    """One target's run."""

    project: Project
    target: Target
    options: Options = Options()

    @property
    def public_urls(self) -> tuple[str, ...]:
        """The target's own URL and every custom domain."""
        return (self.target.url, *self.target.domains)

    def say(self, step: str) -> Callable[[str], None]:
        """Return what takes a program's lines for a step."""
        return lambda line: self.project.emit(Output(self.target.name, step, line))

    def note(self, step: str, text: str, warning: bool = False) -> None:
        """Tell a person something."""
        self.project.emit(Note(self.target.name, step, text, warning))

    def plan(self, step: str, what: str, why: str) -> bool:
        """Tell what is about to be done when it is a dry run; return whether to do it."""
        if self.project.dry:
            self.project.emit(Planned(self.target.name, step, what, why))
        return not self.project.dry


class Outcome(msgspec.Struct, frozen=True):
    """What a step made, and what to say of it.

    Attributes:
        detail: one line for a person; an empty one is not shown.
        changed: whether anything was done.
        made: the fields of Made that are new.
    """

    detail: str
    made: dict[str, Any] = {}
    changed: bool = True


Step = Callable[[Job, Made], Outcome]
Stage = tuple[Step, ...]


def run(stages: tuple[Stage, ...], job: Job, made: Made) -> Made:
    """Run the stages one after another, the steps of a stage side by side.

    Raises:
        CastoffError: of the first step that failed, when its neighbours have ended.
    """
    for stage in stages:
        for outcome in _side_by_side(stage, job, made):
            made = msgspec.structs.replace(made, **outcome.made)
    return made


def _side_by_side(stage: Stage, job: Job, made: Made) -> list[Outcome]:
    if len(stage) == 1:
        return [_timed(stage[0], job, made)]
    with ThreadPoolExecutor(len(stage)) as pool:
        futures = [pool.submit(_timed, step, job, made) for step in stage]
    return [future.result() for future in futures]


def _timed(step: Step, job: Job, made: Made) -> Outcome:
    name, target, emit = step.__name__, job.target.name, job.project.emit
    if job.project.shell.cancelled.is_set():
        raise Interrupted
    emit(Started(target, name))
    began = time.monotonic()
    try:
        outcome = step(job, made)
    except CastoffError as error:
        spent = time.monotonic() - began
        emit(Failed(target, name, spent, error.what, error.state, error.next))
        raise
    emit(Finished(target, name, time.monotonic() - began, outcome.detail, outcome.changed))
    return outcome
