"""What counts as a lost request while a server is told to end, and what does not."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from boot_project import eventually

from castoff.image.boot.load import CLIENTS, MOMENT, Load

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[socket.socket, "Server"], None]


class Server:
    """A server on loopback that treats each connection as ``talk`` does.

    Attributes:
        ports: the clients' ports of the connections that it has accepted.
        asked: how many requests it has read.
    """

    def __init__(self, talk: Talk) -> None:
        self.ports: set[int] = set()
        self.asked = 0
        self.ending = threading.Event()
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def read(self, connection: socket.socket) -> bool:
        """Read a request; return whether there was one."""
        there = bool(connection.recv(65_536))
        self.asked += there
        return there

    def close(self) -> None:
        """Take no more connections; done twice is done."""
        self.ending.set()
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, (_, port) = self._listener.accept()
            except OSError:
                return
            self.ports.add(port)
            threading.Thread(target=self._serve, args=(connection,)).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            self._talk(connection, self)


def answers(connection: socket.socket, server: Server) -> None:
    """Answer each request, and end after the last one when the server does."""
    while not server.ending.is_set() and server.read(connection):
        connection.sendall(WHOLE)


def answers_once(connection: socket.socket, server: Server) -> None:
    """Answer one request, and close a connection that the client keeps when it asks again."""
    if server.read(connection):
        connection.sendall(WHOLE)
        server.read(connection)


def answers_by_half(connection: socket.socket, server: Server) -> None:
    if server.read(connection):
        connection.sendall(WHOLE[:-1])


def fails(connection: socket.socket, server: Server) -> None:
    if server.read(connection):
        connection.sendall(WHOLE.replace(b"200 OK", b"503 No"))


def says_nothing(connection: socket.socket, server: Server) -> None:
    server.read(connection)


def gives_up(connection: socket.socket, server: Server) -> None:
    """Begin each request, and drop it when the server ends."""
    if server.read(connection):
        server.ending.wait()


@contextmanager
def loaded(talk: Talk) -> Iterator[tuple[Server, Load]]:
    """A server that is asked."""
    server = Server(talk)
    load = Load(server.address, "localhost", ("/",), patience=30)
    try:
        with load:
            yield server, load
            server.ending.set()
    finally:
        server.close()


def test_a_server_that_answers_all_before_it_ends_loses_none() -> None:
    with loaded(answers) as (server, load):
        assert eventually(lambda: load.answered >= 200 or load.lost)
        load.tell(frozenset(server.ports))
        server.close()
    assert load.lost == []
    assert load.answered >= 200
    assert load.turned_away > 0


def test_a_kept_connection_that_is_closed_when_idle_loses_none() -> None:
    with loaded(answers_once) as (_, load):
        assert eventually(lambda: load.answered >= 200 or load.lost)
    assert load.lost == []


def test_half_an_answer_is_lost() -> None:
    with loaded(answers_by_half) as (_, load):
        assert eventually(lambda: load.answered >= 1 or load.lost)
    assert "/ was answered by half" in load.lost


def test_an_error_of_the_server_is_lost() -> None:
    with loaded(fails) as (_, load):
        assert eventually(lambda: load.answered >= 1 or load.lost)
    assert "/ was answered 503" in load.lost


def test_no_answer_before_it_is_told_to_end_is_lost() -> None:
    with loaded(says_nothing) as (_, load):
        assert eventually(lambda: load.answered >= 1 or load.lost)
    assert "/ got no answer" in load.lost


def test_a_request_that_it_works_on_when_it_is_told_to_end_is_lost() -> None:
    with loaded(gives_up) as (server, load):
        assert eventually(lambda: server.asked == 2 * CLIENTS)
        threading.Event().wait(MOMENT * 2)
        load.tell(frozenset(server.ports))
    assert load.lost == ["/ got no answer"] * (2 * CLIENTS)


def test_a_request_that_it_has_not_accepted_then_is_turned_away() -> None:
    with loaded(gives_up) as (server, load):
        assert eventually(lambda: server.asked == 2 * CLIENTS)
        threading.Event().wait(MOMENT * 2)
        load.tell(frozenset())
    assert (load.lost, load.turned_away) == ([], 2 * CLIENTS)
