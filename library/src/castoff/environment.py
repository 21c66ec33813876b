"""The lock's virtualenv: made once for each lock and Python, shared by every step and target."""

import hashlib
import os
import platform
import shutil
import sys
import sysconfig
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import msgspec
from filelock import FileLock

from castoff import lock as locks
from castoff import source as sources
from castoff.errors import StepError
from castoff.model import Environment, Source
from castoff.shell import CommandFailed, OnLine, Shell

MARKER = "castoff.json"  # written last, so that a virtualenv without it is not whole
KEPT = 4


def prepare(
    source: Source, tree: Path, folder: Path, shell: Shell, say: OnLine | None = None
) -> Environment:
    """Return the virtualenv of the source's lock; made when it is not there.

    Args:
        source: what is to be deployed.
        tree: the project's folder in the unpacked source.
        folder: where virtualenvs are kept.
        shell: runs uv.
        say: takes lines of progress.

    Raises:
        StepError: there is no lock, no fitting Python, or a package cannot be installed.
    """
    lock = locks.find(tree)
    python = _python(tree)
    key = _key(source, lock, python, shell)
    home = folder / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock", mode=0o600):
        if not (home / MARKER).is_file():
            _make(lock, tree, home, python, shell, say)
    os.utime(home)
    content = (home / MARKER).read_bytes()
    return msgspec.json.decode(content, type=Environment, dec_hook=lambda kind, text: kind(text))


def uv_program() -> str:
    """Return the path of uv, which the ``deploy`` extra installs."""
    from uv import find_uv_bin

    return str(find_uv_bin())


def prune(folder: Path, keep: set[Path]) -> None:
    """Delete the virtualenvs that no kept release uses, but for the newest few."""
    homes = [path for path in folder.iterdir() if path.is_dir()]
    homes.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for home in homes[KEPT:]:
        if home not in keep:
            shutil.rmtree(home, ignore_errors=True)
            home.with_suffix(".lock").unlink(missing_ok=True)


def _make(
    lock: locks.Lock, tree: Path, home: Path, python: str, shell: Shell, say: OnLine | None
) -> None:
    uv = uv_program()
    shutil.rmtree(home, ignore_errors=True)
    try:
        # Not uv's own downloads: what runs is a Python that the user chose to have.
        argv = [uv, "venv", "--no-project", "--no-python-downloads", "--python", python, home]
        shell.run(argv, timeout=120, on_line=say)
        _install(lock, tree, home, uv, shell, say)
        stale = locks.stale(lock, uv, shell)
    except CommandFailed as error:
        shutil.rmtree(home, ignore_errors=True)
        raise _failed(lock, error) from None
    made = Environment(home / "bin" / "python", lock.name, home.name, _packages(home), stale)
    scratch = home / f"{MARKER}.new"
    scratch.write_bytes(msgspec.json.encode(made, enc_hook=str))
    os.replace(scratch, home / MARKER)


def _install(
    lock: locks.Lock, tree: Path, home: Path, uv: str, shell: Shell, say: OnLine | None
) -> None:
    install = [uv, "pip", "install", "--python", home / "bin" / "python"]
    if lock.name == "pylock.toml":
        shell.run([*install, "-r", lock.path], cwd=tree, timeout=1800, on_line=say)
        return
    text = locks.export(lock, uv, shell)
    requirements = home / "requirements.txt"
    requirements.write_text(text, encoding="utf-8")
    hashes = ["--require-hashes"] if "--hash=" in text else []
    shell.run([*install, *hashes, "-r", requirements], cwd=tree, timeout=1800, on_line=say)
    if lock.directories:
        folders = [tree / folder for folder in lock.directories]
        shell.run([*install, "--no-deps", *folders], cwd=tree, timeout=600, on_line=say)


def _python(tree: Path) -> str:
    """The running Python if the project allows it, else what uv is to look for."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    running = getattr(sys, "_base_executable", sys.executable)
    pyproject = tree / "pyproject.toml"
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("project", {})
        wanted = SpecifierSet(project.get("requires-python", ""))
    except FileNotFoundError:
        return running
    except (ValueError, InvalidSpecifier) as error:
        raise StepError(
            f"pyproject.toml cannot be read: {error}",
            "Nothing was changed.",
            "Mend pyproject.toml, commit it, and run it again.",
        ) from None
    allowed = wanted.contains(platform.python_version(), prereleases=True)
    return running if allowed else str(wanted)


def _key(source: Source, lock: locks.Lock, python: str, shell: Shell) -> str:
    folders = [sources.tree_hash(source, folder, shell) for folder in lock.directories]
    parts = [lock.digest, python, sys.version, sysconfig.get_platform(), *folders, "1"]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _packages(home: Path) -> dict[str, str]:
    folders = [str(path) for path in home.glob("lib/python3.*/site-packages")]
    return {locks.normal(one.metadata["Name"]): one.version for one in distributions(path=folders)}


def _failed(lock: locks.Lock, error: CommandFailed) -> StepError:
    return StepError(
        f"the packages of {lock.name} cannot be installed:\n{error.result.last_lines}",
        "Nothing was changed; what served before still serves.",
        "Mend what the lines above name (a name or version that does not exist, a Python that is "
        "not installed, the network), and run it again.",
    )
