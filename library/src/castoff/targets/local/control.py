"""Asks the supervisor, and starts it: what the driver of the local target uses."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from castoff.errors import StepError
from castoff.shell import spawn
from castoff.targets.local.postgres import USER
from castoff.targets.local.processes import Identity, Process, environment
from castoff.targets.local.serving import forgotten
from castoff.targets.local.state import (
    State,
    code,
    read_current,
    read_json,
    read_processes,
    tail,
)

CONTROL = "control.sock"
START = 10.0  # seconds that the supervisor may take to answer for the first time
REVIVE = 90.0  # seconds that it may take to bring back what served, with a database's recovery
SHORT = 10.0
DATABASE = 180.0  # initdb, and the recovery of a large database
STOP = 120.0
SWITCH_MARGIN = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Status:
    """What runs.

    Attributes:
        supervisor, gunicorn, postgres: pids, None where nothing runs.
        release, stamp, port: of what serves; with a dead supervisor, of what it will bring back.
        problems: what is wrong, each in a sentence.
        stopped: whether it was stopped on purpose.
        reviving: whether the supervisor is just bringing things back.
    """

    supervisor: int | None = None
    gunicorn: int | None = None
    postgres: int | None = None
    release: str | None = None
    stamp: str | None = None
    port: int | None = None
    problems: list[str] = field(default_factory=list)
    stopped: bool = False
    reviving: bool = False


@dataclass(frozen=True)
class Database:
    """An embedded database: its URL, and the PostgreSQL programs that fit it, with pg_dump."""

    url: str
    folder: Path
    major: int
    origin: str


@dataclass(frozen=True)
class Reservation:
    """A port for the next release; ``moved_from`` is the kept one if that is taken now."""

    port: int
    moved_from: int | None


@dataclass(eq=False)
class SwitchFailed(StepError):
    """A release may not serve; the one before still does.

    Attributes:
        kind: boot (it ended), hang (not ready in time), health, probe, stopped, or failed.
        log: the last lines that it wrote.
    """

    kind: str = "failed"
    log: str = ""


class Supervisor:
    """The supervisor of a state folder, running or not."""

    def __init__(self, state: Path, run: Path) -> None:
        self._state = State(state)
        self._run = run

    @property
    def run_folder(self) -> Path:
        """Where its sockets are, and PostgreSQL's."""
        return self._run

    def running(self) -> bool:
        """Whether it runs: whether somebody holds its lock."""
        try:
            descriptor = os.open(self._state.lock, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)

    def start(self) -> None:
        """Start it if it does not run; it brings back what served, also after a stop.

        One that runs another castoff, from before an upgrade, is replaced; what serves goes on.

        Raises:
            StepError: it did not come up.
        """
        if self.running():
            self._wait_until_up(None)
            if self._ask({"op": "status"}, SHORT).get("code") == code():
                return
            self._make_leave()
        self._state.make()
        log = self._state.logs / "supervisor.log"
        argv = [sys.executable, "-P", "-m", "castoff.targets.local.supervisor"]
        argv += [str(self._state.folder), str(self._run)]
        child = spawn(argv, cwd=self._state.folder, env=environment(), log=log)
        self._wait_until_up(Process.started(child))

    def status(self) -> Status:
        """What runs; looked up in its files when the supervisor is dead. Changes nothing."""
        with contextlib.suppress(StepError):
            if self.running():
                return self._asked_status()
        return self._status_without()

    def database(
        self, configured: Path | None = None, *, name: str = "app", owner: str = USER
    ) -> Database:
        """Make and start the database, if needed.

        Args:
            configured: the folder of PostgreSQL's programs; found when left out.
            name: the database's name.
            owner: the role that it belongs to.

        Raises:
            StepError: no PostgreSQL fits, or it does not come up.
        """
        folder = str(configured) if configured else None
        request = {"op": "database", "bin": folder, "name": name, "owner": owner}
        said = self._ask(request, DATABASE)
        return Database(said["url"], Path(said["folder"]), said["major"], said["origin"])

    def reserve(self, port: int | None) -> Reservation:
        """Take the port for the next release; nobody else gets it, and nobody is let wait on it.

        Args:
            port: the configured one; None for the one from before, or the first free from 8000.

        Raises:
            StepError: the configured one is taken, and by whom.
        """
        return Reservation(**self._ask({"op": "reserve", "port": port}, SHORT))

    @contextlib.contextmanager
    def ahead(self, spec: Path) -> Iterator[None]:
        """Let a release load while something else is done, for a switch within the block.

        It accepts nothing, and is ended with the block or with this process. One that cannot be
        started says nothing here: the switch tries again.

        Args:
            spec: as for ``switch``.
        """
        with contextlib.closing(self._talk({"op": "ahead", "spec": str(spec)}, SHORT)) as asked:
            with contextlib.suppress(OSError):
                next(asked, None)
            yield

    def switch(self, spec: Path, say: Say = lambda _: None, *, ahead: bool = False) -> None:
        """Put a release live: its workers pass their checks, then they serve instead of the old.

        It goes on when the caller goes away.

        Args:
            spec: the file with the release's ``Spec``, as JSON.
            say: takes lines of progress.
            ahead: whether what was started ahead will do; it is ended otherwise.

        Raises:
            SwitchFailed: it may not serve; what served before still does.
        """
        patience = 2 * float(read_json(spec).get("boot_seconds", 60)) + SWITCH_MARGIN
        self._ask({"op": "switch", "spec": str(spec), "ahead": ahead}, patience, say)

    def give_up(self) -> None:
        """Give up the switch that is under way, unless the new release serves already."""
        with contextlib.suppress(StepError):
            self._ask({"op": "give up"}, SHORT)

    def stop(self) -> bool:
        """End everything, keeping the data and the port; return whether anything ran.

        Raises:
            StepError: it did not end in time.
        """
        if not self.running():
            return self._stop_without()
        self._ask({"op": "stop"}, STOP)
        self._wait_until_ended()
        return True

    def _make_leave(self) -> None:
        with contextlib.suppress(StepError):  # it ends instead of an answer
            self._ask({"op": "leave"}, SHORT)
        self._wait_until_ended()

    def _wait_until_ended(self) -> None:
        until = time.monotonic() + SHORT
        while self.running() and time.monotonic() < until:
            time.sleep(0.01)

    def _wait_until_up(self, process: Process | None) -> None:
        began = time.monotonic()
        while time.monotonic() - began < START:
            with contextlib.suppress(StepError):
                while self._asked_status().reviving and time.monotonic() - began < REVIVE:
                    time.sleep(0.01)
                return
            if process and process.ended and not self.running():
                break
            time.sleep(0.01)
        raise StepError(
            f"The supervisor did not come up: {tail(self._state.logs / 'supervisor.log', 15)}",
            "What served before was left alone.",
            f"Look at {self._state.logs / 'supervisor.log'}, and try again.",
        )

    def _asked_status(self) -> Status:
        said = self._ask({"op": "status"}, SHORT)
        return Status(**{one.name: said[one.name] for one in fields(Status) if one.name in said})

    def _ask(self, request: dict[str, Any], seconds: float, say: Say = lambda _: None) -> Any:
        try:
            for message in self._talk(request, seconds):
                if "answer" in message:
                    return message["answer"]
                if "error" in message:
                    raise self._failure(message["error"])
                say(message["say"])
            raise ConnectionError("it ended in the middle of it")
        except OSError as error:
            raise StepError(
                f"The supervisor did not answer to {request['op']}: {error}.",
                "What served before still serves, unless `inv status` says otherwise.",
                "Try again: it is started anew if it is dead.",
            ) from None

    def _talk(
        self, request: dict[str, Any], seconds: float
    ) -> Generator[dict[str, Any], None, None]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(self._run / CONTROL))
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                for line in stream:
                    yield json.loads(line)

    def _failure(self, error: dict[str, str]) -> StepError:
        status = self.status()
        still = f"Release {status.release} still serves." if status.gunicorn else "Nothing serves."
        if error["kind"] == "failed":
            return StepError(error["what"], error["state"] or still, error["next"])
        return SwitchFailed(
            f"The release may not serve: {error['what']}.",
            still,
            "Put it right, and deploy again.",
            kind=error["kind"],
            log=error["log"],
        )

    def _status_without(self) -> Status:
        left, current = read_processes(self._state), read_current(self._state)
        serving = _serving(left)
        spec = current.get("spec", {})
        gunicorn, postgres = _pid(serving.get("process")), _pid(left.get("postgres"))
        stopped = self._state.stopped.exists()
        runs = {"supervisor": None, "gunicorn": gunicorn, "postgres": postgres}
        dead = [name for name, pid in runs.items() if pid is None]
        wanted = bool(current) and not stopped
        return Status(
            gunicorn=gunicorn,
            postgres=postgres,
            release=spec.get("id"),
            stamp=spec.get("stamp"),
            port=current.get("port"),
            problems=[f"{name} is dead" for name in dead] if wanted else [],
            stopped=stopped,
        )

    def _stop_without(self) -> bool:
        """End what a dead supervisor left running."""
        left = read_processes(self._state)
        known = [(one["process"], signal.SIGTERM) for one in left["gunicorns"]]
        ends = [
            (process, number)
            for value, number in [*known, (left["postgres"], signal.SIGINT)]
            if (process := Process.adopted(Identity.from_json(value)))
        ]
        found = forgotten(self._run, [process.pid for process, _ in ends])
        for process, number in [*((one, signal.SIGTERM) for one in found), *ends]:
            process.end(number, STOP)
        if self._state.folder.exists():
            self._state.stopped.touch(mode=0o600)
        return bool(found or ends)


def _serving(left: dict[str, Any]) -> dict[str, Any]:
    for record in left["gunicorns"]:
        if record["role"] == "serving":
            return dict(record)
    return {}


def _pid(value: object) -> int | None:
    identity = Identity.from_json(value)
    return identity.pid if identity and identity.alive else None
