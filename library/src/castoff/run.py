"""One run of a task: every target in a thread of its own, one outcome for each."""

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import msgspec

from castoff import storage, targets
from castoff.errors import CastoffError, ExitCode, Interrupted, StepError, of_its_own
from castoff.events import Output
from castoff.model import Release
from castoff.project import Project
from castoff.steps import Job, Made, Options
from castoff.steps.now import standing

# The kernel may hand a signal to another thread of the process than the main one, which Python
# does not wake then: a plain join() would hear Ctrl-C only when the thread ends by itself.
TICK = 0.1  # seconds between two looks at whether there was a signal
PATIENCE = 5.0  # seconds in which the targets' threads end after Ctrl-C

Work = Callable[[Job, Made], Made]


class TargetError(msgspec.Struct, frozen=True):
    """The three parts of an error, for ``--json``.

    Attributes:
        what: what failed.
        state: what state things are in now.
        next: what to do next.
    """

    what: str
    state: str
    next: str


class TargetResult(msgspec.Struct, frozen=True):
    """How a run ended on one target.

    Attributes:
        name: the target's name.
        ok: whether it was done.
        url: where the app answers, or will after its first release.
        release: the current release, whatever the run did; None before the first.
        seconds: how long it took.
        error: what failed.
        code: the exit code.
    """

    name: str
    ok: bool
    url: str
    release: Release | None
    seconds: float
    error: TargetError | None
    code: ExitCode


def run(
    project: Project, names: list[str], work: Work, made: Made, options: Options
) -> dict[str, TargetResult]:
    """Do the work on every target at once; one that fails does not stop the others.

    Ctrl-C, SIGTERM and SIGHUP end every child process, and each target says where it stands.
    """
    results: dict[str, TargetResult] = {}

    def one(name: str) -> None:
        results[name] = _one(project, name, work, made, options)

    threads = [threading.Thread(target=one, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(TICK)
    except KeyboardInterrupt:
        project.shell.cancel()
        _wait(threads)
    return {name: results.get(name) or interrupted(project, name) for name in names}


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, while the block runs; only the first counts.

    One that this process was started to ignore is ignored, as under nohup.
    """
    seen = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        if not seen:
            seen = True
            raise KeyboardInterrupt

    heard = [one for one in _ENDING if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        if not seen:  # else the process is about to end, and one more must not cut that off
            for number, handler in before.items():
                signal.signal(number, handler)


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def refused(project: Project, name: str, error: CastoffError) -> TargetResult:
    """The result of a target on which nothing could be begun, or that it did not end on."""
    url, release = "", None
    storage.advise(error, project.state)
    with suppress(Exception):  # that went wrong already; the first error is the one to tell
        job = Job(project, targets.load(project, name))
        found = job.target.status(revive=False)
        url, release = found.url, found.release
    return TargetResult(name, False, url, release, 0.0, parts(error), error.code)


def parts(error: CastoffError) -> TargetError:
    """The three parts of an error."""
    return TargetError(error.what, error.state, error.next)


def interrupted(project: Project, name: str) -> TargetResult:
    """The result of a target whose work was interrupted: says what serves now."""
    next_ = "The same command again goes on from here."
    error = Interrupted(state=_standing(project, name), next=next_)
    return refused(project, name, error)


def _one(project: Project, name: str, work: Work, made: Made, options: Options) -> TargetResult:
    began = time.monotonic()
    try:
        job = Job(project, targets.load(project, name), options)
        error, code = None, ExitCode.DONE
        try:
            work(job, made)
        except CastoffError as failed:
            error, code = _stated(job, failed), failed.code
        spent, now = time.monotonic() - began, job.target.status(revive=False)
        return TargetResult(name, error is None, now.url, now.release, spent, error, code)
    except CastoffError as failed:
        return refused(project, name, failed)
    except Exception as unforeseen:
        return refused(project, name, own_error(project, name, unforeseen))


def _stated(job: Job, error: CastoffError) -> TargetError:
    if isinstance(error, Interrupted) and not error.state:
        end = interrupted(job.project, job.target.name).error
        assert end
        return end
    return parts(error)


def own_error(project: Project, name: str, error: Exception) -> StepError:
    """An error that castoff did not foresee: its traceback is for the log, not for a person."""
    told = storage.refused(error, project.state) if isinstance(error, OSError) else None
    if told:
        told.state = _standing(project, name)
        return told
    for line in traceback.format_exception(error):
        project.emit(Output(name, "error", line.rstrip()))
    return StepError(
        of_its_own(error),
        "It may have stopped half-way: `inv status` says what serves.",
        "The same command again finishes it, if it can; please report it with the log.",
    )


def _standing(project: Project, name: str) -> str:
    """What serves now on a target; before any was come to, nothing can have changed."""
    if not name:
        return "Nothing was changed; what served before still serves."
    with suppress(Exception):
        return standing(Job(project, targets.load(project, name)))
    return "It is not known what serves; `inv status` looks again."


def _wait(threads: list[threading.Thread]) -> None:
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
