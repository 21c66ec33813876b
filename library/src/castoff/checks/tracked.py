"""Secrets in the repository: what is tracked is public with it, and for ever in its history."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from castoff.checks import Facts, NotLooked, check, finding
from castoff.image.detect import ALLOW, Detector, detector
from castoff.image.kinds import HEAD, is_env_file
from castoff.image.known import Known
from castoff.model import Finding, Secret

LARGEST = 1 << 20  # bytes; a larger file is data
SHOWN = 10


class Tracked(NamedTuple):
    """A secret in a tracked file.

    Attributes:
        path: the file, relative to the project.
        line: the line that it is on, from 1; 0 where the whole file is one.
        what: what it is, never the value.
    """

    path: str
    line: int
    what: str


def scan(tree: Path, secrets: Mapping[str, Secret]) -> tuple[Tracked, ...]:
    """Look for secrets in the text files of an unpacked source.

    Args:
        tree: the project's folder in it.
        secrets: values that must be in none of them.

    Raises:
        StepError: the detector is not installed.
    """
    known, tokens = Known(secrets), detector()
    return tuple(one for path, data in _texts(tree) for one in _in_file(path, data, known, tokens))


def _texts(tree: Path) -> Iterator[tuple[str, bytes]]:
    for folder, folders, names in os.walk(tree):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_symlink() or not 0 < path.stat().st_size <= LARGEST:
                continue
            data = path.read_bytes()
            if b"\0" not in data[:HEAD]:
                yield path.relative_to(tree).as_posix(), data


def _in_file(path: str, data: bytes, known: Known, tokens: Detector) -> Iterator[Tracked]:
    if is_env_file(path, data):
        yield Tracked(path, 0, "an env file")
    for token in tokens.look(path, data):
        yield Tracked(path, token.line, token.kind)
    for name in sorted(known.names_in(data)):
        yield Tracked(path, 0, f"the value of {name}")


@check("E105", family="source")
def tracked_file_holds_a_secret(facts: Facts) -> Iterator[Finding]:
    """E105: a tracked file holds a secret."""
    if facts.tracked is None:
        raise NotLooked(facts.tracked_problem or "the files were not looked at")
    by_path: dict[str, list[Tracked]] = {}
    for one in facts.tracked:
        by_path.setdefault(one.path, []).append(one)
    for path, found in by_path.items():
        yield _finding(path, found)


def _finding(path: str, found: list[Tracked]) -> Finding:
    lines = [one for one in found if one.line]
    where = f"{path}:{lines[0].line}" if lines else path
    what = ", ".join(_words(one) for one in found[:SHOWN])
    if any(one.what == "an env file" for one in found):
        hint = f"git rm --cached {path} && echo {path} >> .gitignore\n"
    else:
        hint = "Take it out, and let the settings read it from the environment.\n"
    hint += "Give what it protects a new value: the old one stays in the history."
    if lines:
        hint += f" If it is no secret, put `{ALLOW}` into a comment on its line."
    message = (
        f"{path} holds a secret ({what}), and git tracks it: whoever has the repository has it."
    )
    return finding("E105", where, message, hint)


def _words(one: Tracked) -> str:
    return f"{one.what} in line {one.line}" if one.line else one.what
