"""The lock file: what it is, what it installs, and whether it is older than what it locks."""

import hashlib
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from castoff import requirements
from castoff.errors import StepError
from castoff.shell import CommandFailed, Result, Shell

# Poetry's own lock reader is the only one for its format; it lives in uv's tool cache.
POETRY = ("poetry==2.5.1", "poetry-plugin-export==1.10.1")
KINDS = ("poetry.lock", "uv.lock", "pylock.toml", "requirements.txt")
ALWAYS_THERE = {"poetry.lock": "metadata", "uv.lock": "version", "pylock.toml": "lock-version"}
STALE = ("needs to be updated", "No solution found", "not found in the package registry")


class LockProblem(StepError):
    """There is no lock file, it cannot be parsed, or it is too old to be read."""


class Lock(msgspec.Struct, frozen=True):
    """A lock file.

    Attributes:
        name: the file's name, one of KINDS.
        path: where it is.
        directories: folders (and files) that it installs from, relative to the project.
        digest: of the lock and of pyproject.toml, hexadecimal.
    """

    name: str
    path: Path
    directories: tuple[str, ...]
    digest: str


def find(tree: Path) -> Lock:
    """Return the project's lock file.

    Raises:
        LockProblem: there is none, or it cannot be parsed.
    """
    path = next((tree / name for name in KINDS if (tree / name).is_file()), None)
    if path is None:
        raise LockProblem(
            f"no lock file: none of {', '.join(KINDS)} is in the commit",
            "Nothing was changed.",
            "`poetry lock`, `uv lock` or `pip-compile --generate-hashes`, and commit it.",
        )
    try:
        directories, files = _directories(path)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LockProblem(
            f"{path.name} cannot be parsed: {error}",
            "Nothing was changed.",
            f"Make {path.name} again with the tool that wrote it, and commit it.",
        ) from None
    parts = [file.read_bytes() for file in (*files, tree / "pyproject.toml") if file.is_file()]
    return Lock(path.name, path, directories, hashlib.sha256(b"\0".join(parts)).hexdigest())


def export(lock: Lock, uv: str, shell: Shell) -> list[str]:
    """Return the main group as the lines of a requirements file.

    Raises:
        CommandFailed: the tool that reads the lock failed.
        LockProblem: the lock is older than pyproject.toml, and its tool does not read it then.
    """
    if lock.name == "requirements.txt":
        return requirements.read(lock.path)[0]
    folder = lock.path.parent
    if lock.name == "uv.lock":
        words = ("--no-dev", "--no-emit-project", "--no-header", "--no-annotate", "--no-editable")
        argv = [uv, "export", "--frozen", *words]
        result = shell.run(argv, cwd=folder, env=environment(), timeout=300)
    else:
        argv = [*_poetry(uv), "export", "--only=main", "--format=requirements.txt"]
        result = shell.run(argv, cwd=folder, env=environment(), timeout=300, check=False)
        if result.status:
            raise _not_exported(lock, result)
    return requirements.logical_lines(result.stdout)


def stale(lock: Lock, uv: str, shell: Shell) -> str:
    """Say why a lock that can be exported is older than what it locks; empty when it is not."""
    if lock.name == "poetry.lock":
        return _folders_stale(lock)  # what pyproject.toml asks for, `poetry export` has seen
    if lock.name != "uv.lock":
        return ""
    argv = [uv, "lock", "--check"]
    result = shell.run(argv, cwd=lock.path.parent, env=environment(), timeout=300, check=False)
    if result.status and any(words in result.stderr for words in STALE):
        return "uv.lock is older than pyproject.toml, or than a folder that it installs from"
    return ""  # another failure, as without a network, says nothing of the lock


def refresh_hint(name: str) -> str:
    """Return the line to type that brings a lock up to date."""
    tool = {"poetry.lock": "poetry lock", "uv.lock": "uv lock", "pylock.toml": "pip lock ."}
    return f"`{tool.get(name, 'pip-compile --generate-hashes')}`, and commit {name}."


def environment() -> dict[str, str]:
    """Return the environment for uv and Poetry: they make and download nothing unasked."""
    own = {
        "POETRY_VIRTUALENVS_CREATE": "false",
        "POETRY_NO_INTERACTION": "1",
        # What runs the app is a Python that the user chose to have.
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return {**os.environ, **own}


def normal(name: str) -> str:
    """A package's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _not_exported(lock: Lock, result: Result) -> Exception:
    if "changed significantly" in result.stderr + result.stdout:
        return LockProblem(
            f"{lock.name} is older than pyproject.toml",
            "Nothing was changed.",
            refresh_hint(lock.name),
        )
    return CommandFailed(result)


def _folders_stale(lock: Lock) -> str:
    """Compare the lock with the metadata of each folder; Poetry itself does not."""
    packages = _toml(lock.path).get("package", [])
    versions: dict[str, list[str]] = {}
    for package in packages:
        versions.setdefault(normal(package["name"]), []).append(package["version"])
    for package in packages:
        source = package.get("source", {})
        if source.get("type") != "directory":
            continue
        project = lock.path.parent / source["url"] / "pyproject.toml"
        wanted = _declared(_toml(project), package) if project.is_file() else None
        if wanted is not None and not _fits(wanted, package, versions):
            return f"{source['url']} asks for other packages than poetry.lock has for it"
    return ""


def _declared(pyproject: dict[str, Any], package: dict[str, Any]) -> dict[str, str] | None:
    """The requirements of a folder, by name; None when they are not static metadata."""
    from packaging.requirements import Requirement

    project = pyproject.get("project", {})
    if "dependencies" not in project:
        poetry = pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {})
        needed = [name for name, value in poetry.items() if not _optional(value)]
        return {normal(name): "" for name in needed if name != "python"} if poetry else None
    texts = [*project["dependencies"]]
    for extra in _extras(package):
        texts += project.get("optional-dependencies", {}).get(extra, [])
    wanted = [Requirement(text) for text in texts]
    own = normal(package["name"])
    return {normal(one.name): str(one.specifier) for one in wanted if normal(one.name) != own}


def _extras(package: dict[str, Any]) -> set[str]:
    """The extras that are asked for: what the lock has of the others is not kept up to date."""
    return set(re.findall(r"""extra == ['"]([\w.-]+)['"]""", str(package.get("dependencies", {}))))


def _fits(wanted: dict[str, str], package: dict[str, Any], versions: dict[str, list[str]]) -> bool:
    """Whether the lock has what is wanted; not by comparing texts, which Poetry writes anew."""
    from packaging.specifiers import SpecifierSet

    if wanted.keys() != {normal(name) for name in package.get("dependencies", {})}:
        return False
    return all(
        any(SpecifierSet(specifier).contains(one, prereleases=True) for one in versions[name])
        for name, specifier in wanted.items()
        if name in versions  # not locked: for another platform than any that is asked for
    )


def _optional(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.get("optional"))


def _directories(path: Path) -> tuple[tuple[str, ...], list[Path]]:
    """The folders that a lock installs from, and the files that it is made of."""
    if path.name == "requirements.txt":
        lines, files = requirements.read(path)
        found = map(requirements.folder, lines)
    else:
        content, files = _toml(path), [path]
        if ALWAYS_THERE[path.name] not in content:
            raise ValueError("it is empty, or something else than a lock")
        packages = content.get("packages" if path.name == "pylock.toml" else "package", [])
        found = map(_folder, packages)
    return tuple(dict.fromkeys(folder for folder in found if folder)), files


def _folder(package: dict[str, Any]) -> str:
    """The folder or file of one package of a lock; empty when an index has it."""
    source = package.get("source", {})
    if "url" in source and "type" in source:
        main = "main" in package.get("groups", ["main"]) and not package.get("optional")
        return str(source["url"]) if main and source["type"] in ("directory", "file") else ""
    named = source.get("directory") or source.get("editable") or source.get("path")
    if not named:
        places = (package.get("directory", {}), package.get("archive", {}))
        named = next((place["path"] for place in places if "path" in place), "")
    return "" if named == "." else str(named)


def _toml(path: Path) -> dict[str, Any]:
    """A TOML file's content."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _poetry(uv: str) -> list[str]:
    tool, plugin = POETRY
    python = getattr(sys, "_base_executable", sys.executable)
    return [uv, "tool", "run", "--python", python, "--from", tool, "--with", plugin, "poetry"]
