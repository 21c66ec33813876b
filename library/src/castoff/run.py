"""One run of a task: every target in a thread of its own, one outcome for each."""

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import msgspec

from castoff import targets
from castoff.errors import CastoffError, ExitCode, Interrupted
from castoff.events import Output
from castoff.model import Release
from castoff.project import Project
from castoff.steps import Job, Made, Options

PATIENCE = 15.0  # seconds in which the targets' threads end after Ctrl-C

Work = Callable[[Job, Made], Made]


class TargetError(msgspec.Struct, frozen=True):
    """The three parts of an error, for ``--json``."""

    what: str
    state: str
    next: str


class TargetResult(msgspec.Struct, frozen=True):
    """How a run ended on one target; ``seconds`` is how long it took."""

    name: str
    ok: bool
    url: str
    release: Release | None
    seconds: float
    error: TargetError | None
    code: ExitCode
    made: Made


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
            thread.join()
    except KeyboardInterrupt:
        project.shell.cancel()
        _wait(threads)
    return {name: results.get(name) or _interrupted(name) for name in names}


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, while the block runs."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDING = (signal.SIGTERM, signal.SIGHUP)


def _one(project: Project, name: str, work: Work, made: Made, options: Options) -> TargetResult:
    began = time.monotonic()
    url, error, code = "", None, ExitCode.DONE
    release: Release | None = None
    try:
        target = targets.load(project, name)
        made = work(Job(project, target, options), made)
        release, url = made.release, target.url
    except CastoffError as failed:
        error, code = TargetError(failed.what, failed.state, failed.next), failed.code
        if isinstance(failed, Interrupted):
            error = _interrupted(name).error
    except Exception as unforeseen:
        error, code = _own_error(project, name, unforeseen), ExitCode.FAILED
    return TargetResult(
        name, error is None, url, release, time.monotonic() - began, error, code, made
    )


def _own_error(project: Project, name: str, error: Exception) -> TargetError:
    """An error that castoff did not foresee: its traceback is for the log, not for a person."""
    for line in traceback.format_exception(error):
        project.emit(Output(name, "error", line.rstrip()))
    return TargetError(
        f"castoff met an error of its own: {type(error).__name__}: {error}",
        f"It may have stopped half-way: `inv status --target={name}` says what serves.",
        "The same command again finishes it, if it can; please report it with the log.",
    )


def _wait(threads: list[threading.Thread]) -> None:
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _interrupted(name: str) -> TargetResult:
    error = TargetError(
        "interrupted",
        "What served before still serves, unless the switch had begun.",
        f"`inv status --target={name}` says what serves; the same command again finishes it.",
    )
    return TargetResult(name, False, "", None, 0.0, error, ExitCode.INTERRUPTED, Made())
