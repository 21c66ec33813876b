"""The Dockerfile's FROM lines: https://docs.docker.com/reference/dockerfile/#from."""

import re
from datetime import date
from typing import NamedTuple

FROM = re.compile(r"FROM\s+(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
ARG = re.compile(r"ARG\s+(\w+)=(\S+)", re.IGNORECASE)
VARIABLE = re.compile(r"\$\{?(\w+)(?::-([^}]*))?\}?")
DECIMAL = re.compile(r"\d+\.\d+")


class Base(NamedTuple):
    """An image that a stage is built on.

    Attributes:
        name: its name, with arguments replaced by their defaults, as in ``python:3.13-slim``.
        line: the line of the Dockerfile that asks for it, from 1.
    """

    name: str
    line: int

    @property
    def python(self) -> int:
        """N of a ``python:3.N`` image; 0 of any other, and where it does not say."""
        name, tag = self._parts
        match = re.match(r"3\.(\d+)", tag)
        return int(match[1]) if match and name.endswith("python") else 0

    @property
    def pinned(self) -> bool:
        """Whether it is the same tomorrow but for patches: a digest, or a tag with a version."""
        name, tag = self._parts
        if "@sha256:" in self.name or name == "scratch":
            return True
        if name.rpartition("/")[2] == "python":
            return bool(DECIMAL.match(tag))
        return tag not in ("", "latest", "stable", "slim", "alpine", "main", "master", "edge")

    @property
    def _parts(self) -> tuple[str, str]:
        path = self.name.partition("@")[0]
        head, colon, tag = path.rpartition(":")
        return (head, tag) if colon and "/" not in tag else (path, "")


def bases(text: str) -> list[Base]:
    """Return the images that a Dockerfile is built on; its own stages are none."""
    arguments: dict[str, str] = {}
    stages: set[str] = set()
    found: list[Base] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if match := ARG.match(line.strip()):
            arguments.setdefault(match[1], match[2].strip("'\""))
        elif match := FROM.match(line.strip()):
            name = VARIABLE.sub(lambda one: arguments.get(one[1], one[2] or ""), match[1])
            if name and name.lower() not in stages:
                found.append(Base(name, number))
            stages.add((match[2] or "").lower())
    return found


def out_of_support(minor: int, today: date) -> str:
    """Say that Python 3.N gets no security fixes any more; empty while it does."""
    # Five years from October of the year of its release: PEP 602, and devguide.python.org/versions.
    end = date(2016 + minor, 10, 31)
    return (
        f"Python 3.{minor} gets no security fixes since October {end.year}." if today > end else ""
    )
