"""Each kind of lock ends as a virtualenv that has what was locked, and nothing else."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from core_project import LOCKED, MAIN, Project, lib
from core_repository import Repository

from castoff import environment, lock, source
from castoff.model import Environment
from castoff.shell import Shell

LIB = "lib/src/shop_lib/__init__.py"


@pytest.mark.parametrize("name", lock.KINDS)
def test_each_lock_installs_its_main_group_and_no_editable_folder(
    name: str, project: Callable[[str], Project]
) -> None:
    shop = project(name)
    made = shop.prepare()
    assert (made.lock, made.packages, made.stale) == (name, MAIN, "")
    assert lib(made) == ("as committed", True)
    lines = len(shop.lines)
    assert shop.prepare(commit=False) == made
    assert len(shop.lines) == lines


@pytest.mark.parametrize("name", lock.KINDS)
def test_a_changed_file_of_a_folder_is_what_gets_installed(
    name: str, project: Callable[[str], Project]
) -> None:
    shop = project(name)
    first = shop.prepare()
    shop.edit(LIB, "as committed", "as edited")
    second = shop.prepare(commit=False)
    shop.edit(LIB, "as edited", "edited again")
    third = shop.prepare(commit=False)
    assert [lib(made)[0] for made in (first, second, third)] == [
        "as committed",
        "as edited",
        "edited again",
    ]
    assert len({first.key, second.key, third.key}) == 3
    shop.edit(LIB, "edited again", "as committed")
    assert shop.prepare(commit=False) == first


def test_a_change_elsewhere_makes_no_new_virtualenv(project: Callable[[str], Project]) -> None:
    shop = project("uv.lock")
    first = shop.prepare()
    shop.repository.write("app.py", "x = 1")
    assert shop.prepare() == first


@pytest.mark.parametrize("line", ["./lib", "-e ./lib", "shop-lib @ file:./lib", "-e lib"])
@pytest.mark.parametrize("hashed", [True, False])
def test_each_way_to_write_a_folder_works_with_hashes_and_without(
    line: str, hashed: bool, project: Callable[[str], Project]
) -> None:
    shop = project("requirements.txt")
    if not hashed:
        (shop.root / "requirements.txt").write_text("-e ./lib\nidna==3.20\n")
    shop.edit("requirements.txt", "-e ./lib", line)
    made = shop.prepare()
    assert made.packages.keys() == MAIN.keys()
    assert lib(made) == ("as committed", True)


def test_a_repository_without_a_hash_stands_beside_packages_with_one(
    project: Callable[[str], Project], tmp_path: Path
) -> None:
    library = Repository(tmp_path / "library")
    shutil.copytree(LOCKED / "lib", library.root, dirs_exist_ok=True)
    commit = library.commit()
    shop = project("requirements.txt")
    shop.edit("requirements.txt", "-e ./lib", f"shop-lib @ git+file://{library.root}@{commit}")
    made = shop.prepare()
    assert made.packages == MAIN
    assert lib(made) == ("as committed", True)


def test_included_requirements_and_limits_count(project: Callable[[str], Project]) -> None:
    shop = project("requirements.txt")
    shop.repository.write("requirements.txt", "-r more/base.txt\n-c limits.txt\n")
    shop.repository.write("more/base.txt", "idna\n")
    shop.repository.write("limits.txt", "idna==3.10\n")
    first = shop.prepare()
    assert first.packages == {"idna": "3.10"}
    shop.repository.write("limits.txt", "idna==3.11\n")
    assert shop.prepare().packages == {"idna": "3.11"}


def test_an_empty_requirements_file_is_a_virtualenv_without_packages(
    project: Callable[[str], Project],
) -> None:
    shop = project("requirements.txt")
    shop.repository.write("requirements.txt", "# nothing yet\n")
    assert shop.prepare().packages == {}


def test_another_python_that_the_project_asks_for_is_used(
    project: Callable[[str], Project],
) -> None:
    shop = project("requirements.txt")
    other = "3.12" if sys.version_info[:2] != (3, 12) else "3.13"
    uv = environment.uv_program()
    argv = [uv, "python", "find", "--no-python-downloads", "--no-project", f"=={other}.*"]
    if subprocess.run(argv, capture_output=True).returncode:
        pytest.skip(f"no Python {other} here")
    shop.edit("pyproject.toml", ">=3.11", f"=={other}.*")
    made = shop.prepare()
    code = "import sys; print(sys.version)"
    shown = subprocess.run([made.python, "-c", code], capture_output=True, text=True).stdout
    assert shown.startswith(other)


def test_two_runs_at_once_make_it_once(project: Callable[[str], Project]) -> None:
    shop = project("requirements.txt")
    shop.repository.commit()
    made: list[Environment] = []
    lines: list[str] = []

    def prepare() -> None:
        found = source.observe(shop.root, Shell())
        tree = source.unpack(found, shop.folder / "sources" / found.stamp, Shell())
        made.append(environment.prepare(found, tree, shop.venvs, Shell(), lines.append))

    threads = [threading.Thread(target=prepare) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert made[0] == made[1] == made[2]
    assert sum(line.startswith("Creating virtual environment") for line in lines) == 1


def test_after_a_kill_in_the_middle_the_next_run_finishes(
    project: Callable[[str], Project],
) -> None:
    shop = project("requirements.txt")
    shop.repository.commit()
    found = source.observe(shop.root, shop.shell)
    tree = source.unpack(found, shop.folder / "sources" / found.stamp, shop.shell)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from castoff import environment, source; from castoff.shell import Shell\n"
        "def say(line):\n"
        "    if 'Creating' in line: os.kill(os.getpid(), signal.SIGKILL)\n"
        "root, tree, venvs = map(Path, sys.argv[1:])\n"
        "environment.prepare(source.observe(root, Shell()), tree, venvs, Shell(), say)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, shop.root, tree, shop.venvs])
    assert done.returncode == -signal.SIGKILL
    assert environment.find(found, tree, shop.venvs, shop.shell) is None
    assert shop.prepare(commit=False).packages == MAIN


def test_a_record_that_is_damaged_is_made_again(project: Callable[[str], Project]) -> None:
    shop = project("requirements.txt")
    shop.repository.write("requirements.txt", "idna==3.20\n")
    made = shop.prepare()
    (made.python.parents[1] / environment.MARKER).write_text("")
    assert shop.prepare(commit=False) == made


def test_pruning_keeps_what_serves_the_newest_and_what_is_being_made(tmp_path: Path) -> None:
    homes = [tmp_path / f"{number:016x}" for number in range(8)]
    for age, home in enumerate(homes):
        home.mkdir()
        os.utime(home, (time.time() - age * 60,) * 2)
    argv = [sys.executable, "-c", (
        "import sys; from filelock import FileLock\n"
        "with FileLock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    ), str(homes[6]) + ".lock"]  # fmt: skip
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        environment.prune(tmp_path, {homes[7]})
        other.communicate()
    left = {path for path in tmp_path.iterdir() if path.is_dir()}
    assert left == {*homes[: environment.KEPT], homes[6], homes[7]}


def test_nothing_is_downloaded_to_run_python_and_the_record_can_be_read_again(
    project: Callable[[str], Project],
) -> None:
    shop = project("requirements.txt")
    shop.repository.write("requirements.txt", "idna==3.20\n")
    made = shop.prepare()
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    assert made.python.resolve() == base
    record = json.loads((made.python.parents[1] / environment.MARKER).read_text())
    assert record["packages"] == {"idna": "3.20"}
