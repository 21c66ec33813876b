"""A server on a real socket that answers as a test says, for what no framework would send."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from smoke_served import STAMP, Served

Handler = Callable[[socket.socket, str, str], None]
"""Takes the connection, the request's line and its headers; what it leaves is closed."""


def respond(
    status: str = "200 OK", body: bytes = b"<p>page", kind: str = "text/html", **headers: str
) -> bytes:
    """The bytes of an answer; a header's underscores become hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def healthy() -> bytes:
    """What the release middleware answers."""
    return respond(body=b"ok", kind="text/plain", X_Release=STAMP)


@contextmanager
def scripted(handle: Handler, certificate: Path | None = None) -> Iterator[Served]:
    """A server that hands each connection to `handle` in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    ends = threading.Event()

    def accept() -> None:
        while not ends.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(connection,), daemon=True).start()

    def converse(connection: socket.socket) -> None:
        try:
            with wrapped(connection) as stream:
                head = read_head(stream)
                if head:
                    handle(stream, head.partition("\r\n")[0], head)
        except OSError:
            pass

    def wrapped(connection: socket.socket) -> socket.socket:
        if not certificate:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        return context.wrap_socket(connection, server_side=True)

    threading.Thread(target=accept, daemon=True).start()
    scheme = "https" if certificate else "http"
    try:
        yield Served(f"{scheme}://localhost:{listener.getsockname()[1]}")
    finally:
        ends.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextmanager
def answering(
    answer: Callable[[str, str], bytes], certificate: Path | None = None
) -> Iterator[Served]:
    """A healthy site, whose other answers are `answer(path, head)`."""

    def handle(stream: socket.socket, line: str, head: str) -> None:
        path = line.split(" ")[1]
        stream.sendall(healthy() if path == "/healthz" else answer(path, head))

    with scripted(handle, certificate) as served:
        yield served


def read_head(stream: socket.socket) -> str:
    """A request's line and headers."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = stream.recv(65_536)
        if not piece:
            return ""
        head += piece
    return head.decode("latin-1")
