"""Serving the fixture site: one gunicorn a fault, on a listening socket of the test's."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import trustme
from django_server import Server

import castoff
from castoff.config import SmokeConfig
from castoff.model import Secret, SmokeCheck
from castoff.smoke import ask

TEMPLATE = Path(__file__).parent / "website"
STAMP = "c0ffee" + "0" * 34
TOKEN = Secret("CASTOFF_PROBE_TOKEN", "probe-token-that-nobody-may-see-0123456789")


@dataclass(frozen=True)
class Certificates:
    """Signs certificates, which are files in `folder`."""

    authority: trustme.CA
    folder: Path

    @property
    def bundle(self) -> Path:
        path = self.folder / "authority.pem"
        if not path.exists():
            self.authority.cert_pem.write_to_path(path)
        return path

    def issue(
        self, host: str = "localhost", days: float = 90, by: trustme.CA | None = None
    ) -> Path:
        """A file with a certificate for `host` that ends in so many days, and its key."""
        now = datetime.now(UTC)
        made = (by or self.authority).issue_cert(
            host, not_before=now - timedelta(days=30), not_after=now + timedelta(days=days)
        )
        path = self.folder / f"{host}-{days}-{'other' if by else 'own'}.pem"
        made.private_key_and_cert_chain_pem.write_to_path(path)
        return path


@dataclass(frozen=True)
class Served:
    """A site that answers at `url`."""

    url: str

    def ask(
        self,
        *,
        url: str = "",
        stamp: str = STAMP,
        token: Secret | None = TOKEN,
        admin: str | None = "/admin/",
        http_url: str | None = None,
        health_path: str = "/healthz",
        address: tuple[str, int] | None = None,
        **options: object,
    ) -> dict[str, SmokeCheck]:
        """Every check by its id; options are those of SmokeConfig."""
        seen: list[SmokeCheck] = []
        checks = ask(
            url or self.url,
            stamp=stamp,
            token=token,
            options=SmokeConfig(**options),  # type: ignore[arg-type]
            admin=admin,
            health_path=health_path,
            http_url=http_url,
            address=address,
            on_check=seen.append,
        )
        assert sorted(check.id for check in seen) == sorted(check.id for check in checks)
        assert all(TOKEN.reveal() not in check.detail for check in checks)
        return {check.id: check for check in checks}


Serve = Callable[..., Served]
"""Takes the words of `Site.served`; ends what it serves with the test."""


class Site:
    """The fixture site as a release: a copy in `folder`, and databases in `server`."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        shutil.copytree(TEMPLATE, folder)
        (folder / "release.json").write_text(json.dumps({"commit": STAMP, "version": "1.0"}))
        self.database = server.create_database(f"smoke{os.getpid()}")
        self.manage("collectstatic", "--noinput")
        self.manage("migrate")
        self.manage("release")
        ignore = shutil.ignore_patterns("*.gz", "*.br")
        shutil.copytree(folder / "collected", folder / "plain", ignore=ignore)

    def manage(self, *arguments: str, database: str = "") -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=self._environ(database or self.database),
            check=True,
            capture_output=True,
        )

    def count(self, table: str) -> int:
        """The rows of a table."""
        with psycopg.connect(self.database) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row
        return int(row[0])

    @contextmanager
    def served(
        self, *faults: str, certificate: Path | None = None, database: str = "", origin: str = ""
    ) -> Iterator[Served]:
        """The site under gunicorn, ended with the block; `origin` is what it takes for its own."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        scheme = "https" if certificate else "http"
        url = f"{scheme}://localhost:{listener.getsockname()[1]}"
        environ = self._environ(database or self.database) | {
            "FAULTS": " ".join(faults),
            "ORIGIN": origin or url,
            "SSL_HOST": (origin or url).partition("://")[2],
        }
        tls = ["--certfile", str(certificate), "--keyfile", str(certificate)] if certificate else []
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "serve:application", "--no-control-socket"),
                *("-b", f"fd://{listener.fileno()}", "--threads", "4", "--log-level", "critical"),
                *tls,
            ],
            cwd=self.folder.parent,
            env=environ,
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        listener.close()
        try:
            yield Served(url)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _environ(self, database: str) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        assert castoff.__file__
        return keep | {
            "DATABASE_URL": database,
            "CASTOFF_PROBE_TOKEN": TOKEN.reveal(),
            "PYTHONPATH": f"{self.folder}:{Path(castoff.__file__).parents[1]}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
