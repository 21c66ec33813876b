"""The lock's virtualenv: made once for each lock and Python, shared by every step and target."""

import hashlib
import os
import platform
import shutil
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from castoff import lock as locks
from castoff import requirements
from castoff import source as sources
from castoff.errors import StepError
from castoff.model import Environment, Source
from castoff.shell import CommandFailed, OnLine, Shell

MARKER = "castoff.json"  # written last, so that a virtualenv without it is not whole
KEPT = 4


def prepare(
    source: Source,
    tree: Path,
    folder: Path,
    shell: Shell,
    say: OnLine | None = None,
    making: Callable[[], None] = lambda: None,
) -> Environment:
    """Return the virtualenv of the source's lock; made when it is not there.

    Args:
        source: what is to be deployed.
        tree: the project's folder in the unpacked source.
        folder: where virtualenvs are kept.
        shell: runs uv.
        say: takes lines of progress.
        making: called before it is made.

    Raises:
        StepError: there is no lock, no fitting Python, or a package cannot be installed.
    """
    lock = locks.find(tree)
    python = _python(tree)
    key = _key(source, lock, python, shell)
    home = folder / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock", mode=0o600):
        made = _read(home)
        if made is None:
            making()
            made = _make(lock, tree, home, python, shell, say)
        os.utime(home)
    return made


def find(source: Source, tree: Path, folder: Path, shell: Shell) -> Environment | None:
    """Return the virtualenv of the source's lock if it was made before; change nothing.

    Raises:
        StepError: there is no lock.
    """
    return _read(folder / _key(source, locks.find(tree), _python(tree), shell))


def uv_program() -> str:
    """Return the path of uv, which the ``deploy`` extra installs."""
    from uv import find_uv_bin

    return str(find_uv_bin())


def prune(folder: Path, keep: set[Path]) -> None:
    """Delete the virtualenvs that no kept release uses, but for the newest few."""
    homes = [path for path in folder.iterdir() if path.is_dir()]
    homes.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for home in homes[KEPT:]:
        if home in keep:
            continue
        # The lock file stays: who waits for it would else hold another than who comes after.
        with suppress(Timeout), FileLock(folder / f"{home.name}.lock", mode=0o600, timeout=0):
            shutil.rmtree(home, ignore_errors=True)


def _make(
    lock: locks.Lock, tree: Path, home: Path, python: str, shell: Shell, say: OnLine | None
) -> Environment:
    uv = uv_program()
    shutil.rmtree(home, ignore_errors=True)
    argv: list[str | Path] = [uv, "venv", "--no-project", "--python", python, home]
    try:
        shell.run(argv, env=locks.environment(), timeout=120, on_line=say)
    except CommandFailed as error:
        raise _no_python(python, error) from None
    try:
        _install(lock, tree, home, uv, shell, say)
        stale = locks.stale(lock, uv, shell)
    except CommandFailed as error:
        raise _failed(lock, error) from None
    made = Environment(home / "bin" / "python", lock.name, home.name, _packages(home), stale)
    scratch = home / f"{MARKER}.new"
    scratch.write_bytes(msgspec.json.encode(made, enc_hook=str))
    os.replace(scratch, home / MARKER)
    return made


def _install(
    lock: locks.Lock, tree: Path, home: Path, uv: str, shell: Shell, say: OnLine | None
) -> None:
    def install(file: Path, *words: str) -> None:
        # uv takes a path in the file for one from the folder that it runs in: the tree.
        python = home / "bin" / "python"
        argv = [uv, "pip", "install", "--python", str(python), "--no-editable", *words]
        shell.run(
            [*argv, "-r", str(file)], cwd=tree, env=locks.environment(), timeout=1800, on_line=say
        )

    if lock.name == "pylock.toml":
        install(lock.path)
        return
    indexed, direct = requirements.split(locks.export(lock, uv, shell))
    if indexed:
        hashed = any("--hash=" in line for line in indexed)
        install(_written(home, "indexed", indexed), *["--require-hashes"] * hashed)
    if direct:
        # The lock has what they depend on; only a plain list of names has not.
        loose = lock.name == "requirements.txt" and not indexed
        install(_written(home, "direct", direct), *["--no-deps"] * (not loose))


def _written(home: Path, name: str, lines: list[str]) -> Path:
    path = home / f"{name}.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


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


def _read(home: Path) -> Environment | None:
    """What was made there; None when it is not whole."""
    try:
        content = (home / MARKER).read_bytes()
        made = msgspec.json.decode(
            content, type=Environment, dec_hook=lambda kind, text: kind(text)
        )
    except (OSError, msgspec.MsgspecError):
        return None
    # A cleaner of old files, or a full disk's owner, may have deleted a part of it.
    installed = len(list(home.glob("lib/python3.*/site-packages/*.dist-info")))
    return made if made.python.exists() and installed >= len(made.packages) else None


def _key(source: Source, lock: locks.Lock, python: str, shell: Shell) -> str:
    folders = [sources.tree_hash(source, folder, shell) for folder in lock.directories]
    parts = [lock.digest, python, sys.version, sysconfig.get_platform(), *folders, "2"]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _packages(home: Path) -> dict[str, str]:
    folders = [str(path) for path in home.glob("lib/python3.*/site-packages")]
    return {locks.normal(one.metadata["Name"]): one.version for one in distributions(path=folders)}


def _no_python(python: str, error: CommandFailed) -> StepError:
    wanted = "" if os.path.isabs(python) else f" {python}, which requires-python asks for"
    return StepError(
        f"no virtualenv with Python{wanted or f' {python}'} can be made:\n"
        f"{error.result.last_lines or error.reason}",
        "Nothing was changed; what served before still serves.",
        f"Install such a Python, or let requires-python allow {platform.python_version()}, which "
        "runs castoff."
        if wanted
        else "Mend what the lines above name, and run it again.",
    )


def _failed(lock: locks.Lock, error: CommandFailed) -> StepError:
    return StepError(
        f"the packages of {lock.name} cannot be installed:\n"
        f"{error.result.last_lines or error.reason}",
        "Nothing was changed; what served before still serves.",
        "Mend what the lines above name (a name or version that does not exist, a Python that is "
        "not installed, the network), and run it again.",
    )
