"""Leads connections on to another address, byte by byte, and knows when it may let go of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

SILENT = 5.0  # seconds that a connection may stay without its first byte
SIZE = 65_536  # bytes that are handed on at once
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]


@dataclass(eq=False)
class _Link:
    """A connection, and whether an answer to it has begun."""

    answered: bool = False


class Relay:
    """Takes connections, and leads each on with its first byte: until then it needs nobody.

    Args:
        connect: opens a connection to where they are led.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._links: set[_Link] = set()

    @property
    def unanswered(self) -> int:
        """Connections that may not have been accepted yet where they are led, or said nothing."""
        return sum(not link.answered for link in self._links)

    @property
    def open(self) -> int:
        """Connections that are not closed."""
        return len(self._links)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead one connection on until one side of it ends."""
        link = _Link()
        self._links.add(link)
        try:
            with suppress(OSError):  # a TimeoutError too
                async with asyncio.timeout(SILENT):
                    first = await reader.read(SIZE)
                if first:
                    await self._lead(link, (reader, writer), first)
                writer.close()
                await writer.wait_closed()  # until all that was said has left this process
        finally:
            self._links.discard(link)
            writer.close()

    async def _lead(self, link: _Link, client: Streams, first: bytes) -> None:
        def answered() -> None:
            link.answered = True

        await join(client, await self._connect(), first, answered)


async def join(
    client: Streams, server: Streams, first: bytes, answered: Callable[[], None] = lambda: None
) -> None:
    """Hand on what both sides say, until the server's side has ended.

    Args:
        client: who connected.
        server: where it is led; closed at the end.
        first: what the client has said already.
        answered: called when the server has said something.
    """
    asking = asyncio.create_task(_hand_on(client[0], server[1], first))
    try:
        await _hand_on(server[0], client[1], b"", answered)
    finally:
        asking.cancel()
        server[1].close()


async def _hand_on(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    data: bytes,
    heard: Callable[[], None] = lambda: None,
) -> None:
    try:
        while data or (data := await source.read(SIZE)):
            sink.write(data)
            heard()
            data = b""
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.close()
