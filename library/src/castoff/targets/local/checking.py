"""Checks every worker of a candidate, over the worker's own socket, before it may serve."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from castoff.targets.local.processes import Identity
from castoff.targets.local.serving import Gunicorn, Spec

PROBE_PATH = "/-/castoff/probe"
TRIES = 3
PAUSE = 0.3  # seconds between two tries
SLOWEST = 10  # seconds that one answer may take
TICK = 0.02  # seconds between two looks for workers that have come up


class CheckFailed(Exception):
    """A candidate may not serve.

    Attributes:
        kind: boot, hang, health, probe or stopped.
        log: the last lines that it wrote.
    """

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.log = ""
        super().__init__(text)


@dataclass(frozen=True)
class Answer:
    """What a worker answered."""

    status: int
    release: str
    body: bytes


def check_workers(
    candidate: Gunicorn, port: int, say: Callable[[str], None], stopping: threading.Event
) -> None:
    """Return when every worker has passed the health check and the probe.

    Raises:
        CheckFailed: gunicorn ended, a worker failed, or it took longer than ``boot_seconds``.
    """
    spec, passed = candidate.spec, set[int]()
    asked: dict[int, Future[bool]] = {}
    until = time.monotonic() + spec.boot_seconds
    pool = ThreadPoolExecutor(spec.checked)  # the workers do not come up at the same moment
    try:
        while len(passed) < spec.checked:
            _go_on(candidate, until, len(passed), stopping)
            for pid in _waiting(candidate) - asked.keys():
                asked[pid] = pool.submit(_check, Worker(candidate, pid, port, until), spec)
            done = {pid for pid, check in asked.items() if check.done() and check.result()}
            for pid in done - passed:
                passed.add(pid)
                say(f"{len(passed)} of {spec.checked} workers answered their checks")
            asked = {pid: check for pid, check in asked.items() if _goes_on(pid, check)}
            passed &= asked.keys()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # one that hangs keeps nobody waiting


def _goes_on(pid: int, check: Future[bool]) -> bool:
    """Whether a worker is there, and need not be asked again."""
    return Identity.of(pid) is not None and (not check.done() or check.result())


def _go_on(candidate: Gunicorn, until: float, passed: int, stopping: threading.Event) -> None:
    if candidate.process.wait(TICK):
        status = candidate.process.status
        raise CheckFailed("boot", f"gunicorn ended with status {status} before it could serve")
    if stopping.is_set():
        raise CheckFailed("stopped", "the supervisor was told to stop")
    if time.monotonic() > until:
        spec = candidate.spec
        raise CheckFailed(
            "hang",
            f"{passed} of {spec.checked} workers were ready after {spec.boot_seconds:g} s",
        )


def _waiting(candidate: Gunicorn) -> set[int]:
    assert candidate.folder is not None
    return {int(path.name) for path in candidate.folder.iterdir() if path.name.isdigit()}


class Worker:
    """A worker that waits at the gate."""

    def __init__(self, candidate: Gunicorn, pid: int, port: int, until: float) -> None:
        assert candidate.folder is not None
        self.path = candidate.folder / str(pid)
        self.host = f"localhost:{port}"
        self._until = until

    def ask(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        """Send it a request.

        Raises:
            OSError: it went away, or did not answer in time.
        """
        patience = min(SLOWEST, max(1.0, self._until - time.monotonic()))
        connection = _UnixConnection(self.path, patience)
        try:
            connection.request(method, path, headers={"Host": self.host} | headers)
            got = connection.getresponse()
            return Answer(got.status, got.getheader("X-Release") or "", got.read())
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from None
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _check(worker: Worker, spec: Spec) -> bool:
    """Whether a worker passed both checks; False when it went away and another one will come."""
    for left in reversed(range(TRIES)):
        try:
            _check_health(worker, spec)
            _check_probe(worker, spec)
            return True
        except OSError:
            return False
        except CheckFailed:
            if not left:
                raise
            time.sleep(PAUSE)
    return False


def _check_health(worker: Worker, spec: Spec) -> None:
    try:
        got = worker.ask("GET", spec.health_path, {})
    except TimeoutError:
        text = f"{spec.health_path} was not answered in {SLOWEST} s"
        raise CheckFailed("hang", text) from None
    if got.status != 200:
        raise CheckFailed("health", f"{spec.health_path} answered {got.status} instead of 200")
    if got.release != spec.stamp:
        said = f"the release {got.release}" if got.release else "no release"
        raise CheckFailed("health", f"{spec.health_path} names {said}, instead of {spec.stamp}")


def _check_probe(worker: Worker, spec: Spec) -> None:
    try:
        got = worker.ask("POST", PROBE_PATH, {"Authorization": f"Bearer {spec.probe_token}"})
    except TimeoutError:
        why = "the database cannot be reached, or is slow"
        raise CheckFailed("probe", f"the probe was not answered in {SLOWEST} s: {why}") from None
    body = _object(got.body)
    if got.status == 404:
        raise CheckFailed(
            "probe",
            "the probe answered 404: castoff.django.middleware.ReleaseMiddleware is not in "
            "MIDDLEWARE, or CASTOFF_PROBE_TOKEN is not the token of this release",
        )
    if got.status != 200:
        why = f": {body['error']}" if "error" in body else ""
        raise CheckFailed("probe", f"the probe answered {got.status}{why}")
    migrations = body.get("migrations")
    if isinstance(migrations, dict) and (pending := migrations.get("pending")):
        raise CheckFailed("probe", f"migrations are not applied: {', '.join(map(str, pending))}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
