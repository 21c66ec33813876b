"""Waiting for a server to come up, and seeing why it does not."""

import http.client
import time
from dataclasses import dataclass
from threading import Event

from castoff.image.boot import verdict
from castoff.image.boot.listening import Listener, sockets
from castoff.image.container import Container, pause

ANSWER = 5.0  # seconds for one answer
LOOK = 0.5  # seconds between two looks at what it listens on
STRAY = 10.0  # seconds for which a server may listen on other ports only, before it does on its own
UNREADY = 503


@dataclass(frozen=True)
class Wanted:
    """What a server must do to be up.

    Attributes:
        port: where it must listen.
        path: its health check.
        host: the Host header that it is asked with.
        seconds: how long it may take.
        here: whether its processes are this machine's.
    """

    port: int
    path: str
    host: str
    seconds: float
    here: bool


def wait_until_up(server: Container, wanted: Wanted, cancelled: Event | None) -> float:
    """Wait until a server that was just started answers its health check; return the seconds.

    An answer that will not change by waiting is enough too: what is wrong with it is asked later.

    Raises:
        StepError: it ended, listens elsewhere, or was not healthy in time.
        Interrupted: ``cancelled`` was set.
    """
    began = time.monotonic()
    address = server.address(wanted.port)
    look = _Look(server, wanted)
    while True:
        ended = server.state()
        spent = time.monotonic() - began
        if not ended.running:
            raise verdict.ended_early(server, ended, spent)
        status, said = _ask(address, wanted)
        if status not in (0, UNREADY):
            return time.monotonic() - began
        if not status:
            look.again()
        if spent > wanted.seconds:
            raise verdict.too_slow(server, said, wanted.seconds)
        pause(cancelled)


class _Look:
    """Looks now and then at what a server listens on while nobody answers."""

    def __init__(self, server: Container, wanted: Wanted) -> None:
        self._server, self._wanted = server, wanted
        self._next = time.monotonic() + LOOK
        self._stray_since: float | None = None

    def again(self) -> None:
        """Look, if it is time to.

        Raises:
            StepError: it listens where nobody asks it, and will not do otherwise any more.
        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LOOK
        found = sockets(self._server, here=self._wanted.here).listeners
        stray = _stray(found, self._wanted.port)
        if stray is None:
            self._stray_since = None
            return
        self._stray_since = self._stray_since or now
        # Whoever has the port on loopback keeps everybody else from having it on all addresses.
        if stray.port == self._wanted.port or now - self._stray_since > STRAY:
            raise verdict.listens_elsewhere(self._server, stray, self._wanted.port)


def _stray(listeners: frozenset[Listener], port: int) -> Listener | None:
    """Where it listens in place of where it must; None when it does, or does not listen at all."""
    right = [one for one in listeners if one.port == port]
    if any(not one.loopback_only for one in right):
        return None
    open_ = sorted(one for one in listeners if not one.loopback_only)
    return next(iter(right or open_ or sorted(listeners)), None)


def _ask(address: tuple[str, int], wanted: Wanted) -> tuple[int, str]:
    """Ask for health; return the status, 0 when nobody answers, and what came in words."""
    connection = http.client.HTTPConnection(*address, timeout=min(ANSWER, wanted.seconds))
    try:
        connection.request("GET", wanted.path, headers={"Host": wanted.host})
        status = connection.getresponse().status
    except TimeoutError:
        return 0, f"{wanted.path} got no answer in {connection.timeout:g} s"
    except ConnectionRefusedError:
        return 0, f"nothing listens on port {wanted.port}"
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{wanted.path} got no answer ({type(error).__name__})"
    finally:
        connection.close()
    return status, f"{wanted.path} answered {status}"
