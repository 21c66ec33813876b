"""Connections are led on byte by byte, and it is known when all of them have been taken."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from castoff.targets.local.contained.relay import Relay, Streams

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
LARGE = os.urandom(3_000_000)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def led(serve: Serve) -> AsyncIterator[tuple[Relay, Callable[[], object]]]:
    """A relay to a server, and what connects to the relay."""
    behind = await asyncio.start_server(serve, "127.0.0.1", 0)  # type: ignore[arg-type]
    address = behind.sockets[0].getsockname()
    relay = Relay(lambda: asyncio.open_connection(*address))
    before = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield relay, lambda: asyncio.open_connection(*before.sockets[0].getsockname())
    finally:
        before.close()
        behind.close()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


def test_everything_arrives_both_ways_and_the_end_too() -> None:
    async def run() -> None:
        async with led(echo) as (relay, connect):
            reader, writer = await connect()  # type: ignore[misc]
            writer.write(LARGE)
            writer.write_eof()
            assert await reader.read(-1) == LARGE
            await until(lambda: relay.open == 0)

    asyncio.run(run())


def test_a_client_that_says_nothing_needs_nobody_and_counts_as_unanswered() -> None:
    taken: list[Streams] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append((reader, writer))
        await reader.read(1)

    async def run() -> None:
        async with led(take) as (relay, connect):
            _, writer = await connect()  # type: ignore[misc]
            await until(lambda: relay.open == 1)
            await asyncio.sleep(0.1)
            assert not taken
            writer.write(b"GET")
            await until(lambda: taken)
            assert relay.unanswered == 1
            taken[0][1].write(b"HTTP")
            await until(lambda: relay.unanswered == 0)
            assert relay.open == 1
            writer.close()
            taken[0][1].close()
            await until(lambda: relay.open == 0)

    asyncio.run(run())


def test_a_server_that_ends_the_connection_ends_the_clients() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"bye")
        writer.close()

    async def run() -> None:
        async with led(leave) as (relay, connect):
            reader, writer = await connect()  # type: ignore[misc]
            writer.write(b"x")
            assert await reader.read(-1) == b"bye"
            await until(lambda: relay.open == 0)

    asyncio.run(run())


def test_where_nobody_listens_any_more_the_connection_ends() -> None:
    async def run() -> None:
        gone = await asyncio.start_server(echo, "127.0.0.1", 0)
        address = gone.sockets[0].getsockname()
        gone.close()
        await gone.wait_closed()
        relay = Relay(lambda: asyncio.open_connection(*address))
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x")
        assert await reader.read(-1) == b""
        await until(lambda: relay.open == 0)
        server.close()

    asyncio.run(run())


def test_a_slow_client_gets_the_whole_answer_of_a_server_that_has_ended() -> None:
    async def tell_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(LARGE * 8)
        await writer.drain()
        writer.close()

    async def run() -> None:
        async with led(tell_all) as (relay, connect):
            reader, writer = await connect()  # type: ignore[misc]
            writer.write(b"x")
            got = len(await reader.read(1))
            await asyncio.sleep(0.3)
            assert relay.open == 1  # the process that leads it on may not end yet
            while data := await reader.read(65_536):
                got += len(data)
                await asyncio.sleep(0)
            assert got == len(LARGE) * 8
            await until(lambda: relay.open == 0)

    asyncio.run(run())
