"""What clients that connect and say nothing may cost the others."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from local_place import Place

THREADS = 2 * 4  # that a release serves with
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_connections_that_say_nothing_keep_nobody_waiting(place: Place) -> None:
    place.deploy("v1")
    with silent(place, 3 * THREADS) as connections:
        assert place.release() == "v1"  # not after the seconds that a silent one may stay
        assert answer(connections[-1]).startswith(b"HTTP/1.1 200")


def test_connection_from_before_a_switch_is_answered_when_it_asks_after_it(place: Place) -> None:
    place.deploy("v1")
    with ExitStack() as stack:
        connections: list[socket.socket] = []

        def connect(line: str) -> None:
            if "2 of 2" in line:  # the old release is the only one that accepts
                connections.extend(stack.enter_context(silent(place, THREADS)))

        place.supervisor.switch(place.spec("v2"), connect)
        answers = [answer(connection) for connection in connections]
    assert [said.partition(b"\r\n")[0] for said in answers] == [b"HTTP/1.1 200 OK"] * THREADS
    assert place.release() == "v2"


@contextmanager
def silent(place: Place, count: int) -> Iterator[list[socket.socket]]:
    """Connections that nothing was sent over."""
    with ExitStack() as stack:
        address = ("127.0.0.1", place.status.port or 0)
        yield [
            stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(count)
        ]


def answer(connection: socket.socket) -> bytes:
    """What comes when it asks at last; it is closed then, or gunicorn waits for that."""
    with connection, connection.makefile("rb") as stream:
        connection.sendall(ASK)
        return stream.read()
