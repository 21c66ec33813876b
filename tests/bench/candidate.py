"""A Dockerfile for the sample, and what its image costs: to build, to push, to start, to stop."""

import json
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from typing import IO, Any

from by_hand import free_port, until_200
from checkout import Checkout, set_umask, uncached
from timing import timed

from castoff.image import mirror
from castoff.image.engine import Engine
from castoff.shell import CommandFailed

BASE = "python:3.13-slim"
PATIENCE = 1800.0  # seconds that a build may take
UMASKS = (0o022, 0o077)
CHANGES = {"template": "project/templates/base.html", "Python": "project/leaderboard/views.py"}
ENV = {
    "DATABASE_URL": "postgresql:///none",  # the health path needs none
    "SECRET_KEY": "bench-" * 12,
    "PUBLIC_URLS": "http://localhost:8000",
}


@dataclass(frozen=True)
class Stop:
    """How a server ended that was asked to; the engine kills it after ten seconds.

    Attributes:
        seconds: how long it took.
        status: its exit code.
    """

    seconds: float
    status: int


class Candidate:
    """A Dockerfile in a tree of the sample's.

    Args:
        engine: builds and runs it.
        home: a folder for its trees.
        dockerfile: its text.
        ignore: the text of its .dockerignore.
        run: words for `docker create`.
    """

    def __init__(
        self, engine: Engine, home: Path, dockerfile: str, ignore: str = "", *run: str
    ) -> None:
        self._engine = engine
        self._name = f"castoff-bench-{token_hex(4)}"
        self._home = home
        self._dockerfile = dockerfile
        self._ignore = ignore
        self._run = run
        self._tree = home

    def cold(self, number: int) -> float:
        """Seconds of a build with nothing cached, of another clone under another umask."""
        folder = self._home / str(number)
        folder.mkdir(parents=True)
        self._tree = Checkout.clone(folder, "local").root
        rmtree(self._tree / ".git")  # which a seed would copy
        (self._tree / "Dockerfile").write_text(uncached(self._dockerfile))
        (self._tree / ".dockerignore").write_text(self._ignore)
        set_umask(self._tree, UMASKS[number % len(UMASKS)])
        return self._build("cold")

    def rebuild(self, kind: str) -> float:
        """Seconds of a build after a change of one file."""
        with (self._tree / CHANGES[kind]).open("a") as file:
            file.write(f"\n# {time.time_ns()}\n")
        return self._build(kind)

    @property
    def size(self) -> int:
        """Bytes over the base."""
        return int(self._inspect(self._tag("cold"))["Size"] - self._inspect(BASE)["Size"])

    def layers(self, kind: str = "cold") -> list[str]:
        """The digests of all its layers."""
        found: list[str] = self._inspect(self._tag(kind))["RootFS"]["Layers"]
        return found

    def pushed(self, kind: str = "cold", before: str = "") -> int:
        """Compressed bytes of its layers that a registry lacks that has the base, and a build."""
        have = self.layers(before) if before else self._inspect(BASE)["RootFS"]["Layers"]
        lacks = [n for n, layer in enumerate(self.layers(kind)) if layer not in have]
        with tempfile.TemporaryFile() as file:
            argv = self._engine.argv("save", self._tag(kind))
            subprocess.run(argv, env=self._engine.env, stdout=file, check=True)
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                names = json.load(_member(tar, "manifest.json"))[0]["Layers"]
                return sum(_compressed(_member(tar, names[n])) for n in lacks)

    @contextmanager
    def started(self) -> Iterator[tuple[str, float]]:
        """A server: its container, and the seconds from its start to the first 200."""
        words = [*self._run, *(f"--env={name}={value}" for name, value in ENV.items())]
        port = free_port()
        published = f"--publish=127.0.0.1:{port}:8000"
        container = self._docker("create", published, *words, self._tag("cold"))
        try:
            yield container, timed(lambda: self._start(container, port))
        finally:
            self._docker("rm", "--force", container)

    def stop(self, container: str) -> Stop:
        """Stop a server as the engine does."""
        seconds = timed(lambda: self._docker("stop", container))
        return Stop(seconds, int(self._docker("wait", container)))

    def remove(self) -> None:
        """Take its images away from the engine."""
        named = f"--filter=label={self._name}"
        for image in self._docker("images", "--quiet", "--all", named).split():
            self._docker("rmi", "--force", image)

    def _start(self, container: str, port: int) -> None:
        self._docker("start", container)
        until_200(f"http://127.0.0.1:{port}/healthz")

    def _build(self, kind: str) -> float:
        index = self._engine.env.get(mirror.ARGUMENT, "https://pypi.org/simple/")
        # What another candidate has no use for, the engine only warns of.
        named = (f"--tag={self._tag(kind)}", f"--label={self._name}")
        words = (*mirror.words(self._engine.env), *named)
        poetry = f"--build-arg=POETRY_PYPI_MIRROR_URL={index}"
        return timed(lambda: self._docker("build", *words, poetry, str(self._tree)))

    def _tag(self, kind: str) -> str:
        return f"{self._name}:{kind.lower()}"

    def _inspect(self, image: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self._docker("inspect", image))
        return found[0]

    def _docker(self, *words: str) -> str:
        env = mirror.environment(self._engine.env)
        try:
            return self._engine.docker(*words, env=env, timeout=PATIENCE).stdout.strip()
        except CommandFailed as error:
            raise SystemExit(f"docker {words[0]}:\n{error.result.last_lines}") from None


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    member = tar.extractfile(name)
    assert member
    return member


def _compressed(layer: IO[bytes]) -> int:
    """The size of a layer as an engine sends it."""
    packer = zlib.compressobj(wbits=31)
    size = 0
    while block := layer.read(1 << 20):
        size += len(packer.compress(block))
    return size + len(packer.flush())
