"""The sample's image as `docker build .` makes it, and containers of it."""

import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

from checkout import Checkout, eventually, get, set_umask

from castoff.image.boot.database import Database
from castoff.image.engine import Engine

CERTIFICATES = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")
RELEASE = {"commit": "0" * 40, "committed_at": "2026-01-01T00:00:00+00:00", "version": "1"}
# As castoff starts it, and without a shell: nothing else of the image may need one.
HARDENED = (
    *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=256m"),
    *("--volume=/dev/null:/usr/bin/dash:ro", "--volume=/dev/null:/usr/bin/bash:ro"),
)
# What lies about in a folder where somebody works; each with words that must get nowhere.
STRAY = {
    ".env": "SECRET_KEY=stray-environment",
    ".git/stray": "stray-of-git",
    ".venv/lib/stray.py": "stray-virtualenv",
    "backup.sql": "stray-dump",
    "deploy.pem": "stray-key",
    "project/.env": "stray-environment-of-project",
    "project/db.sqlite3": "stray-database",
    "project/leaderboard/dump.sql": "stray-dump-of-app",
    "project/static/.htpasswd": "stray-password",
    "project/leaderboard/tests/fixture.py": "stray-test",
}
LOGIN = "stray-user:stray-login"
PRODUCTION = ("DATABASE_URL", "SECRET_KEY", "PUBLIC_URLS")


class SampleImage:
    """What was built of a folder.

    Args:
        engine: the engine.
        folder: what `docker build` is given.
        words: words for it beside the usual ones.
        env: environment for it beside the usual one.
    """

    def __init__(
        self, engine: Engine, folder: Path, *words: str, env: Mapping[str, str] | None = None
    ) -> None:
        self.engine = engine
        self.tag = f"castoff-test:{token_hex(6)}"
        engine.docker("build", f"--tag={self.tag}", *words, folder, env=env, timeout=900)

    def inspect(self) -> dict[str, Any]:
        """What the engine knows of it."""
        answer: list[dict[str, Any]] = json.loads(self.engine.docker("inspect", self.tag).stdout)
        return answer[0]

    @property
    def layers(self) -> list[str]:
        """The digests of its layers, the base's first."""
        found: list[str] = self.inspect()["RootFS"]["Layers"]
        return found

    def run(self, *words: str) -> str:
        """What a program prints in a container of it."""
        return self.engine.docker("run", "--rm", self.tag, *words).stdout

    def files(self) -> dict[str, tarfile.TarInfo]:
        """All its files and folders, by their paths."""
        container = self.engine.docker("create", self.tag, "true").stdout.strip()
        try:
            argv = self.engine.argv("export", container)
            done = subprocess.run(argv, check=True, capture_output=True, env=self.engine.env)
        finally:
            self.engine.docker("rm", container)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            return {member.name: member for member in tar}

    def holds(self, *words: bytes) -> set[bytes]:
        """Those of the words that are somewhere in its layers, its history or its environment."""
        argv = self.engine.argv("save", self.tag)
        saved = subprocess.run(argv, check=True, capture_output=True, env=self.engine.env).stdout
        return {word for word in words if word in saved}

    def remove(self) -> None:
        """Take it away from the engine."""
        self.engine.docker("rmi", "--force", self.tag)


Build = Callable[[Path], SampleImage]


class Server:
    """The app in a container.

    Attributes:
        url: where it answers.
    """

    def __init__(self, engine: Engine, container: str, port: int) -> None:
        self._engine = engine
        self._container = container
        published = engine.docker("port", container, str(port)).stdout.splitlines()[0]
        self.url = f"http://localhost:{published.rpartition(':')[2]}"

    def python(self, code: str) -> str:
        """What a script prints that runs beside it, in the same container."""
        return self._engine.docker("exec", self._container, "python", "-c", code).stdout.strip()

    def stop(self) -> int:
        """Send SIGTERM; return how it ended."""
        self._engine.docker("kill", "--signal=TERM", self._container)
        return int(self._engine.docker("wait", self._container).stdout)


@contextmanager
def serving(image: SampleImage, database: Database, port: int = 0) -> Iterator[Server]:
    """A server with a migrated database, ready; PORT is left out where no port is given."""
    engine = image.engine
    env = {
        "DATABASE_URL": database.url.reveal(),
        "SECRET_KEY": token_hex(32),
        "PUBLIC_URLS": "http://localhost:1",
        "PORT": str(port),
    }
    names = (*PRODUCTION, *(["PORT"] if port else []))
    words = [
        *HARDENED,
        *(f"--env={name}" for name in names),
        *(f"--volume={folder}:{path}:ro" for folder, path in database.mounts.items()),
        *(f"--add-host={name}:{address}" for name, address in database.hosts.items()),
    ]
    engine.docker("run", "--rm", *words, image.tag, "python", "manage.py", "release", env=env)
    published = f"--publish=127.0.0.1::{port or 8000}"
    started = engine.docker("run", "--detach", published, *words, image.tag, env=env)
    container = started.stdout.strip()
    try:
        server = Server(engine, container, port or 8000)
        eventually(lambda: get(f"{server.url}/healthz").status == 200, 60)
        yield server
    finally:
        engine.docker("rm", "--force", container)


def checkout(folder: Path, umask: int) -> Checkout:
    """A clone of this repository that was made under a umask, with a release's stamp."""
    made = Checkout.clone(folder, "local")
    made.write("release.json", json.dumps(RELEASE))
    set_umask(made.root, umask)
    return made


def locked(lock: str) -> dict[str, str]:
    """The packages of a poetry.lock that an index has, with their versions."""
    pairs = re.findall(r'name = "(.+)"\nversion = "(.+)"', lock)
    return {name: version for name, version in pairs if name != "castoff"}
