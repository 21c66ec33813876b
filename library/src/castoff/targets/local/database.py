"""The PostgreSQL that the supervisor keeps alive."""

import contextlib
import errno
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from castoff import storage
from castoff.errors import StepError
from castoff.shell import spawn
from castoff.targets.local import postgres, wire
from castoff.targets.local.processes import Identity, Process, environment
from castoff.targets.local.state import State, read_json, tail, write_json

RETRY = 0.05  # seconds; the first tries fail on the shared memory of backends that still end
SLOW_RETRY = 1.0
IMPATIENT = 10.0  # seconds of fast tries
STEADY = 2.0  # seconds that a server must live to count as started
START = 60.0  # seconds that a start may take, with the recovery after a crash
STOP = 30.0
NOT_YET = re.compile("starting up|not yet accepting|shutting down|recovery mode")


class DatabaseServer:
    """Starts PostgreSQL, and starts it again whenever it dies."""

    def __init__(self, state: State, run: Path, changed: Callable[[], None]) -> None:
        self._state = state
        self._changed = changed
        self._run = run
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # so that nothing is started once it stops
        self._trouble = ""
        self._began = 0.0
        self._failing_since: float | None = None
        self.process: Process | None = None

    @property
    def wanted(self) -> bool:
        """Whether a database was made here."""
        return self._state.data.exists()

    @property
    def problem(self) -> str:
        """What is wrong with it, for a person; "" when nothing is."""
        if self._trouble or not self.wanted or postgres.ready(self._run):
            return self._trouble
        if storage.is_full(self._state.folder):  # its log is on that disk
            return f"PostgreSQL does not answer: {os.strerror(errno.ENOSPC)}"
        return f"PostgreSQL does not answer: {_reason(tail(self._log))}"

    @property
    def _log(self) -> Path:
        return self._state.logs / "postgres.log"

    def adopt(self) -> None:
        """Watch the server that an earlier supervisor started, if it still runs."""
        pid = postgres.running(self._state.data)
        if pid and (process := Process.adopted(Identity.of(pid))):
            self._watch(process)

    def ensure(self, configured: Path | None) -> postgres.Binaries:
        """Make the data folder if there is none, start the server if none runs, wait for it.

        Args:
            configured: the folder of its programs, which one that runs already may not have come
                from; found when left out.

        Raises:
            StepError: no PostgreSQL fits, or it does not come up.
        """
        try:
            binaries = self._ensured(configured)
        except StepError as error:
            self._trouble = error.what
            raise
        self._trouble = ""
        return binaries

    def heal(self) -> None:
        """Restart it when somebody removed its socket: it would be out of reach."""
        socket = self._run / f".s.PGSQL.{wire.PORT}"
        settled = time.monotonic() - self._began > STEADY
        if self.process and settled and not socket.exists():
            self.process.signal(signal.SIGINT)

    def stop(self) -> None:
        """Stop it; open transactions are rolled back, committed ones are on disk."""
        self._stopping.set()
        with self._lock:
            process = self.process
        if process:
            process.end(signal.SIGINT, STOP)

    def _ensured(self, folder: Path | None) -> postgres.Binaries:
        binaries = self._find(folder)
        if self.process is None:
            postgres.initialise(binaries, self._state.data)
        write_json(self._state.database, {"bin": str(folder) if folder else None})
        if self.process is None:
            self._watch(self._start(binaries))
        self._wait_until_ready()
        return binaries

    @property
    def configured(self) -> Path | None:
        """The folder of programs that the last ``ensure`` was given."""
        folder = read_json(self._state.database).get("bin")
        return Path(folder) if folder else None

    def _find(self, folder: Path | None) -> postgres.Binaries:
        return postgres.find(folder, major=postgres.data_version(self._state.data))

    def _start(self, binaries: postgres.Binaries) -> Process:
        postgres.clear_stale_pid(self._state.data, self._run)
        argv = postgres.command(binaries, self._state.data, self._run)
        env = environment()
        return Process.started(spawn(argv, cwd=self._state.folder, env=env, log=self._log))

    def _watch(self, process: Process) -> None:
        self._began = time.monotonic()
        self.process = process
        self._changed()
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        while self.process:
            self.process.wait(None)
            if self._stopping.is_set() or self._stopping.wait(self._pause()):
                return
            with self._lock, contextlib.suppress(OSError, StepError):
                if self._stopping.is_set():
                    return
                self._began = time.monotonic()
                # Its programs may be gone for a while.
                self.process = self._start(self._find(self.configured))
            self._changed()

    def _pause(self) -> float:
        if time.monotonic() - self._began > STEADY:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = self._began
        return SLOW_RETRY if self._gave_up else RETRY

    @property
    def _gave_up(self) -> bool:
        since = self._failing_since
        return since is not None and time.monotonic() - since > IMPATIENT

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + START
        while not postgres.ready(self._run):
            if time.monotonic() > until or self._gave_up:
                raise StepError(
                    f"PostgreSQL did not come up: {tail(self._log, 15)}",
                    f"Its data is untouched in {self._state.data}.",
                    "Put right what it says, and try again.",
                )
            time.sleep(0.01)


def _reason(log: str) -> str:
    """The last line of a log that says why, and not only that it is not there."""
    lines = log.splitlines() or ["its log is empty"]
    fatal = [line for line in lines if re.search(r"\b(FATAL|PANIC):", line)]
    return next((line for line in reversed(fatal) if not NOT_YET.search(line)), lines[-1])
