"""The way of a container to PostgreSQL: a socket that lets in one role, and nobody else.

PostgreSQL itself trusts whoever reaches its own socket, and its superuser can start programs on
this machine (``COPY … FROM PROGRAM``); so a container gets another socket, where who it says it is
is looked at first. The start of PostgreSQL's protocol:
https://www.postgresql.org/docs/current/protocol-message-formats.html (StartupMessage)
"""

import asyncio
import os
import secrets
import shutil
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

from castoff.targets.local import wire
from castoff.targets.local.contained import ROLE
from castoff.targets.local.contained.relay import Streams, join
from castoff.targets.local.processes import Identity

NAME = "door-"  # of its folder; the pid of whoever opened it follows
SOCKET = f".s.PGSQL.{wire.PORT}"
LARGEST = 10_000  # bytes of a first message; PostgreSQL's own limit
CANCEL = 80877102  # asks to end a query, by a key that only its connection was told
ENCRYPTIONS = (80877103, 80877104)  # TLS and GSSAPI: not on a unix socket
PATIENCE = 10.0  # seconds for the first message


@asynccontextmanager
async def opened(database: Path) -> AsyncIterator[Path]:
    """Let a container in while the block runs.

    Args:
        database: the folder of PostgreSQL's own socket.

    Yields:
        The folder to be mounted at ``INSIDE``. The container's user is nobody here, so it is open
        to all; what it lies in keeps everybody else out.
    """
    folder = database / f"{NAME}{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, struct.error, TimeoutError):
            await _enter((reader, writer), database / SOCKET)
        writer.close()

    path = folder / SOCKET
    server = await asyncio.start_unix_server(enter, path)
    path.chmod(0o666)
    try:
        yield folder
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def open_beside(database: Path) -> Iterator[Path]:
    """Do what ``opened`` does in a thread, for a caller that waits for something else.

    Raises:
        OSError: there is no room for it, or PostgreSQL's folder is gone.
    """
    opening: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event, Path] | OSError]
    opening = SimpleQueue()

    async def stay() -> None:
        over = asyncio.Event()
        try:
            async with opened(database) as folder:
                opening.put((asyncio.get_running_loop(), over, folder))
                await over.wait()
        except OSError as error:
            opening.put(error)

    thread = threading.Thread(target=lambda: asyncio.run(stay()), daemon=True)
    thread.start()
    found = opening.get()
    if isinstance(found, OSError):
        raise found
    loop, over, folder = found
    try:
        yield folder
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)


def forget(database: Path) -> None:
    """Delete the folders of those that were killed."""
    for left in database.glob(f"{NAME}*"):
        if Identity.of(int(left.name.removeprefix(NAME).partition("-")[0])) is None:
            shutil.rmtree(left, ignore_errors=True)


async def _enter(client: Streams, socket: Path) -> None:
    first = await asyncio.wait_for(_first(client), PATIENCE)
    if not _may(first):
        client[1].write(_refusal())
        return
    await join(client, await asyncio.open_unix_connection(socket), first)


async def _first(client: Streams) -> bytes:
    """The first message that is no question for encryption; these are answered with no."""
    reader, writer = client
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!ii", head)
        if code not in ENCRYPTIONS:
            return head + await reader.readexactly(min(max(length, 8), LARGEST) - 8)
        writer.write(b"N")


def _may(first: bytes) -> bool:
    """Whether a first message asks for the app's role and its database, and nothing else."""
    (code,) = struct.unpack("!i", first[4:8])
    if code == CANCEL:
        return True
    words = first[8:].split(b"\0")
    asked = dict(zip(words[0::2], words[1::2], strict=False))
    names = (asked.get(b"user"), asked.get(b"database", ROLE.encode()))
    return names == (ROLE.encode(), ROLE.encode()) and b"replication" not in asked


def _refusal() -> bytes:
    fields = ("SFATAL", "VFATAL", "C28000", f"Monly the role {ROLE} may come in here", "", "")
    body = "\0".join(fields).encode()
    return b"E" + struct.pack("!i", len(body) + 4) + body
