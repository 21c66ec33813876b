"""A project with a lock, made into a virtualenv."""

import os
import shutil
import subprocess
from pathlib import Path

from core_repository import Repository

from castoff import environment, source
from castoff.model import Environment
from castoff.shell import Shell

LOCKED = Path(__file__).parent / "locked"
MAIN = {"idna": "3.20", "packaging": "26.3", "shop-lib": "1"}


class Project:
    """The project of the folder ``locked``, with one of its locks."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.repository = Repository(folder / "shop ü")
        self.root = self.repository.root
        shutil.copytree(LOCKED / "lib", self.root / "lib")
        for file in {name, "pyproject.toml"} & set(os.listdir(LOCKED)):
            shutil.copy(LOCKED / file, self.root / file)
        self.shell = Shell()
        self.lines: list[str] = []
        self.venvs = folder / "venvs"

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def prepare(self, *, commit: bool = True) -> Environment:
        if commit:
            self.repository.commit()
        found = source.observe(self.root, self.shell)
        tree = source.unpack(found, self.folder / "sources" / found.stamp, self.shell)
        return environment.prepare(found, tree, self.venvs, self.shell, self.lines.append)


def lib(made: Environment) -> tuple[str, bool]:
    """The value in the installed folder, and whether it is read from the virtualenv itself."""
    code = "import shop_lib; print(shop_lib.VALUE, shop_lib.__file__, sep='\\n')"
    done = subprocess.run([made.python, "-c", code], capture_output=True, text=True, check=True)
    value, place = done.stdout.splitlines()
    return value, Path(place).is_relative_to(made.python.parents[1])
