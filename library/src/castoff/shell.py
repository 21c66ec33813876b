"""The one place that starts a process: argv lists, time limits, an end that reaches every child.

The standard library only, because the local target's supervisor uses it too.
"""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from castoff.errors import Interrupted

GRACE = 5.0  # seconds that an interrupted child gets before it is killed
KEPT_LINES = 100_000  # of each stream; a program that prints more keeps the last ones

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """How a program ended: its argv, exit status, what it printed, and the seconds it took."""

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
    """A program could not be started, ended with another status than 0, or took too long."""

    def __init__(self, result: Result, reason: str = "") -> None:
        self.result = result
        self.reason = reason or f"ended with status {result.status}"
        super().__init__(f"{Path(result.argv[0]).name} {self.reason}")


class Shell:
    """Runs programs, and ends all of them when the run is interrupted."""

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
        process = self._start(words, cwd, env)
        reader = _Reader(process, on_line, stdin)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            end_group(process)
            result = reader.result(words, began)
            raise CommandFailed(result, f"took longer than {timeout:g} s") from None
        finally:
            with self._lock:
                self._running.discard(process)
        result = reader.result(words, began)
        if self.cancelled.is_set():
            raise Interrupted
        if check and status:
            raise CommandFailed(result)
        return result

    def cancel(self) -> None:
        """End every running program; each waiting ``run`` then raises Interrupted."""
        self.cancelled.set()
        with self._lock:
            running = list(self._running)
        for process in running:
            end_group(process)

    def _start(
        self, argv: tuple[str, ...], cwd: Path | None, env: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self.cancelled.is_set():
                raise Interrupted
            try:
                process = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                result = Result(argv, 127, "", str(error), 0.0)
                raise CommandFailed(result, f"could not be started: {error.strerror}") from error
            self._running.add(process)
        return process


class _Reader:
    """Reads both streams of a process in threads, line by line."""

    def __init__(
        self, process: subprocess.Popen[bytes], on_line: OnLine | None, stdin: bytes | None
    ) -> None:
        self._process = process
        self._out: deque[str] = deque(maxlen=KEPT_LINES)
        self._err: deque[str] = deque(maxlen=KEPT_LINES)
        self._threads = [
            threading.Thread(target=_read, args=(process.stdout, self._out, on_line), daemon=True),
            threading.Thread(target=_read, args=(process.stderr, self._err, on_line), daemon=True),
            threading.Thread(target=_feed, args=(process.stdin, stdin or b""), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def result(self, argv: tuple[str, ...], began: float) -> Result:
        for thread in self._threads:
            # A grandchild that was left behind may hold the pipes open for ever.
            thread.join(GRACE)
        status = self._process.returncode
        return Result(
            argv, status, "".join(self._out), "".join(self._err), time.monotonic() - began
        )


def _read(stream: IO[bytes], kept: deque[str], on_line: OnLine | None) -> None:
    with stream:
        for raw in stream:
            line = raw.decode("utf-8", "replace")
            kept.append(line)
            if on_line:
                on_line(line.rstrip("\r\n"))


def _feed(stream: IO[bytes], data: bytes) -> None:
    try:
        with stream:
            stream.write(data)
    except BrokenPipeError:
        pass  # the program did not want its input; its exit status tells


def end_group(process: subprocess.Popen[bytes], grace: float = GRACE) -> None:
    """End a process and its children: SIGTERM, and SIGKILL after ``grace`` seconds."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass
        try:
            process.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue


def foreground(argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> int:
    """Run a program on this terminal until it ends or Ctrl-C ends it; return its status."""
    process = subprocess.Popen([str(word) for word in argv], cwd=cwd, env=env)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The terminal has told the program too; a signal to this process alone did not.
            process.send_signal(signal.SIGINT)


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
