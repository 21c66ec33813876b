"""Engines and programs that are not as they should be."""

import json
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import AF_UNIX, SHUT_RDWR, SHUT_WR
from socket import socket as Socket
from tempfile import TemporaryDirectory

import pytest

# What docker 28 without its plugin says; the version is a client's alone.
WITHOUT_BUILDX = """#!/bin/sh
case "$1" in
version) echo '{"Client":{"Version":"28.2.2","ApiVersion":"1.50"},"Server":null}' ;;
*) echo "docker: unknown command: docker $1" >&2; exit 1 ;;
esac
"""
AS_NOBODY = """#!/bin/sh
exec setpriv --reuid=65534 --regid=65534 --clear-groups -- {docker} "$@"
"""


def program(folder: Path, text: str) -> str:
    """Put a program named docker into a folder, and return the folder as a PATH."""
    folder.mkdir(exist_ok=True)
    made = folder / "docker"
    made.write_text(text, encoding="utf-8")
    made.chmod(0o755)
    return str(folder)


@contextmanager
def old_engine(socket: Path, version: str = "19.03.15", api: str = "1.40") -> Iterator[str]:
    """An engine that says its version and can nothing else; gives its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(b"")

        def do_GET(self) -> None:
            found = {"Version": version, "ApiVersion": api, "Os": "linux", "Arch": "amd64"}
            self._answer(json.dumps(found).encode() if "version" in self.path else b"OK")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Api-Version", api)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "a unix socket"

        def log_message(self, format: str, *values: object) -> None:
            pass

    with socketserver.ThreadingUnixStreamServer(str(socket), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"unix://{socket}"
        finally:
            server.shutdown()
            thread.join()


class Way:
    """A way to the engine that can be cut off.

    Args:
        socket: where it begins; made here.
        engine: the engine's own socket.
    """

    def __init__(self, socket: Path, engine: str) -> None:
        self.address = f"unix://{socket}"
        self._engine = engine
        self._ends: list[Socket] = []
        self._listener = Socket(AF_UNIX)
        self._listener.bind(str(socket))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and take no more."""
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                here, there = self._listener.accept()[0], Socket(AF_UNIX)
                there.connect(self._engine)
                self._ends += [here, there]
                for words in ((here, there), (there, here)):
                    threading.Thread(target=_hand_on, args=words, daemon=True).start()


def _hand_on(source: Socket, sink: Socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(SHUT_WR)


@contextmanager
def small_engine(folder: Path, size: str = "80m") -> Iterator[str]:
    """A second engine on a disk of its own; gives its address. Skips where that is not allowed."""
    folder.mkdir()
    options = f"size={size},mode=700"
    _or_skip(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)])
    try:
        # A socket's path may have a hundred letters, which pytest's folders have already.
        with (
            TemporaryDirectory(prefix="castoff-engine-", dir="/tmp") as short,
            _daemon(folder, Path(short)) as address,
        ):
            yield address
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _daemon(folder: Path, short: Path) -> Iterator[str]:
    address = f"unix://{short}/engine.sock"
    argv = [
        # Without a network of its own, an engine with no bridge deletes that of the first one.
        *("unshare", "--net"),
        *("dockerd", "--bridge=none", "--iptables=false", f"--host={address}"),
        *(f"--data-root={folder}/data", f"--exec-root={short}/exec", f"--pidfile={folder}/pid"),
    ]
    with (folder.parent / "dockerd.log").open("wb") as log:
        try:
            daemon = subprocess.Popen(argv, stdout=log, stderr=log)
        except OSError as error:
            pytest.skip(f"no second engine can be started here: {error}")
    try:
        _wait_for(daemon, short / "engine.sock")
        yield address
    finally:
        daemon.terminate()
        daemon.wait(30)


def _wait_for(daemon: "subprocess.Popen[bytes]", socket: Path) -> None:
    until = time.monotonic() + 60
    while not socket.exists():
        if daemon.poll() is not None or time.monotonic() > until:
            pytest.skip("no second engine can be started here")
        time.sleep(0.05)


def _or_skip(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
