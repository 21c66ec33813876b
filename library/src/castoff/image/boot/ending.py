"""A server's end: told to, while it is asked."""

import time
from dataclasses import dataclass
from threading import Event

from castoff.image.boot import verdict
from castoff.image.boot.listening import sockets
from castoff.image.boot.load import Load
from castoff.image.boot.memory import Memory, measure
from castoff.image.container import Container, pause

WARM = 64  # requests that are answered before the server is told to end
WARM_SECONDS = 5.0  # the same, of a server that is slow


@dataclass(frozen=True)
class Ended:
    """How a server ended that did so as it should.

    Attributes:
        load_seconds: how long it was asked before.
        seconds: from SIGTERM to its end.
        memory: what its processes took before.
        answered: requests that were answered.
        turned_away: requests that it had not begun when it was told to end.
    """

    load_seconds: float
    seconds: float
    memory: Memory
    answered: int
    turned_away: int


def end_under_load(
    server: Container, load: Load, seconds: float, *, here: bool, cancelled: Event | None
) -> Ended:
    """Measure a server that is asked, tell it to end, and see what it loses.

    Args:
        server: the server, which is up.
        load: asks it.
        seconds: how long it may take to end.
        here: whether its processes are this machine's.
        cancelled: set, from another thread, when nobody wants to know any more.

    Raises:
        StepError: it ended by itself, lost a request, or did not end with 0 in time.
        Interrupted: ``cancelled`` was set.
    """
    start = time.monotonic()
    with load:
        while load.answered < WARM and not load.lost and time.monotonic() < start + WARM_SECONDS:
            pause(cancelled)
        memory = measure(server, here=here)
        if load.lost:
            raise verdict.loses_requests(server, load.lost)
        load.tell(sockets(server, here=here).taken)
        began = time.monotonic()
        ended = server.stop(seconds, cancelled)
        spent = time.monotonic() - began
    if ended.running or ended.exit_code or ended.out_of_memory or load.lost:
        raise verdict.ends_badly(server, ended, spent, load.lost)
    return Ended(began - start, spent, memory, load.answered, load.turned_away)
