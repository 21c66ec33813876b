"""Which port the app is reached at, and what happens when it is taken."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from local_place import Place, eventually

from castoff.errors import StepError
from castoff.targets.local.sockets import bind, first_free


@contextmanager
def taken(port: int, host: str = "127.0.0.1") -> Iterator[int]:
    """Somebody else listens on a port; 0 for any."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((host, port))
        other.listen()
        yield other.getsockname()[1]


def test_configured_port_that_is_taken_is_an_error_that_says_by_whom(place: Place) -> None:
    place.supervisor.start()
    with taken(0) as port, pytest.raises(StepError) as caught:
        place.supervisor.reserve(port)
    assert f"Port {port} is taken by" in caught.value.what
    assert f"pid {os.getpid()}" in caught.value.what


def test_configured_port_is_used(place: Place) -> None:
    place.supervisor.start()
    with taken(0) as port:
        pass
    place.supervisor.reserve(port)
    place.supervisor.switch(place.spec("v1"))
    assert place.status.port == port
    assert place.release() == "v1"


def test_next_free_port_is_taken_and_kept(place: Place) -> None:
    place.supervisor.start()
    with first_free_listener() as busy:
        port = place.supervisor.reserve(None).port
        assert port > busy
        place.supervisor.switch(place.spec("v1"))
    again = place.supervisor.reserve(None)
    assert (again.port, again.moved_from) == (port, None)


def test_kept_port_that_is_taken_after_a_stop_moves_and_says_so(place: Place) -> None:
    place.deploy("v1")
    port = place.status.port
    assert port
    place.supervisor.stop()
    with taken(port):
        place.supervisor.start()
        moved = place.supervisor.reserve(None)
        assert moved.moved_from == port
        assert moved.port != port
        place.supervisor.switch(place.spec("v2"))
        assert place.status.port == moved.port
        assert place.release() == "v2"
        assert place.status.problems == []


def test_port_taken_while_everything_was_down_is_a_problem_until_it_is_free(place: Place) -> None:
    place.deploy("v1")
    port = place.status.port
    assert port
    place.pretend_reboot()
    eventually(lambda: bind(port).close() is None)
    with taken(port):
        place.supervisor.start()
        eventually(lambda: any(f"Port {port} is taken" in one for one in place.status.problems))
    eventually(lambda: place.release() == "v1")
    assert place.status.problems == []


def test_another_configured_port_takes_over_at_the_next_release(place: Place) -> None:
    place.deploy("v1")
    old = place.status.port
    with taken(0) as port:
        pass
    place.supervisor.reserve(port)
    assert place.status.port == old
    place.supervisor.switch(place.spec("v2"))
    assert place.status.port == port
    assert place.release() == "v2"
    eventually(lambda: is_free(old or 0))  # once the release that served there has ended


def test_failed_release_on_another_port_leaves_the_old_port_serving(place: Place) -> None:
    place.deploy("v1")
    with taken(0) as port:
        pass
    place.supervisor.reserve(port)
    with pytest.raises(StepError):
        place.supervisor.switch(place.spec("v2", mode="crash"))
    assert place.release() == "v1"


def test_reserved_port_cannot_be_taken_even_with_so_reuseaddr() -> None:
    with taken(0) as port:
        pass
    held = bind(port)
    with pytest.raises(OSError, match="in use"), taken(port):
        pass
    held.close()


def test_port_is_free_again_for_us_while_old_connections_time_out() -> None:
    listeners = first_free()
    listeners.listen()
    client = socket.create_connection(("127.0.0.1", listeners.port))
    server, _ = listeners.sockets[0].accept()
    server.close()  # who closes first waits in TIME_WAIT
    client.close()
    listeners.close()
    held = bind(listeners.port)
    with pytest.raises(OSError, match="in use"), taken(listeners.port):
        pass  # nor is it anybody else's meanwhile, even with SO_REUSEADDR
    held.listen()
    held.close()


def test_port_that_is_taken_on_ipv6_only_is_not_used() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with taken(0, "::1") as port, pytest.raises(OSError, match="in use"):
        bind(port)


def is_free(port: int) -> bool:
    """Whether somebody else may listen on a port."""
    with taken(port):
        return True


@contextmanager
def first_free_listener() -> Iterator[int]:
    """Somebody else listens on the port that we would take."""
    listeners = first_free()
    listeners.listen()
    yield listeners.port
    listeners.close()
