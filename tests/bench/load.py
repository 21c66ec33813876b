"""Clients that ask again and again, and count every request that is not answered with 200.

None of them asks a second time for what it did not get. A connection that the server closes while
nothing is asked over it is no failure: the next request opens another one, as a browser's does.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Self

from connection import Answer, Connection, request

TRICKLE = 0.5  # seconds between two bytes of a client that trickles its request
LOOK = 0.05  # seconds between two looks of a silent client at its connection


def asking(path: str = "/", *, name: str = "", pause: float = 0.0, keep: bool = True) -> "Run":
    """A client that asks for a page until the load ends.

    Args:
        path: what it asks for.
        name: what its failures are counted as; the path when left out.
        pause: seconds between an answer and its next request.
        keep: whether it keeps its connection for the next request.
    """

    async def run(load: Load) -> None:
        connection: Connection | None = None
        while not load.ending.is_set():
            connection, _ = await load.ask(path, connection, name=name, keep=keep)
            await asyncio.sleep(pause)
        if connection:
            connection.close()

    return run


class Load:
    """Clients in a thread of their own, from entering it until leaving it.

    Args:
        port: where the server is.
        *clients: each runs until ``ending`` is set.

    Attributes:
        answered: how many requests were answered with 200.
        failures: of the others, the client's name with what came instead.
        under_way: the clients' ports of those that wait for their answer now.
    """

    def __init__(self, port: int, *clients: "Run") -> None:
        self.port = port
        self.answered = 0
        self.failures: list[str] = []
        self.under_way: set[int] = set()
        self.ending = threading.Event()
        self._clients = clients
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ending.set()
        self._thread.join()

    @property
    def total(self) -> int:
        """The requests that have ended, well or not."""
        return self.answered + len(self.failures)

    @property
    def kinds(self) -> str:
        """The failures, counted by kind."""
        return ", ".join(f"{count} x {what}" for what, count in Counter(self.failures).items())

    def rate(self, seconds: float) -> float:
        """Answers a second, over that time from now on."""
        began, before = time.perf_counter(), self.answered
        time.sleep(seconds)
        return (self.answered - before) / (time.perf_counter() - began)

    async def ask(
        self, path: str, connection: Connection | None, *, name: str = "", keep: bool = True
    ) -> tuple[Connection | None, Answer | None]:
        """Ask once, and count what came of it.

        Returns:
            The connection for the next request, and the answer; each None where there is none.
        """
        try:
            if connection is None or connection.closed:
                connection = await Connection.open(self.port)
            answer = await self._answer(path, connection, keep=keep)
        except OSError as error:  # a TimeoutError is one
            self.failures.append(f"{name or path}: {type(error).__name__}")
            return None, None
        if answer.status == 200:
            self.answered += 1
        else:
            self.failures.append(f"{name or path}: {answer.status}")
        if not keep:
            connection.close()
        return connection, answer

    async def _answer(self, path: str, connection: Connection, *, keep: bool) -> Answer:
        self.under_way.add(connection.local_port)
        try:
            return await connection.get(path, keep=keep)
        finally:
            self.under_way.discard(connection.local_port)

    async def _run(self) -> None:
        await asyncio.gather(*(client(self) for client in self._clients))


Run = Callable[[Load], Coroutine[None, None, None]]


async def silent(load: Load) -> None:
    """Be connected, and connect again when the server ends it; say nothing."""
    while not load.ending.is_set():
        with suppress(OSError):
            connection = await Connection.open(load.port)
            while not connection.closed and not load.ending.is_set():
                await asyncio.sleep(LOOK)
            connection.close()


async def trickle(load: Load) -> None:
    """Send one byte of a request after the other, and begin again when it is through."""
    while not load.ending.is_set():
        with suppress(OSError):
            connection = await Connection.open(load.port)
            for byte in request("/"):
                if connection.closed or load.ending.is_set():
                    break
                connection.write(bytes([byte]))
                await asyncio.sleep(TRICKLE)
            connection.close()
