"""The pipes of a running program: fed and read until it has ended, without threads.

The standard library only, because the local target's supervisor uses it too.
"""

import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable
from typing import IO, cast

KEPT_LINES = 100_000  # of each stream; a program that prints more keeps the last ones
CHUNK = 65536  # bytes, as many as a pipe holds on Linux
POLL = 0.05  # seconds between two looks whether a process ended that left its pipes open

OnLine = Callable[[str], None]


class Talk:
    """Feeds a process and reads both its streams, line by line, in the caller's thread.

    Args:
        process: has pipes for its output and errors, and for its input if it gets any.
        on_line: called with each line of both streams as it comes.
        data: its input.
        grace: seconds that its pipes are read on when it has ended and something it started
            still holds them open.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], on_line: OnLine | None, data: bytes, grace: float
    ) -> None:
        assert process.stdout and process.stderr
        self._process = process
        self._grace = grace
        self._streams = (_Stream(process.stdout, on_line), _Stream(process.stderr, on_line))
        self._input = memoryview(data)
        self._selector = selectors.DefaultSelector()
        for stream in self._streams:
            self._watch(stream.pipe, selectors.EVENT_READ, stream)
        if process.stdin:
            self._watch(process.stdin, selectors.EVENT_WRITE, None)

    def until_end(self, until: float | None) -> bool:
        """Go on until the process has ended and its output was read; False when time is up."""
        given_up = None  # when a grandchild that was left behind still holds the pipes open
        while self._selector.get_map():
            for key, _ in self._selector.select(POLL):
                self._move(key)
            now = time.monotonic()
            if given_up is None and self._process.poll() is not None:
                given_up = now + self._grace
            if given_up is not None and now >= given_up:
                return True
            if given_up is None and until is not None and now >= until:
                return False
        try:
            self._process.wait(None if until is None else max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def texts(self) -> tuple[str, str]:
        """Return what it printed on its output and as errors."""
        out, err = (stream.text() for stream in self._streams)
        return out, err

    def close(self) -> None:
        """Let go of the pipes; what came without a line's end counts as a line."""
        for key in list(self._selector.get_map().values()):
            self._forget(key)
        self._selector.close()
        for stream in self._streams:
            stream.end()

    def _watch(self, pipe: IO[bytes], event: int, stream: "_Stream | None") -> None:
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, event, stream)

    def _move(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, _Stream):
            chunk = os.read(key.fd, CHUNK)
            key.data.take(chunk)
            more = bool(chunk)
        else:
            more = self._feed(key.fd)
        if not more:
            self._forget(key)

    def _feed(self, descriptor: int) -> bool:
        try:
            written = os.write(descriptor, self._input[:CHUNK]) if self._input else 0
        except BrokenPipeError:
            return False  # the program did not want its input; its exit status tells
        self._input = self._input[written:]
        return bool(self._input)

    def _forget(self, key: selectors.SelectorKey) -> None:
        self._selector.unregister(key.fileobj)
        cast(IO[bytes], key.fileobj).close()


class _Stream:
    """One stream's lines; a line is kept until its end has come."""

    def __init__(self, pipe: IO[bytes], on_line: OnLine | None) -> None:
        self.pipe = pipe
        self._on_line = on_line
        self._kept: deque[str] = deque(maxlen=KEPT_LINES)
        self._open: list[bytes] = []

    def take(self, chunk: bytes) -> None:
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._open.append(part + b"\n")
            self.end()
        if rest:
            self._open.append(rest)

    def end(self) -> None:
        """Take what has come so far as a line."""
        if not self._open:
            return
        line = b"".join(self._open).decode("utf-8", "replace")
        self._open = []
        self._kept.append(line)
        if self._on_line:
            self._on_line(line.rstrip("\r\n"))

    def text(self) -> str:
        return "".join(self._kept)
