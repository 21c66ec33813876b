"""A process that can be told from a later one with the same pid, and waited for by anybody."""

import contextlib
import os
import select
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from signal import SIGKILL, Signals
from typing import TYPE_CHECKING, Any, Self

from castoff.errors import StepError
from castoff.shell import CommandFailed, Shell

if TYPE_CHECKING:
    import subprocess

POLL = 0.05  # seconds between two looks where the system has no pidfd
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH")


@dataclass(frozen=True)
class Identity:
    """A process: its pid, and when it was started in which boot, because pids are used again."""

    pid: int
    started: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Look a pid up; None when there is no such process, or only a zombie."""
        started = _started(pid)
        return cls(pid, started, boot_id()) if started else None

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Read what ``as_json`` wrote; None for anything else."""
        try:
            return cls(**value)  # type: ignore[arg-type]
        except TypeError:
            return None

    def as_json(self) -> dict[str, Any]:
        """The identity as the state file holds it."""
        return asdict(self)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.boot == boot_id() and _started(self.pid) == self.started


class Process:
    """A process that was started here, or adopted from a supervisor that died."""

    def __init__(self, identity: Identity, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.identity = identity
        self._child = child
        self._pidfd = _pidfd(identity.pid)

    @classmethod
    def started(cls, child: "subprocess.Popen[bytes]") -> Self:
        """Take over a child that was just started."""
        # An unreaped child keeps its pid: even when it has ended by now, nobody else has it.
        identity = Identity.of(child.pid) or Identity(child.pid, "ended", boot_id())
        return cls(identity, child)

    @classmethod
    def adopted(cls, identity: Identity | None) -> Self | None:
        """Take over a process that another one started; None when it has ended."""
        if identity is None or not identity.alive:
            return None
        process = cls(identity)
        return process if identity.alive else None  # it may have ended before the pidfd was open

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.identity.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.wait(0)

    @property
    def status(self) -> int | None:
        """The exit status of an ended child, negative for a signal; None where unknown."""
        return self._child.poll() if self._child else None

    def wait(self, seconds: float | None) -> bool:
        """Wait for its end, for ever with None; return whether it has ended."""
        if not self._wait(seconds):
            return False
        if self._child:
            self._child.wait()  # reaps it
        return True

    def _wait(self, seconds: float | None) -> bool:
        if self._pidfd is not None:
            poller = select.poll()
            poller.register(self._pidfd, select.POLLIN)
            return bool(poller.poll(None if seconds is None else max(0.0, seconds) * 1000))
        until = None if seconds is None else time.monotonic() + seconds
        while self._runs():
            if until is not None and time.monotonic() >= until:
                return False
            time.sleep(POLL)
        return True

    def _runs(self) -> bool:
        return self._child.poll() is None if self._child else self.identity.alive

    def signal(self, number: Signals) -> None:
        """Send it a signal, if it still runs."""
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """SIGKILL it and everything it started in its session."""
        if not self.ended:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, SIGKILL)

    def end(self, number: Signals, patience: float) -> None:
        """Ask it to end by a signal; kill its group after ``patience`` seconds; wait."""
        self.signal(number)
        if not self.wait(patience):
            self.kill_group()
            self.wait(5)

    def __del__(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)


def output(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
    """Run a short program, at most 120 s, and return what it printed.

    Raises:
        StepError: it failed.
    """
    try:
        return Shell().run(argv, env=env or environment(), timeout=120).stdout
    except CommandFailed as error:
        raise StepError(f"{error}: {error.result.last_lines}") from None


def environment() -> dict[str, str]:
    """The environment of what serves apps: nothing secret that the caller may have in its own."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


@cache
def boot_id() -> str:
    """What is different after each boot of the machine."""
    if sys.platform == "linux":
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return output(["sysctl", "-n", "kern.bootsessionuuid"]).strip()


def having_in_environment(words: bytes) -> list[int]:
    """The processes of this user that were started with the words in a variable; Linux only."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            if words in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def parent(pid: int) -> int:
    """The process that a process was started by, or was left to; 0 when it has ended."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(content.rpartition(")")[2].split()[1])


def since(pid: int) -> datetime | None:
    """When a process was started; None where that cannot be told, as on macOS."""
    ticks = _started(pid)
    if sys.platform != "linux" or not ticks:
        return None
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return datetime.fromtimestamp(booted + int(ticks) / os.sysconf("SC_CLK_TCK")).astimezone()


def _started(pid: int) -> str:
    """When a process was started, in the system's own words; "" if it does not run."""
    if sys.platform != "linux":
        try:
            state, _, started = output(["ps", "-o", "state=,lstart=", "-p", str(pid)]).partition(
                " "
            )
        except StepError:
            return ""
        return "" if state.startswith("Z") else started.strip()
    try:
        content = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    fields = content.rpartition(")")[2].split()  # the name in front may hold blanks and brackets
    return "" if fields[0] in "ZX" else fields[19]


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux; Linux before 5.3; ended
        return None
