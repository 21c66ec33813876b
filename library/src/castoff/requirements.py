"""Requirements files: what they include, and which lines come from elsewhere than an index."""

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

CONFLICT = ("<<<<<<< ", ">>>>>>> ")
EDITABLE = re.compile(r"^(?:-e|--editable)(?:\s*=\s*|\s+)")
INCLUDE = re.compile(r"^(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s*)(\S+)$")
NAME = re.compile(r"^[\w.-]+\s*(?:\[[^\]]*\])?\s*@\s*")
REMOTE = re.compile(r"^(?:(?:git|hg|svn|bzr)\+|https?:)")
LOCAL = re.compile(r"^(?:\.{0,2}/|\.{1,2}(?:\[|$)|file:|[\w.-]+/)")


def read(path: Path) -> tuple[list[str], list[Path]]:
    """Read a requirements file with all that it includes.

    Returns:
        the logical lines, without comments, and the files they came from; a constraints file is
        named by its full path.

    Raises:
        ValueError: a file has a conflict or is not UTF-8, or an included one is not there.
    """
    lines: list[str] = []
    files: list[Path] = []
    _read(path, lines, files)
    return lines, files


def logical_lines(text: str) -> list[str]:
    """Return the lines of a requirements file, each with those that continue it, no comments."""
    whole = re.sub(r"\\\n\s*", "", text)
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in whole.splitlines())
    return [line for line in lines if line]


def split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the lines that an index answers, and those that have no hash: folders, repositories.

    Options, as ``--index-url``, are in both. Where no line has a hash they need not be split,
    unless there is nothing to be had from an index.
    """
    options = [line for line in lines if _is_option(line)]
    direct = [line for line in lines if _is_direct(line)]
    indexed = [line for line in lines if line not in options and line not in direct]
    if indexed and not any("--hash=" in line for line in lines):
        return lines, []
    return [*options, *indexed] if indexed else [], [*options, *direct] if direct else []


def folder(line: str) -> str:
    """Return the path of the folder (or file) that a line installs from; empty when none."""
    if _is_option(line):
        return ""
    subject = _subject(line)
    if subject.startswith("file:"):
        return unquote(urlsplit(subject).path)
    if REMOTE.match(subject) or not (LOCAL.match(subject) or EDITABLE.match(line)):
        return ""
    return re.sub(r"\[[^\]]*\]$|#.*$", "", subject)


def _read(path: Path, lines: list[str], files: list[Path]) -> None:
    if path in files:
        return
    files.append(path)
    for line in logical_lines(path.read_text(encoding="utf-8-sig")):
        if line.startswith(CONFLICT):
            raise ValueError(f"{path.name} has an unsolved conflict")
        included = INCLUDE.match(line)
        if not included:
            lines.append(line)
            continue
        other = Path(os.path.normpath(path.parent / included[2]))
        if not other.is_file():
            raise ValueError(f"it includes {included[2]}, which is not there")
        if included[1] in ("-r", "--requirement"):
            _read(other, lines, files)
        else:
            lines.append(f"-c {other}")
            files.append(other)


def _subject(line: str) -> str:
    """What a line names, without its options and markers."""
    text = NAME.sub("", EDITABLE.sub("", line))
    return re.split(r"\s*;\s|\s+;|\s+--", text)[0].strip()


def _is_option(line: str) -> bool:
    return line.startswith("-") and not EDITABLE.match(line)


def _is_direct(line: str) -> bool:
    if "--hash=" in line or _is_option(line):
        return False
    return bool(folder(line) or REMOTE.match(_subject(line)))
