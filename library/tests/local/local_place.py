"""A place where releases are served: a state folder, its supervisor, and what a test does to it."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from local_apps import TOKEN, write_django, write_plain

import castoff
from castoff.targets.local import wire
from castoff.targets.local.control import Status, Supervisor
from castoff.targets.local.processes import Identity
from castoff.targets.local.state import read_json, run_folder, write_json

SOURCE = Path(castoff.__file__).parents[1]


class Place:
    """One project's local target, in a folder whose name is awkward."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.state = folder / "state ü of Zoë"
        self.run = run_folder(self.state)
        self.python = python
        self.supervisor = Supervisor(self.state, self.run)

    @property
    def status(self) -> Status:
        """What runs."""
        return self.supervisor.status()

    @property
    def url(self) -> str:
        """Where the app answers."""
        return f"http://localhost:{self.status.port}"

    def spec(self, name: str, *, mode: str = "ok", **changes: Any) -> Path:
        """A release of the plain app."""
        folder = self.folder / f"release {name}"
        folder.mkdir(exist_ok=True)
        env = {"MODE": mode, "STAMP": name, "CASTOFF_PROBE_TOKEN": TOKEN}
        return self._write(folder, name, write_plain(folder), env, changes)

    def django_spec(
        self, name: str, database_url: str, *, patience: float = 0.5, **changes: Any
    ) -> Path:
        """A release of the Django project, which waits so many seconds for a connection."""
        folder = self.folder / f"release {name}"
        folder.mkdir(exist_ok=True)
        env = {
            "PYTHONPATH": str(SOURCE),
            "DJANGO_SETTINGS_MODULE": "settings",
            "DATABASE_URL": database_url,
            "POOL_TIMEOUT": str(patience),
            "CASTOFF_PROBE_TOKEN": TOKEN,
        }
        return self._write(folder, name, write_django(folder, name), env, changes)

    def migrate(self, spec: Path) -> None:
        """Run the project's migrations."""
        content = json.loads(spec.read_text())
        argv = [str(self.python), "-m", "django", "migrate", "-v0"]
        subprocess.run(argv, cwd=content["cwd"], env=content["env"], check=True)

    def deploy(self, name: str, **changes: Any) -> None:
        """Serve a release of the plain app, from nothing if need be."""
        self.supervisor.start()
        self.supervisor.reserve(None)
        self.supervisor.switch(self.spec(name, **changes))

    def get(self, path: str = "/") -> str:
        """What the app answers."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return str(answer.read().decode())

    def release(self) -> str:
        """Which release answers."""
        return self.get().partition(" ")[0]

    def query(self, sql: str, database: str = "app") -> list[str]:
        """Ask the database."""
        return wire.query(self.run, "postgres", database, sql)

    def kill(self, *pids: int | None) -> None:
        """SIGKILL processes, which must be there."""
        for pid in pids:
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    def pids(self) -> list[int]:
        """Every process that was ever written down here and may run now."""
        left = read_json(self.state / "supervisor.json")
        records = [one["process"] for one in left.get("gunicorns", [])]
        records += [left.get("supervisor"), left.get("postgres")]
        return [record["pid"] for record in records if record]

    def pretend_reboot(self) -> None:
        """Kill everything, and let all that was written down be from an earlier boot."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        path = self.state / "supervisor.json"
        text = path.read_text()
        boot = json.loads(text)["supervisor"]["boot"]
        write_json(path, json.loads(text.replace(boot, "0-another-boot")))
        eventually(lambda: not self.supervisor.running())

    def _write(
        self, folder: Path, name: str, wsgi: str, env: dict[str, str], changes: dict[str, Any]
    ) -> Path:
        spec = {
            "id": name,
            "stamp": name,
            "python": str(self.python),
            "cwd": str(folder),
            "wsgi": wsgi,
            "env": env | {"PATH": os.environ["PATH"]},
            "probe_token": TOKEN,
            "boot_seconds": 15,
            "graceful_seconds": 10,
        }
        path = folder / "spec.json"
        write_json(path, spec | changes)
        return path


def gone(pid: int | None) -> bool:
    """Whether a process has ended; a zombie has."""
    return pid is not None and Identity.of(pid) is None


def eventually(true: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while True:
        with suppress(OSError, HTTPException, wire.ServerError):
            if true():
                return
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
