"""The lock file: what it is, what it installs, and whether it is older than what it locks."""

import hashlib
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from castoff.errors import StepError
from castoff.shell import Shell

# Poetry's own lock reader is the only one for its format; it lives in uv's tool cache.
POETRY = ("poetry==2.5.1", "poetry-plugin-export==1.10.1")
KINDS = ("poetry.lock", "uv.lock", "pylock.toml", "requirements.txt")
LOCAL_LINE = re.compile(r"^(-e\s|--editable|\.{0,2}/|\.$|file:|[^#;]*@\s*file:)")


class Lock(msgspec.Struct, frozen=True):
    """A lock file.

    Attributes:
        name: the file's name, one of KINDS.
        path: where it is.
        directories: folders that it installs from, relative to the project.
        digest: of the lock and of pyproject.toml, hexadecimal.
    """

    name: str
    path: Path
    directories: tuple[str, ...]
    digest: str


def find(tree: Path) -> Lock:
    """Return the project's lock file.

    Raises:
        StepError: there is none, or it cannot be parsed.
    """
    path = next((tree / name for name in KINDS if (tree / name).is_file()), None)
    if path is None:
        raise StepError(
            f"no lock file: none of {', '.join(KINDS)} is in the commit",
            "Nothing was changed.",
            "`poetry lock`, `uv lock` or `pip-compile --generate-hashes`, and commit it.",
        )
    try:
        directories = _directories(path)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StepError(
            f"{path.name} cannot be parsed: {error}",
            "Nothing was changed.",
            f"Make {path.name} again with the tool that wrote it, and commit it.",
        ) from None
    files = [path, tree / "pyproject.toml"]
    parts = [file.read_bytes() for file in files if file.is_file()]
    return Lock(path.name, path, directories, hashlib.sha256(b"\0".join(parts)).hexdigest())


def export(lock: Lock, uv: str, shell: Shell) -> str:
    """Return the main group as a requirements file, without folders to install from.

    Raises:
        CommandFailed: the tool that reads the lock failed.
    """
    if lock.name == "requirements.txt":
        text = lock.path.read_text(encoding="utf-8")
    elif lock.name == "uv.lock":
        argv = [uv, "export", "--frozen", "--no-dev", "--no-emit-project", "--no-header"]
        text = shell.run(argv, cwd=lock.path.parent, timeout=300).stdout
    else:
        argv = [*_poetry(uv), "export", "--only=main", "--format=requirements.txt"]
        text = shell.run(argv, cwd=lock.path.parent, env=_poetry_env(), timeout=300).stdout
    return without_folders(text)


def without_folders(text: str) -> str:
    """Leave out the requirements (with their continued lines) that are folders."""
    logical = re.split(r"(?<!\\)\n", text)
    return "\n".join(line for line in logical if not LOCAL_LINE.match(line.strip())) + "\n"


def stale(lock: Lock, uv: str, shell: Shell) -> str:
    """Say why the lock is older than what it locks; an empty text when it is not."""
    tree = lock.path.parent
    if lock.name == "poetry.lock":
        return _poetry_stale(lock, uv, shell) or _folders_stale(lock)
    if lock.name == "uv.lock":
        result = shell.run([uv, "lock", "--check"], cwd=tree, timeout=300, check=False)
        return "uv.lock is older than pyproject.toml" if "needs to be" in result.stderr else ""
    return ""


def refresh_hint(name: str) -> str:
    """Return the line to type that brings a lock up to date."""
    tool = {"poetry.lock": "poetry lock", "uv.lock": "uv lock", "pylock.toml": "pip lock ."}
    return f"`{tool.get(name, 'pip-compile --generate-hashes')}`, and commit {name}."


def _poetry_stale(lock: Lock, uv: str, shell: Shell) -> str:
    argv = [*_poetry(uv), "check", "--lock"]
    result = shell.run(argv, cwd=lock.path.parent, env=_poetry_env(), timeout=300, check=False)
    if "changed significantly" in result.stdout + result.stderr:
        return "pyproject.toml was changed after poetry.lock was written"
    return ""


def _folders_stale(lock: Lock) -> str:
    """Compare the lock with the metadata of each folder; ``poetry check --lock`` does not."""
    packages = _toml(lock.path).get("package", [])
    for package in packages:
        source = package.get("source", {})
        if source.get("type") != "directory":
            continue
        wanted = _declared(lock.path.parent / source["url"] / "pyproject.toml")
        if wanted is not None and wanted != _locked(package, packages):
            return f"{source['url']} asks for other packages than poetry.lock has for it"
    return ""


def _declared(pyproject: Path) -> dict[str, str] | None:
    """The requirements of a folder by name, or None when they are not static metadata."""
    from packaging.requirements import Requirement

    if not pyproject.is_file():
        return None
    project = _toml(pyproject).get("project", {})
    if "dependencies" in project.get("dynamic", []) or not project:
        return None
    wanted = [Requirement(text) for text in project.get("dependencies", [])]
    return {normal(one.name): str(one.specifier) for one in wanted}


def _locked(package: dict[str, Any], packages: list[dict[str, Any]]) -> dict[str, str]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    known = {normal(one["name"]) for one in packages}
    found = {}
    for name, value in package.get("dependencies", {}).items():
        if isinstance(value, dict) and value.get("optional"):
            continue
        text = value if isinstance(value, str) else value.get("version", "*")
        try:
            asked = str(SpecifierSet("" if text == "*" else text))
        except InvalidSpecifier:
            asked = text
        if normal(name) in known:
            found[normal(name)] = asked
    return found


def normal(name: str) -> str:
    """A package's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _directories(path: Path) -> tuple[str, ...]:
    if path.name == "requirements.txt":
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        found = [line.split("#")[0] for line in lines if LOCAL_LINE.match(line)]
        return tuple(re.sub(r"^(-e|--editable)[\s=]+|^.*file:(//)?", "", one) for one in found)
    packages = _toml(path).get("packages" if path.name == "pylock.toml" else "package", [])
    return tuple(folder for folder in map(_folder, packages) if folder not in ("", "."))


def _folder(package: dict[str, Any]) -> str:
    """The folder of one package of a poetry.lock, uv.lock or pylock.toml; empty when none."""
    source = package.get("source", {})
    if source.get("type") == "directory" and "main" in package.get("groups", ["main"]):
        return str(source["url"])
    folder = source.get("directory") or source.get("editable")
    return str(folder or package.get("directory", {}).get("path", ""))


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _poetry(uv: str) -> list[str]:
    tool, plugin = POETRY
    python = getattr(sys, "_base_executable", sys.executable)
    return [uv, "tool", "run", "--python", python, "--from", tool, "--with", plugin, "poetry"]


def _poetry_env() -> dict[str, str]:
    # Without this Poetry makes a virtualenv of its own for the project.
    return {**os.environ, "POETRY_VIRTUALENVS_CREATE": "false", "POETRY_NO_INTERACTION": "1"}
