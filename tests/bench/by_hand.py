"""The guides' commands, typed one after another: what castoff is compared with."""

import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checkout import Checkout

BOOT = 60.0  # seconds that a server may take to answer
GUNICORN = ("-m", "gunicorn", "project.wsgi", "--workers", "2")
# The guides' way to keep connections, which sync workers need no pool for.
SETTINGS = """
from project.settings.production import *

DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
del DATABASES["default"]["OPTIONS"]["pool"]
"""


class ByHand:
    """A deploy by hand of a checkout, into a folder of its own.

    Args:
        checkout: what is deployed.
        folder: where it is unpacked.
        python: the interpreter of a virtualenv.
        url: the database's.
    """

    def __init__(self, checkout: Checkout, folder: Path, python: Path, url: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._checkout = checkout
        self._python = python
        self._server: subprocess.Popen[bytes] | None = None
        self._env = checkout.env | {
            "DATABASE_URL": url,
            "SECRET_KEY": "bench-" * 12,
            "PUBLIC_URLS": f"http://localhost:{self.port}",
            "DJANGO_SETTINGS_MODULE": "guide",
        }

    @property
    def pid(self) -> int:
        """Of gunicorn's master."""
        assert self._server
        return self._server.pid

    def unpack(self) -> None:
        """Archive the commit, and unpack it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        archive = ["git", "archive", "HEAD"]
        tree = subprocess.run(archive, cwd=self._checkout.root, check=True, capture_output=True)
        subprocess.run(["tar", "-x"], cwd=self.folder, input=tree.stdout, check=True)
        (self.folder / "guide.py").write_text(SETTINGS)

    def run(self, *words: str | Path) -> None:
        """Run a command in its folder.

        Raises:
            SystemExit: it failed.
        """
        done = subprocess.run(
            words, cwd=self.folder, env=self._env, check=False, text=True, capture_output=True
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, words))}:\n{done.stdout}{done.stderr}")

    def manage(self) -> None:
        """Check, collect the static files, migrate."""
        self.run(self._python, "manage.py", "check", "--deploy")
        self.run(self._python, "manage.py", "collectstatic", "--noinput")
        self.run(self._python, "manage.py", "migrate", "--noinput")

    def start(self) -> None:
        """Start gunicorn instead of the one before, and wait until it answers with 200.

        Raises:
            SystemExit: it did not.
        """
        self.end()
        argv: list[str | Path] = [self._python, *GUNICORN, "--bind", f"127.0.0.1:{self.port}"]
        self._server = subprocess.Popen(
            argv, cwd=self.folder, env=self._env, stderr=subprocess.DEVNULL
        )
        until_200(f"http://localhost:{self.port}/")

    def end(self) -> None:
        """End gunicorn."""
        if self._server:
            self._server.send_signal(signal.SIGTERM)
            self._server.wait()
            self._server = None

    def deploy(self, requirements: Path) -> None:
        """All of it, with a virtualenv that has everything already."""
        self.unpack()
        uv = Path(sys.executable).with_name("uv")
        install = (uv, "pip", "install", "--python", self._python)
        self.run(*install, "--require-hashes", "-r", requirements)
        self.manage()
        self.start()


@contextmanager
def by_hand(checkout: Checkout, folder: Path, python: Path, url: str) -> Iterator[ByHand]:
    """A deploy by hand that is ended afterwards."""
    hand = ByHand(checkout, folder, python, url)
    try:
        yield hand
    finally:
        hand.end()


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def until_200(url: str) -> None:
    """Wait until a URL answers with 200.

    Raises:
        SystemExit: it does not.
    """
    until = time.monotonic() + BOOT
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"{url} did not answer")
