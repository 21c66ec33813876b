"""Follows a file that is written to, cut, or put in the place of another."""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import IO

from castoff.targets.local.state import tail

LOOK = 0.2  # seconds between two looks for more


def follow_file(path: Path, last: int, ended: Event) -> Iterator[str]:
    """Yield the last lines of a file, and those to come, until ``ended`` is set.

    Args:
        path: the file, which may not be there yet, or a link that is led to another.
        last: how many of the lines that are there already.
        ended: ends it.
    """
    stream = _open(path)
    yield from tail(path, last).splitlines() if stream else ()
    if stream:
        stream.seek(0, os.SEEK_END)
    while not ended.is_set():
        if stream:
            yield from _more(stream)
        if _is_another(stream, path):
            stream = _open(path)
        ended.wait(LOOK)


def _open(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _more(stream: IO[bytes]) -> Iterator[str]:
    """The whole lines that have come; a line is left until its end is there."""
    if os.fstat(stream.fileno()).st_size < stream.tell():
        stream.seek(0)  # it was cut
    while True:
        start = stream.tell()
        line = stream.readline()
        if not line.endswith(b"\n"):
            stream.seek(start)
            return
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _is_another(stream: IO[bytes] | None, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    if stream is None:
        return True
    return not os.path.samestat(there, os.fstat(stream.fileno()))
