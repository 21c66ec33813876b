"""The steps. Each observes, plans, acts and observes again; none knows a platform.

A step is a function of the job and of what the steps before made, and returns what is made now.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import msgspec

from castoff import storage
from castoff.errors import CastoffError, Interrupted, StepError
from castoff.events import Failed, Finished, Measured, Note, Output, Planned, Started
from castoff.model import Artifact, Environment, NamedSecret, Release, Source
from castoff.project import Project
from castoff.targets.base import Target


class Made(msgspec.Struct, frozen=True):
    """What the steps have made so far for one target.

    Attributes:
        source: what is to be deployed.
        tree: the project's folder in the unpacked source.
        environment: the lock's virtualenv; None when there is no usable lock, or when a dry run
            found none made before.
        lock_problem: what is wrong with the lock, so that there is no virtualenv.
        secrets: every config var, with where it comes from and what became of it.
        unset: config vars that a dry run would have set.
        artifact: what build made.
        before: the release that served at the beginning.
        release: the release that serves now.
    """

    source: Source | None = None
    tree: Path | None = None
    environment: Environment | None = None
    lock_problem: StepError | None = None
    secrets: tuple[NamedSecret, ...] = ()
    unset: tuple[str, ...] = ()
    artifact: Artifact | None = None
    before: Release | None = None
    release: Release | None = None


class Options(msgspec.Struct, frozen=True):
    """What a person asked for on the command line.

    Attributes:
        create: whether the app may be made on the platform.
        to: the release to roll back to.
        accept: the migrations that a rollback may leave behind older code.
        not_looked: whether to tell which checks could not look, and why.
    """

    create: bool = False
    not_looked: bool = False
    to: str = ""
    accept: tuple[str, ...] = ()


class Job(msgspec.Struct, frozen=True):
    """One target's run.

    Attributes:
        project: the project, with its configuration and its shell.
        target: the target.
        options: what a person asked for on the command line.
    """

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

    def measured(self, step: str, sizes: dict[str, int]) -> None:
        """Tell how large something is, in bytes by a name for a person."""
        if sizes:
            self.project.emit(Measured(self.target.name, step, sizes))

    def plan(self, step: str, what: str, why: str) -> bool:
        """Tell what is about to be done when it is a dry run; return whether to do it."""
        if self.project.dry:
            self.project.emit(Planned(self.target.name, step, what, why))
        return not self.project.dry

    def locked(self, what: str) -> AbstractContextManager[object]:
        """Keep other runs from changing the target; a dry run changes nothing and keeps none.

        Raises:
            StepError: another run holds the lock.
        """
        return nullcontext() if self.project.dry else self.target.lock(what)


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
        CastoffError: of the first step, in their order, that failed, when its neighbours have
            ended; what made these fail is a note.
    """
    for stage in stages:
        for outcome in _side_by_side(stage, job, made):
            made = msgspec.structs.replace(made, **outcome.made)
    return made


class _Ended(msgspec.Struct, frozen=True):
    """How a step ended: with an outcome, or with an error."""

    step: str
    seconds: float
    outcome: Outcome | None = None
    error: CastoffError | None = None


def _side_by_side(stage: Stage, job: Job, made: Made) -> list[Outcome]:
    if len(stage) == 1:  # in this thread, which nobody waits for after a Ctrl-C
        ended = [_ended(stage[0], job, made)]
    else:
        with ThreadPoolExecutor(len(stage)) as pool:
            ended = list(pool.map(lambda step: _ended(step, job, made), stage))
    failed = [one for one in ended if one.error]
    for number, one in enumerate(failed):
        _tell(job, one, first=number == 0)
    for one in failed:
        assert one.error
        raise one.error
    return [one.outcome for one in ended if one.outcome]


def _ended(step: Step, job: Job, made: Made) -> _Ended:
    name, target, emit = step.__name__, job.target.name, job.project.emit
    if job.project.shell.cancelled.is_set():
        raise Interrupted
    emit(Started(target, name))
    began = time.monotonic()
    try:
        outcome = step(job, made)
    except CastoffError as error:
        storage.advise(error, job.project.state)
        return _Ended(name, time.monotonic() - began, error=error)
    except OSError as error:
        return _Ended(name, time.monotonic() - began, error=_refused(job, error))
    spent = time.monotonic() - began
    emit(Finished(target, name, spent, outcome.detail, outcome.changed))
    return _Ended(name, spent, outcome)


def _refused(job: Job, error: OSError) -> StepError:
    """What to tell of a file that could not be written, with what serves now.

    Raises:
        OSError: it is about something else.
    """
    from castoff.steps.now import standing  # which needs this module

    told = storage.refused(error, job.project.state)
    if told is None:
        raise error
    told.state = standing(job)
    return told


def _tell(job: Job, ended: _Ended, first: bool) -> None:
    """Tell the first failure in whole; of those beside it, often of the same cause, one line."""
    error, target = ended.error, job.target.name
    assert error
    if first:
        job.project.emit(
            Failed(target, ended.step, ended.seconds, error.what, error.state, error.next)
        )
    elif not isinstance(error, Interrupted):
        head, _, rest = error.what.partition("\n")
        for line in rest.splitlines():
            job.project.emit(Output(target, ended.step, line))
        job.note(ended.step, f"{ended.step} failed too: {head}", warning=True)
