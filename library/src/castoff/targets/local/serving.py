"""One start of gunicorn for a release, and the gate that its workers wait at."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from castoff.errors import StepError
from castoff.shell import spawn
from castoff.targets.local.processes import (
    Identity,
    Process,
    environment,
    having_in_environment,
    parent,
)
from castoff.targets.local.sockets import Listeners
from castoff.targets.local.state import State, new_app_log, read_json

MARGIN = 5  # seconds beyond gunicorn's own graceful timeout before its group is killed
GATE = Path(__file__).with_name("gate.py")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a release is served: what the driver writes, as JSON and with mode 0600.

    Attributes:
        id: the release's id, such as "v3".
        stamp: what its health check must say in ``X-Release``.
        python: the interpreter of the release's virtualenv.
        cwd: the release's folder, the real one and not through a link.
        wsgi: the application, as "package.module:name".
        env: its whole environment.
        workers: processes.
        threads: threads in each; 1 with a gunicorn before 27.
        worker_memory: MiB that a worker may take before another takes its place; 0 for any.
        health_path: where the health check is.
        probe_token: the probe's bearer token, 32 characters or more.
        boot_seconds: how long it may take until all its workers have passed both checks.
        graceful_seconds: how long requests under way may take when it is replaced.
        image: the engine's id of the image that it is; empty when gunicorn runs on this machine.
        project: the project's name, for the container's.
        memory_mb: MiB that the container may take.
        engine: variables by which the engine is found.
    """

    id: str
    stamp: str
    python: str
    cwd: str
    wsgi: str
    env: dict[str, str]
    workers: int = 2
    threads: int = 4
    worker_memory: int = 0
    health_path: str = "/healthz"
    probe_token: str = ""
    boot_seconds: float = 60
    graceful_seconds: int = 30
    image: str = ""
    project: str = ""
    memory_mb: int = 0
    engine: dict[str, str] = field(default_factory=dict)

    @property
    def checked(self) -> int:
        """How many answer checks on a socket of their own: each worker, or the one container."""
        return 1 if self.image else self.workers

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read a spec.

        Raises:
            StepError: a key is missing or unknown.
        """
        try:
            return cls(**value)
        except TypeError:
            names = ", ".join(field.name for field in fields(cls))
            raise StepError(
                f"The run spec has {', '.join(value) or 'nothing'}; its keys are {names}.",
                "What served before still serves.",
                "`inv deploy` writes it anew.",
            ) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a spec's file; see ``from_json``."""
        return cls.from_json(read_json(path))

    def as_json(self) -> dict[str, Any]:
        """The spec as its file holds it."""
        return asdict(self)


class Gunicorn:
    """A gunicorn master with its workers.

    Its role is "candidate" while its workers wait at the gate, "promoting" for the moment in
    which it becomes the current one, then "serving", and at last "draining".
    """

    def __init__(self, spec: Spec, process: Process, promotion: str, role: str, log: Path) -> None:
        self.spec = spec
        self.process = process
        self.promotion = promotion  # the same for all starts of a release that was made current
        self.role = role
        self.log = log
        self.folder: Path | None = None
        self._gate: int | None = None

    @classmethod
    def start(
        cls, spec: Spec, listeners: Listeners, state: State, run: Path, promotion: str | None = None
    ) -> Self:
        """Start gunicorn on sockets that listen.

        Args:
            spec: the release.
            listeners: what it will be reached at.
            state: where its log goes.
            run: where its workers' sockets go.
            promotion: of the current release, whose gate is open; a candidate when left out.

        Raises:
            StepError: the release's interpreter or folder is not there.
        """
        boot = secrets.token_hex(4)
        folder, log = run / f"gate-{boot}", new_app_log(state, boot)
        folder.mkdir(mode=0o700, parents=True)
        theirs, ours = os.pipe()
        try:
            process = _spawn(spec, listeners, theirs, folder, log)
        except OSError as error:
            os.close(ours)
            shutil.rmtree(folder)
            raise StepError(f"{spec.id} could not be started: {error}.") from None
        finally:
            os.close(theirs)
        started = cls(spec, process, promotion or boot, "candidate", log)
        started.folder, started._gate = folder, ours
        if promotion:
            started.role = "serving"
            started.open_gate()
        return started

    @classmethod
    def adopt(cls, record: dict[str, Any], spec: Spec) -> Self | None:
        """Take over one that another supervisor started; None when it has ended."""
        process = Process.adopted(Identity.from_json(record["process"]))
        if process is None:
            return None
        return cls(spec, process, record["promotion"], record["role"], Path(record["log"]))

    def as_json(self) -> dict[str, Any]:
        """What ``adopt`` needs."""
        return {
            "release": self.spec.id,
            "stamp": self.spec.stamp,
            "process": self.process.identity.as_json(),
            "promotion": self.promotion,
            "role": self.role,
            "log": str(self.log),
        }

    def open_gate(self) -> None:
        """Let its workers serve."""
        assert self._gate is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended; whoever watches it sees that
            os.write(self._gate, b"1")
        self._forget_gate()

    def give_up(self) -> None:
        """End it and its workers at once."""
        if self.spec.image:
            self.process.end(signal.SIGTERM, MARGIN)  # it takes its container away
        self.process.kill_group()
        self.process.wait(MARGIN)
        self._forget_gate()

    def drain(self) -> None:
        """Let it finish the requests under way, and wait for its end."""
        self.process.end(signal.SIGTERM, self.spec.graceful_seconds + MARGIN)

    def _forget_gate(self) -> None:
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


def forgotten(run: Path, known: Iterable[int]) -> list[Process]:
    """Find the gunicorns of a run folder that nobody wrote down; on Linux only.

    Args:
        run: the supervisor's run folder, which each of them was told.
        known: the pids of those that were written down.
    """
    told = f'"folder": "{run}/gate-'
    pids = {*having_in_environment(told.encode()), *known}
    lost = [pid for pid in pids - {*known} if parent(pid) not in pids]
    return [process for pid in lost if (process := Process.adopted(Identity.of(pid)))]


def _spawn(spec: Spec, listeners: Listeners, gate: int, folder: Path, log: Path) -> Process:
    told = {
        "pipe": gate,
        "folder": str(folder),
        "workers": spec.workers,
        "threads": spec.threads,
        "worker_memory": spec.worker_memory,
        "graceful_seconds": spec.graceful_seconds,
        "name": spec.id,
    }
    if spec.image:
        return _spawn_contained(spec, told, listeners, gate, log)
    binds = [word for number in listeners.descriptors for word in ("-b", f"fd://{number}")]
    return Process.started(
        spawn(
            [spec.python, "-m", "gunicorn", "-c", str(GATE), *binds, spec.wsgi],
            cwd=Path(spec.cwd),
            env=spec.env | {"CASTOFF_GATE": json.dumps(told)},
            log=log,
            pass_fds=(*listeners.descriptors, gate),
        )
    )


def _spawn_contained(
    spec: Spec, told: dict[str, Any], listeners: Listeners, gate: int, log: Path
) -> Process:
    told |= {
        "listeners": listeners.descriptors,
        "image": spec.image,
        "project": spec.project,
        "memory_mb": spec.memory_mb,
        "port": int(spec.env["PORT"]),
        "env": spec.env,
        "database": str(Path(told["folder"]).parent),
    }
    return Process.started(
        spawn(
            # The last word is for whoever looks with `ps`.
            [sys.executable, "-P", "-m", "castoff.targets.local.contained", spec.cwd],
            cwd=Path(spec.cwd),
            env=environment() | spec.engine | {"CASTOFF_GATE": json.dumps(told)},
            log=log,
            pass_fds=(*listeners.descriptors, gate),
        )
    )
