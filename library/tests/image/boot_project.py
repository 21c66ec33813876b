"""Images that are booted: the sample app's, and those that have one fault each."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from image_project import ImageProject

from castoff.config import SmokeConfig
from castoff.image import store
from castoff.image.boot import Booted, Trial, boot
from castoff.image.engine import Engine
from castoff.image.model import Image
from castoff.model import Secret
from castoff.targets.local.processes import parent

REPOSITORY = Path(__file__).parents[3]
FAULTS = Path(__file__).with_name("boot_faults")


class BootProject(ImageProject):
    """A project whose image is booted.

    Attributes:
        said: what the last boot test said.
    """

    def __init__(self, root: Path, engine: Engine) -> None:
        super().__init__(root, engine)
        self.said: list[str] = []

    @classmethod
    def sample(cls, root: Path, engine: Engine) -> tuple["BootProject", Image]:
        """Make the sample app's image, of the working tree's files that are not ignored."""
        project = cls(root, engine)
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True).stdout
        for name in filter(None, names.decode().split("\0")):
            if (REPOSITORY / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, root / name)
        project.commit("The sample")
        image = project.build()
        store.accept(engine, image)  # a tag, by which another Dockerfile can name it
        return project, image

    def faulty(self, fault: str, sample: str = "") -> Image:
        """Make the image of a fixture project; ``sample`` is the tag that it may begin with."""
        shutil.copytree(FAULTS / fault, self.root, dirs_exist_ok=True)
        self.commit(fault)
        return self.build((self.root / "Dockerfile").read_text().replace("SAMPLE", sample))

    def boot(self, image: Image, cancelled: Any = None, **changes: Any) -> Booted:
        """Boot it; a trial is as patient as a loaded machine needs, unless it is changed."""
        key = Secret("SECRET_KEY", token_urlsafe(50))
        plain = {"env": {key.name: key}, "smoke": SmokeConfig(timeout=60), "boot_seconds": 120.0}
        trial = Trial(project=self.name, **{**plain, **changes})
        self.said = []
        return boot(self.engine, image, trial, say=self.said.append, cancelled=cancelled)

    def left(self) -> list[str]:
        """What is left of boot tests: containers and networks of the project, and children."""
        client, labels = self.engine.client, {"label": f"dev.castoff.project={self.name}"}
        found = [*client.containers.list(all=True, filters=labels)]
        return [one.name for one in (*found, *client.networks.list(filters=labels))] + _children()


def eventually(ask: Callable[[], object]) -> object:
    """Ask until the answer is a true one, for at most a minute; return it."""
    until = time.monotonic() + 60
    while not (answer := ask()) and time.monotonic() < until:
        time.sleep(0.05)
    return answer


def _children() -> list[str]:
    """The programs that this process has started and that still run, as PostgreSQL."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [_name(pid) for pid in pids if parent(pid) == os.getpid()]


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
