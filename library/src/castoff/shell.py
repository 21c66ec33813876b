"""The one place that starts a process: argv lists, time limits, an end that reaches every child.

The standard library only, because the local target's supervisor uses it too.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from castoff.errors import Interrupted
from castoff.pipes import POLL, OnLine, Talk

__all__ = ["CommandFailed", "OnLine", "Result", "Shell", "end_group", "foreground", "spawn"]

GRACE = 5.0  # seconds that an interrupted child gets before it is killed
ORPHANS = 1.0  # seconds that its own children get after it has ended


@dataclass(frozen=True)
class Result:
    """How a program ended.

    Attributes:
        argv: the program and its arguments.
        status: its exit status; negative when a signal ended it, 127 when it did not start.
        stdout: what it printed.
        stderr: what it printed as errors.
        seconds: how long it took.
    """

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def last_lines(self) -> str:
        """The last lines of its errors, or of its output when it printed no errors."""
        return "\n".join((self.stderr.strip() or self.stdout.strip()).splitlines()[-15:])


class CommandFailed(Exception):
    """A program could not be started, ended with another status than 0, or took too long.

    Attributes:
        result: how it ended.
        reason: which of the three it was, in words that go after its name.
    """

    def __init__(self, result: Result, reason: str = "") -> None:
        self.result = result
        self.reason = reason or _ending(result.status)
        super().__init__(f"{Path(result.argv[0]).name} {self.reason}")


class Shell:
    """Runs programs, and ends all of them when the run is interrupted.

    Attributes:
        cancelled: set once the run is interrupted; from then on nothing is started.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self.cancelled = threading.Event()

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float | None = None,
        on_line: OnLine | None = None,
        check: bool = True,
    ) -> Result:
        """Run a program to its end.

        Args:
            argv: the program and its arguments, never a shell line.
            cwd: the folder it runs in.
            env: its whole environment; this process's own when left out.
            stdin: bytes for its standard input; empty when left out.
            timeout: seconds after which it and its children are ended.
            on_line: called with each line of both streams as it comes.
            check: whether another exit status than 0 raises.

        Raises:
            CommandFailed: it is not there, failed, or took too long.
            Interrupted: the run was cancelled.
        """
        words = tuple(str(word) for word in argv)
        began = time.monotonic()
        process = self._start(words, cwd, env, stdin is not None)
        talk = Talk(process, on_line, stdin or b"", GRACE)
        try:
            in_time = talk.until_end(None if timeout is None else began + timeout)
            if not in_time:
                end_group(process)
                talk.until_end(time.monotonic() + GRACE)
        except BaseException:  # a KeyboardInterrupt too: nothing is left running behind it
            end_group(process)
            raise
        finally:
            talk.close()
            with self._lock:
                self._running.discard(process)
        if self.cancelled.is_set():
            raise Interrupted
        result = Result(words, process.returncode, *talk.texts(), time.monotonic() - began)
        if not in_time:
            raise CommandFailed(result, f"took longer than {timeout:g} s")
        if check and result.status:
            raise CommandFailed(result)
        return result

    def cancel(self) -> None:
        """End every running program; each waiting ``run`` then raises Interrupted."""
        self.cancelled.set()
        with self._lock:
            running = list(self._running)
        for process in running:
            _signal_group(process, signal.SIGTERM)
        until = time.monotonic() + GRACE
        for process in running:
            end_group(process, max(0.0, until - time.monotonic()))

    def _start(
        self, argv: tuple[str, ...], cwd: Path | None, env: Mapping[str, str] | None, feed: bool
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self.cancelled.is_set():
                raise Interrupted
            try:
                process = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:  # ValueError: a NUL in a word or variable
                reason = f"could not be started: {_why_not_started(error, cwd)}"
                raise CommandFailed(Result(argv, 127, "", reason, 0.0), reason) from error
            self._running.add(process)
        return process


def end_group(process: subprocess.Popen[bytes], grace: float = GRACE) -> None:
    """End a process and its children: SIGTERM, and SIGKILL after ``grace`` seconds."""
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
        until = time.monotonic() + min(ORPHANS, grace)
        while _signal_group(process, 0) and time.monotonic() < until:
            time.sleep(POLL)
    _signal_group(process, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    """Signal the process's group, which is named after it; return whether anybody is in it."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def _why_not_started(error: OSError | ValueError, cwd: Path | None) -> str:
    if isinstance(error, ValueError):
        return str(error)
    if cwd is not None and not cwd.is_dir():
        return f"there is no folder {cwd}"
    return str(error.strerror)


def foreground(argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> int:
    """Run a program on this terminal until it ends or Ctrl-C ends it; return its status."""
    process = subprocess.Popen([str(word) for word in argv], cwd=cwd, env=env)
    patience: float | None = None
    number = signal.SIGINT
    while True:
        try:
            return process.wait(patience)
        except KeyboardInterrupt:
            patience = ORPHANS  # the terminal has told the program too
        except subprocess.TimeoutExpired:
            # It was not told, because the signal was for this process alone, or did not listen.
            process.send_signal(number)
            patience, number = GRACE, signal.SIGKILL
        except BaseException:  # this process is told to end in another way
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            process.kill()
            raise


def spawn(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    pass_fds: Iterable[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, in a session of its own.

    Args:
        argv: the program and its arguments.
        cwd: the folder it runs in.
        env: its whole environment.
        log: the file that both its streams are appended to, made with mode 0600.
        pass_fds: file descriptors that it inherits.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            [str(word) for word in argv],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
