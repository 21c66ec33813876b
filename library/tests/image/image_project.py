"""A project with a Dockerfile, whose images go with the test."""

import io
import json
import subprocess
import tarfile
from pathlib import Path
from secrets import token_hex
from typing import Any

from castoff import source
from castoff.image.build import build
from castoff.image.engine import Engine
from castoff.image.model import PROJECT, Image
from castoff.model import Source

SMALL = "FROM scratch\nCOPY . /app/\n"


class ImageProject:
    """A git repository, and what is made of it on the engine.

    Attributes:
        name: the project's name, which no other test has.
        lines: what the last build said.
    """

    def __init__(self, root: Path, engine: Engine) -> None:
        self.root = root
        self.engine = engine
        self.name = f"test-{token_hex(4)}"
        self.lines: list[str] = []
        root.mkdir(parents=True)
        self.git("init", "-q")
        self.write("Dockerfile", SMALL)
        self.commit("First light")

    def git(self, *words: str) -> str:
        """Run git."""
        done = subprocess.run(
            ["git", *words], cwd=self.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, name: str, text: str) -> Path:
        """Write a file of the checkout."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def commit(self, subject: str = "Change") -> str:
        """Commit everything, and return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    @property
    def source(self) -> Source:
        """What git has of it."""
        return source.observe(self.root, self.engine.shell)

    def build(self, dockerfile: str = "", **more: Any) -> Image:
        """Build its image, of another Dockerfile if one is given, which is committed first."""
        if dockerfile:
            self.write("Dockerfile", dockerfile)
            self.commit()
        self.lines = []
        return build(self.engine, self.source, name=self.name, say=self.lines.append, **more)

    def inspect(self, image: Image) -> dict[str, Any]:
        """What the engine knows of an image."""
        found = json.loads(self.engine.docker("image", "inspect", image.id).stdout)
        one: dict[str, Any] = found[0]
        return one

    def modes(self, image: Image) -> dict[str, str]:
        """The mode of each file and folder below ``/app`` of an image."""
        labels = {PROJECT: self.name}
        made = self.engine.client.containers.create(image.id, "none", labels=labels)
        with tarfile.open(fileobj=io.BytesIO(b"".join(made.export()))) as tar:
            found = {one.name: f"{one.mode & 0o777:o}" for one in tar}
        made.remove()
        return {name[4:]: mode for name, mode in found.items() if name.startswith("app/")}

    def end(self) -> None:
        """Take everything of it away from the engine."""
        named = f"--filter=label={PROJECT}={self.name}"
        for container in self._ids("container", "ls", "--all", named):
            self.engine.docker("container", "rm", "--force", "--volumes", container)
        for image in self._ids("image", "ls", "--all", named):
            self.engine.docker("image", "rm", "--force", image)

    def _ids(self, *words: str) -> list[str]:
        return self.engine.docker(*words, "--quiet", "--no-trunc").stdout.split()
