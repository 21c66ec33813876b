"""Runs independent jobs at the same time, and waits for none of them for ever."""

from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import TypeVar

from castoff.errors import Interrupted

WORKERS = 8
TICK = 0.1  # seconds between two looks at whether the run was cancelled

T = TypeVar("T")


def together(
    jobs: Sequence[Callable[[], T]], limit: float, cancelled: Event | None = None
) -> Iterator[tuple[int, T]]:
    """Yield each job's index and result as it ends; a job that has not ended is left out.

    Args:
        jobs: what to run; none of them may raise.
        limit: seconds for all of them.
        cancelled: set when nobody wants to know any more.

    Raises:
        Interrupted: it was cancelled.
    """
    # Daemon threads and not an executor: looking up a host has no time limit, and the
    # interpreter would wait at its end for a thread that hangs there.
    waiting: SimpleQueue[tuple[int, Callable[[], T]]] = SimpleQueue()
    done: SimpleQueue[tuple[int, T]] = SimpleQueue()
    for numbered in enumerate(jobs):
        waiting.put(numbered)
    for _ in range(min(WORKERS, len(jobs))):
        Thread(target=_work, args=(waiting, done), daemon=True).start()
    until = monotonic() + limit
    try:
        for _ in jobs:
            yield _next(done, until, cancelled)
    except Empty:
        return
    finally:
        _drain(waiting)


def _next(
    done: "SimpleQueue[tuple[int, T]]", until: float, cancelled: Event | None
) -> tuple[int, T]:
    while not (cancelled and cancelled.is_set()):
        left = until - monotonic()
        try:
            return done.get(timeout=max(0.0, min(TICK, left)))
        except Empty:
            if left <= TICK:
                raise
    raise Interrupted


def _work(
    waiting: "SimpleQueue[tuple[int, Callable[[], T]]]", done: "SimpleQueue[tuple[int, T]]"
) -> None:
    while True:
        try:
            index, job = waiting.get_nowait()
        except Empty:
            return
        done.put((index, job()))


def _drain(waiting: "SimpleQueue[tuple[int, Callable[[], T]]]") -> None:
    """Leave nothing to begin for threads that nobody listens to any more."""
    while True:
        try:
            waiting.get_nowait()
        except Empty:
            return
