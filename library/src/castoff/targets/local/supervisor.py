"""The process that owns the listening socket, and keeps PostgreSQL and gunicorn alive.

    python -P -m castoff.targets.local.supervisor STATE_FOLDER RUN_FOLDER

It holds a lock on ``STATE/supervisor.lock`` for as long as it lives. At its start it brings back
what an earlier one left: processes that still run are adopted, others are started again. Clients
send one JSON object a line to ``RUN/control.sock``, and get one back, after lines of progress.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from castoff import storage
from castoff.errors import StepError
from castoff.targets.local import postgres
from castoff.targets.local.app import AppServer
from castoff.targets.local.checking import CheckFailed
from castoff.targets.local.database import DatabaseServer
from castoff.targets.local.processes import Identity, Process
from castoff.targets.local.state import (
    State,
    cap_logs,
    code,
    read_processes,
    run_folder,
    write_json,
)

CONTROL = "control.sock"
CODE = code()  # as it was loaded
CAP_LOGS = 3600  # seconds between two looks at their sizes
LET_GO = 2.0  # seconds that a gunicorn may take to close sockets that could not be taken over
Say = Callable[[str], None]
Request = dict[str, Any]


class Supervisor:
    """What runs for one project."""

    def __init__(self, state: State, run: Path) -> None:
        self.state = state
        self.run = run
        self.database = DatabaseServer(state, run, self.save)
        self.app = AppServer(state, run, self.save)
        self.revived = threading.Event()
        self.ended = threading.Event()
        self._operation = threading.Lock()  # one change at a time
        self._saving = threading.Lock()
        self._saved = True
        self._adopted = False

    def answer(self, request: Request, say: Say) -> dict[str, Any]:
        """Do what a client asks for.

        Raises:
            StepError: it could not be done.
            CheckFailed: a candidate may not serve.
        """
        match request["op"]:
            case "status":
                return self.status()
            case "leave":
                with self._operation:
                    os._exit(0)  # what runs is left alone, for the next supervisor
            case "give up":
                self.app.give_up()
                return {}
            case "stop":
                self.state.stopped.touch(mode=0o600)
                self.stop()
                return {}
        with self._operation:
            match request["op"]:
                case "database":
                    return self._database(request["bin"], request["name"], request["owner"])
                case "reserve":
                    return self.app.reserve(request["port"])
                case "ahead":
                    self.app.load_ahead(Path(request["spec"]))
                    return {}
                case "switch":
                    if not request["ahead"]:
                        self.app.end_ahead()
                    self.app.switch(Path(request["spec"]), say)
                    return {}
        raise StepError(f"The supervisor does not know {request['op']}.")

    def status(self) -> dict[str, Any]:
        """What runs, and what is wrong."""
        serving, listeners = self.app.serving, self.app.listeners
        return {
            "reviving": not self.revived.is_set(),
            "code": CODE,
            "supervisor": os.getpid(),
            "gunicorn": _pid(serving.process if serving else None),
            "postgres": _pid(self.database.process),
            "release": serving.spec.id if serving else None,
            "stamp": serving.spec.stamp if serving else None,
            "port": listeners.port if listeners else None,
            "problems": [text for text in (self.app.problem, self.database.problem) if text],
        }

    def revive(self) -> None:
        """Bring back what an earlier supervisor left."""
        try:
            with self._operation:
                self.database.adopt()
                self.app.adopt(read_processes(self.state))
                self._adopted = True
                self.save()
                if self.database.wanted:
                    with contextlib.suppress(StepError):  # its `problem` says so
                        self.database.ensure(self.database.configured)
                self.app.start_current(LET_GO)
        finally:
            self.revived.set()

    def look_after(self) -> None:
        """Bring back what is missing, each second, and keep the logs from filling the disk."""
        capped = 0.0
        while not self.ended.wait(1):
            if time.monotonic() - capped > CAP_LOGS:
                cap_logs(self.state)
                capped = time.monotonic()
            self.database.heal()
            if not self._saved:
                self.save()
            if self._operation.acquire(blocking=False):
                try:
                    self.app.start_current()
                finally:
                    self._operation.release()

    def stop(self) -> None:
        """End gunicorn when its requests are done, then PostgreSQL."""
        self.app.begin_stop()
        with self._operation:
            self.app.stop()
            self.database.stop()
            self.save()
            self.ended.set()

    def save(self) -> None:
        """Write down what runs, for the next supervisor and for a look without one.

        `look_after` does it again where it could not be done.
        """
        if not self._adopted:
            return  # what an earlier one left is still needed
        with self._saving:
            me, database = Identity.of(os.getpid()), self.database.process
            content = {
                "supervisor": me.as_json() if me else None,
                "postgres": database.identity.as_json() if database else None,
                **self.app.as_json(),
            }
            self._saved = False
            # What runs goes on with a full disk, and when somebody removed the state folder.
            with contextlib.suppress(OSError):
                write_json(self.state.processes, content)
                self._saved = True

    def _database(self, configured: str | None, name: str, owner: str) -> dict[str, Any]:
        binaries = self.database.ensure(Path(configured) if configured else None)
        postgres.create_database(self.run, name, owner)
        return {
            "url": postgres.url(self.run, name),
            "folder": str(binaries.folder),
            "major": binaries.major,
            "origin": binaries.origin,
        }


class ControlSocket:
    """Takes requests, each in a thread of its own, so that a client may go away."""

    def __init__(self, supervisor: Supervisor, lock: int) -> None:
        self._supervisor = supervisor
        self._lock = lock
        self._path = supervisor.run / CONTROL
        self._folder = supervisor.state.folder
        self._woken, self._waker = os.pipe()
        self._open()

    def wake(self, *_: object) -> None:
        """End ``serve``; may be called in a signal handler."""
        os.write(self._waker, b"w")

    def serve(self) -> None:
        """Take requests until somebody calls ``wake``, or removes the state folder."""
        while _is_there(self._lock, self._supervisor.state.lock):
            ready = select.select([self._socket.fileno(), self._woken], [], [], 1)[0]
            if self._woken in ready:
                return
            if ready:
                client, _ = self._socket.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()
            if not self._path.exists():  # somebody cleaned /tmp
                self._socket.close()
                self._open()

    def _open(self) -> None:
        run_folder(self._supervisor.state.folder)
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self._path))
        self._socket.listen()

    def _talk(self, client: socket.socket) -> None:
        stream = client.makefile("rw", encoding="utf-8")
        with contextlib.suppress(ValueError, OSError), client, stream:
            request = json.loads(stream.readline())
            _send(stream, self._answer(request, lambda text: _send(stream, {"say": text})))
            if request["op"] == "ahead":
                stream.readline()  # its end: who asked has switched, failed or died
                self._supervisor.app.end_ahead(Path(request["spec"]))
        if self._supervisor.ended.is_set():
            self.wake()

    def _answer(self, request: Request, say: Say) -> dict[str, Any]:
        try:
            return {"answer": self._supervisor.answer(request, say)}
        except CheckFailed as failure:
            return {"error": {"kind": failure.kind, "what": str(failure), "log": failure.log}}
        except StepError as error:
            words = {"what": error.what, "state": error.state, "next": error.next}
            return {"error": {"kind": "failed", **words}}
        except Exception as error:
            with contextlib.suppress(OSError):  # its log may be on the disk that is full
                traceback.print_exc()
            told = storage.refused(error, self._folder) if isinstance(error, OSError) else None
            what = told.what if told else f"{type(error).__name__}: {error}"
            words = {"what": what, "state": "", "next": told.next if told else ""}
            return {"error": {"kind": "failed", **words}}


def _send(stream: IO[str], message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the client went away; what it asked for goes on
        stream.write(json.dumps(message) + "\n")
        stream.flush()


def _pid(process: Process | None) -> int | None:
    return process.pid if process and not process.ended else None


def _locked(path: Path) -> int | None:
    """Take the lock; None when another supervisor has it for longer than a client looks at it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(20):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            time.sleep(0.02)
    os.close(descriptor)
    return None


def _is_there(descriptor: int, path: Path) -> bool:
    """Whether a path still names the file that is open here."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def main(state_folder: str, run: str) -> None:
    """Serve until SIGTERM, or until a client says stop."""
    state = State(Path(state_folder))
    state.make()
    lock = _locked(state.lock)
    if lock is None:
        sys.exit("another supervisor runs already")
    state.stopped.unlink(missing_ok=True)
    supervisor = Supervisor(state, Path(run))
    control = ControlSocket(supervisor, lock)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, control.wake)
    for work in (supervisor.revive, supervisor.look_after):
        threading.Thread(target=work, daemon=True).start()
    control.serve()
    supervisor.stop()
    shutil.rmtree(run, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
