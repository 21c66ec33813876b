"""What the supervisor starts in place of gunicorn: a container, and the way to it.

It keeps to what ``gate.py`` does: it listens on the sockets that it inherits once the gate is open,
and before that answers checks on a socket of its own, named by its pid. SIGTERM lets it finish.
"""

import asyncio
import json
import os
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from castoff.errors import StepError
from castoff.image.container import Container, Spec, running
from castoff.image.leftovers import sweep
from castoff.targets.local.contained import INSIDE, door
from castoff.targets.local.contained.relay import SILENT, Relay
from castoff.targets.local.sockets import BACKLOG

TICK = 0.03  # seconds between two looks
BOOT_FAILED = 3  # as gunicorn ends whose workers cannot boot
LAST_MOMENT = 3.0  # of the graceful seconds, for what the container has said to arrive

Told = dict[str, Any]


class Contained:
    """A container behind the listening sockets.

    Args:
        told: what the supervisor says: see ``serving``.
    """

    def __init__(self, told: Told) -> None:
        self._told = told
        self._asked = asyncio.Event()  # to end
        self._over = threading.Event()  # the container's output, and so the container
        self._servers: list[asyncio.Server] = []

    async def serve(self) -> int:
        """Serve until SIGTERM, or until the container ends; return the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._asked.set)
        from docker import from_env

        database = Path(self._told["database"])
        door.forget(database)
        client = from_env(use_ssh_client=True)
        sweep(client, self._told["project"])
        async with door.opened(database) as way:
            with running(client, self._spec(way)) as container:
                threading.Thread(target=self._follow, args=(container,), daemon=True).start()
                return await self._serve(container)

    def _spec(self, way: Path) -> Spec:
        told = self._told
        return Spec(
            image=told["image"],
            project=told["project"],
            name=f"castoff-{told['project']}-{told['name']}-{os.getpid()}",
            memory_mb=told["memory_mb"],
            env=told["env"],
            mounts={way: INSIDE},
        )

    def _follow(self, container: Container) -> None:
        """Let what it says be the log, until it ends; a full disk does not end it."""
        try:
            for line in container.follow(1000):
                with suppress(OSError, ValueError):
                    print(line, flush=True)
        finally:  # whatever way: then nobody would see its end
            self._over.set()

    async def _serve(self, container: Container) -> int:
        address = container.address(self._told["port"])
        relay = Relay(lambda: asyncio.open_connection(*address))
        if not (await self._up(address) and await self._through_gate(relay)):
            return self._ended(container)
        await self._listen(relay)
        while not self._asked.is_set():
            if self._over.is_set():
                return self._ended(container)
            await asyncio.sleep(TICK)
        await self._drain(relay, container)
        return 0

    async def _up(self, address: tuple[str, int]) -> bool:
        """Wait until somebody listens in the container; False when it ended, or is to end."""
        while not (self._over.is_set() or self._asked.is_set()):
            with suppress(OSError):
                _, writer = await asyncio.open_connection(*address)
                writer.close()
                return True
            await asyncio.sleep(TICK)
        return False

    def _ended(self, container: Container) -> int:
        """The exit status, after saying why the container ended if it did."""
        if self._asked.is_set():
            return 0
        found = container.state()
        if found.running:
            print("The gate was closed for good, or the container was lost sight of.", flush=True)
            return BOOT_FAILED
        why = ": its memory limit was reached" if found.out_of_memory else ""
        print(f"The container ended with status {found.exit_code}{why}.", flush=True)
        return BOOT_FAILED

    async def _through_gate(self, relay: Relay) -> bool:
        """Answer checks until the gate is open; one that is started again finds it open."""
        if select.select([self._told["pipe"]], [], [], 0)[0]:
            return await self._open()
        private = await _private(relay, Path(self._told["folder"]))
        try:
            return await self._open()
        finally:
            private.close()  # and wait for nobody who is still asked there

    async def _open(self) -> bool:
        """Wait until the gate is open; False when it never will be, or this one is to end."""
        loop, opened = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._told["pipe"], opened.set)
        try:
            while not (opened.is_set() or self._asked.is_set() or self._over.is_set()):
                await asyncio.sleep(TICK)
        finally:
            loop.remove_reader(self._told["pipe"])
        return opened.is_set() and bool(os.read(self._told["pipe"], 1))

    async def _listen(self, relay: Relay) -> None:
        for number in self._told["listeners"]:
            listener = socket.socket(fileno=number)
            self._servers.append(await asyncio.start_server(relay, sock=listener, backlog=BACKLOG))

    async def _drain(self, relay: Relay, container: Container) -> None:
        """Take no more, let the container finish what it has, and hand on what it says."""
        for server in self._servers:
            server.close()
        await asyncio.sleep(TICK)  # what was just accepted is known to the relay then
        loop = asyncio.get_running_loop()
        end = loop.time() + self._told["graceful_seconds"]
        await _until(lambda: not relay.unanswered, min(end, loop.time() + SILENT))
        left = max(1.0, end - loop.time() - LAST_MOMENT)
        await asyncio.to_thread(container.stop, left)
        await _until(lambda: not relay.open, end)


async def _private(relay: Relay, folder: Path) -> asyncio.Server:
    """Listen for checks on a socket that is named by this process."""
    path = folder / str(os.getpid())
    server = await asyncio.start_unix_server(relay, path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)  # who sees it can connect
    return server


async def _until(true: Any, moment: float) -> None:
    while not true() and asyncio.get_running_loop().time() < moment:
        await asyncio.sleep(TICK)


async def _main() -> int:
    try:
        return await Contained(json.loads(os.environ["CASTOFF_GATE"])).serve()
    except StepError as error:
        print(error, flush=True)
        return BOOT_FAILED


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
