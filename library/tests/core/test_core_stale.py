"""A lock that is missing, damaged or too old is told, and so is what cannot be installed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from core_project import Project

from castoff import environment, lock
from castoff.errors import StepError
from castoff.lock import LockProblem
from castoff.shell import Shell

ROOT = Path(__file__).parents[3]


def test_a_lock_that_is_missing_is_told(project: Callable[[str], Project]) -> None:
    with pytest.raises(LockProblem, match=r"no lock file: none of poetry\.lock"):
        project("none").prepare()


@pytest.mark.parametrize("name", ["poetry.lock", "uv.lock", "pylock.toml"])
@pytest.mark.parametrize("damage", ["", "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> side\n", "[[package"])
def test_a_damaged_lock_is_told(name: str, damage: str, project: Callable[[str], Project]) -> None:
    shop = project(name)
    shop.repository.write(name, damage)
    with pytest.raises(LockProblem, match=f"{name} cannot be parsed") as caught:
        shop.prepare()
    assert "Make" in caught.value.next


def test_requirements_with_a_conflict_are_told(
    project: Callable[[str], Project],
) -> None:
    shop = project("requirements.txt")
    shop.repository.write("requirements.txt", "<<<<<<< HEAD\nidna\n=======\n")
    with pytest.raises(LockProblem, match=r"requirements\.txt has an unsolved conflict"):
        shop.prepare()


def test_a_poetry_lock_that_is_older_than_its_project_is_told(
    project: Callable[[str], Project],
) -> None:
    shop = project("poetry.lock")
    shop.edit("pyproject.toml", '"idna>=3"', '"idna>=3", "sniffio"')
    with pytest.raises(LockProblem, match=r"poetry\.lock is older than pyproject\.toml") as caught:
        shop.prepare()
    assert caught.value.next == "`poetry lock`, and commit poetry.lock."


@pytest.mark.parametrize("wanted", ['"sniffio"', '"a-package-that-does-not-exist-zz9"'])
def test_a_uv_lock_that_is_older_than_its_project_is_told(
    wanted: str, project: Callable[[str], Project]
) -> None:
    shop = project("uv.lock")
    shop.edit("pyproject.toml", '"idna>=3"', f'"idna>=3", {wanted}')
    assert "uv.lock is older than pyproject.toml" in shop.prepare().stale


@pytest.mark.parametrize("name", ["poetry.lock", "uv.lock"])
@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ('dependencies = ["packaging', 'dependencies = ["idna", "packaging', True),
        ("packaging~=26.0", "packaging<26", True),
        ("\"packaging~=26.0 ; python_version >= '3.11'\"", "", True),
        ('version = "1"', 'version = "1"\ndescription = "Of no concern."', False),
    ],
)
def test_a_lock_that_is_older_than_a_folder_s_metadata_is_told(
    name: str, old: str, new: str, stale: bool, project: Callable[[str], Project]
) -> None:
    shop = project(name)
    shop.edit("lib/pyproject.toml", old, new)
    assert bool(shop.prepare().stale) is stale


def test_the_sample_s_own_lock_is_not_stale() -> None:
    found = lock.find(ROOT)
    assert found.name == "poetry.lock"
    assert found.directories == ("library",)
    assert lock.stale(found, environment.uv_program(), Shell()) == ""


@pytest.mark.parametrize(
    ("dependencies", "locked", "stale"),
    [
        ("[\"b[x]>=1,<3 ; python_version > '3'\"]", 'b = {version = "*", extras = ["x"]}', False),
        ('["b"]', 'b = [{version = "1", markers = "x"}, {version = "2", markers = "y"}]', False),
        ('["B_"]', '"b." = ">=1"', False),
        ('["a[x]", "b"]', 'b = "*"', False),  # itself with an extra
        ('["c"]', 'c = {version = "*", optional = true, markers = "extra == \\"x\\""}', True),
        ('["b ~= 3.0"]', 'b = ">=3.0,<4.0"', True),
    ],
)
def test_poetry_s_own_ways_to_write_a_lock_are_understood(
    dependencies: str, locked: str, stale: bool, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/pyproject.toml").write_text(
        f'[project]\nname = "a"\nversion = "1"\ndependencies = {dependencies}\n'
        '[project.optional-dependencies]\nx = ["b"]\n'
    )
    packages = "".join(f'[[package]]\nname = "{n}"\nversion = "2.0"\n' for n in ("b", "b-", "c"))
    (tmp_path / "poetry.lock").write_text(
        f'{packages}[[package]]\nname = "a"\nversion = "1"\n[package.dependencies]\n{locked}\n'
        '[package.source]\ntype = "directory"\nurl = "a"\n[metadata]\nlock-version = "2.1"\n'
    )
    assert bool(lock.stale(lock.find(tmp_path), "uv", Shell())) is stale


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("requirements.txt", "idna==3.20", "no-such-package-zz9==1", "no-such-package-zz9"),
        ("requirements.txt", "sha256:a7db8500", "sha256:00000000", "ash mismatch"),
        ("requirements.txt", "./lib", "/srv/lib", "/srv/lib, which is not in the commit"),
        ("requirements.txt", "./lib", "../lib", "../lib, which is not in the commit"),
        ("poetry.lock", 'url = "lib"', 'url = "library"', "library, which is not in the commit"),
        ("poetry.lock", "sha256:a7db8500", "sha256:00000000", "ash mismatch"),
        ("pyproject.toml", ">=3.11", ">=3.99", "Python >=3.99, which requires-python asks for"),
        ("pyproject.toml", ">=3.11", "three", "pyproject.toml cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_installed_is_told_and_leaves_nothing_that_counts(
    name: str, old: str, new: str, told: str, project: Callable[[str], Project]
) -> None:
    shop = project("requirements.txt" if name == "pyproject.toml" else name)
    shop.edit(name, old, new)
    if "sha256" in old:  # of the wheel too
        shop.edit(name, "sha256:ab7ae712", new)
    with pytest.raises(StepError) as caught:
        shop.prepare()
    assert told in caught.value.what
    assert "Nothing was changed" in caught.value.state
    assert not list(shop.venvs.glob("*/castoff.json"))
