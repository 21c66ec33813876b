"""One connection to a server, over which one request after another is asked."""

import asyncio
from dataclasses import dataclass
from typing import Self

HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds that an answer may take before it counts as lost


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """A connection.

    Attributes:
        closed: whether nothing more can be asked over it.
        local_port: the client's own.
    """

    def __init__(self) -> None:
        self.closed = False
        self.local_port = 0
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._came = b""

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return connection

    async def get(self, path: str, *, keep: bool) -> Answer:
        """Ask once.

        Raises:
            OSError: the connection ended before the whole answer was there, or it took too long.
        """
        self._came = b""
        self._answer = asyncio.get_running_loop().create_future()
        self.write(request(path, keep=keep))
        async with asyncio.timeout(PATIENCE):
            return await self._answer

    def write(self, data: bytes) -> None:
        """Send some bytes, whatever comes of them."""
        assert self._transport
        self._transport.write(data)

    def close(self) -> None:
        """End it."""
        self.closed = True
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.local_port = transport.get_extra_info("sockname")[1]

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._came += data
        head, complete, body = self._came.partition(b"\r\n\r\n")
        if not complete or self._answer is None or self._answer.done():
            return
        headers = head.lower()
        self.closed = self.closed or b"\r\nconnection: close" in headers
        length = int(headers.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._answer.set_result(Answer(int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self.closed = True
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed without an answer"))


def request(path: str, *, keep: bool = True) -> bytes:
    """The bytes of a request, as a small browser would send it."""
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Accept: */*",
        f"Connection: {'keep-alive' if keep else 'close'}",
    )
    return "\r\n".join((*lines, "", "")).encode()
