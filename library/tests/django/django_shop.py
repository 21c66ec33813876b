"""The fixture project: its migrations are written by the test, its commands are processes."""

import http.client
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

TEMPLATE = Path(__file__).parent / "project"
TOKEN = "t" * 40
INITIAL = """
    migrations.CreateModel("Item", [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20)),
    ]),
"""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


@dataclass
class Project:
    """A copy of the template in `folder`, using the database of `url`."""

    folder: Path
    url: str
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(TEMPLATE, self.folder)
        # "ashop" sorts before castoff, so that Django would migrate it first.
        for app in ("ashop", "shop"):
            (self.folder / app / "migrations").mkdir(parents=True)
            (self.folder / app / "__init__.py").touch()
            (self.folder / app / "models.py").touch()
            (self.folder / app / "migrations/__init__.py").touch()
        self.migration("0001_initial", INITIAL)
        self.stamp("a" * 40)

    def stamp(self, commit: str) -> None:
        content = {"commit": commit, "committed_at": "2026-01-02T03:04:05+00:00", "version": "1.2"}
        (self.folder / "release.json").write_text(json.dumps(content))

    def migration(
        self, name: str, operations: str, after: str = "", atomic: bool = True, app: str = "shop"
    ) -> None:
        """Writes a migration file; `after` names the migration of the same app before it."""
        (self.folder / app / "migrations" / f"{name}.py").write_text(
            "import time\n"
            "from django.db import migrations, models\n"
            "class Migration(migrations.Migration):\n"
            f"    atomic = {atomic}\n"
            f"    dependencies = {[(app, after)] if after else []}\n"
            f"    operations = [{operations}]\n"
        )

    def environ(self, **more: str) -> dict[str, str]:
        spec = importlib.util.find_spec("castoff")
        assert spec and spec.origin
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        own = {"DATABASE_URL": self.url, "CASTOFF_PROBE_TOKEN": TOKEN}
        where = {
            "PYTHONPATH": str(Path(spec.origin).parents[1]),
            # Shared by all tests of a run: compiling Django takes most of a process's time.
            "PYTHONPYCACHEPREFIX": str(self.folder.parents[1] / "pycache"),
        }
        return keep | own | where | self.environment | more

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Starts a command of manage.py; stdout and stderr are one."""
        return subprocess.Popen(
            [self.python, "manage.py", *arguments],
            cwd=self.folder,
            env=self.environ(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def manage(self, *arguments: str, **more: str) -> tuple[int, str]:
        """Runs a command of manage.py: exit code and all that it printed."""
        with self.start(*arguments, **more) as process:
            output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def release(self, *arguments: str, **more: str) -> str:
        """A release that must succeed; what it printed."""
        code, output = self.manage("release", *arguments, **more)
        assert code == 0, output
        return output

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def ledger(self) -> list[dict[str, Any]]:
        """The rows of the ledger, oldest first."""
        return [
            row for (row,) in self.query("SELECT to_jsonb(r) FROM castoff_release r ORDER BY id")
        ]

    @contextmanager
    def served(self, **more: str) -> Iterator["Site"]:
        """The project over HTTP, in a process of its own."""
        process = subprocess.Popen(
            [self.python, "serve.py"],
            cwd=self.folder,
            env=self.environ(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout
            yield Site(int(process.stdout.readline()))
        finally:
            process.kill()
            process.communicate()


@dataclass(frozen=True)
class Site:
    """The project, as a client on loopback sees it."""

    port: int

    def ask(
        self, method: str, path: str, host: str = "shop.example", **headers: str | bytes
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, headers={"Host": host, **headers})
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    def probe(self, token: str | bytes = TOKEN, host: str = "shop.example") -> Answer:
        given = token if isinstance(token, bytes) else token.encode()
        return self.ask("POST", "/-/castoff/probe", host, Authorization=b"Bearer " + given)
