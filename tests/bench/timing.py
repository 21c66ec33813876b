"""How things are timed: in pairs, A B A B …, because the machine's speed drifts."""

import time
from collections.abc import Callable

Work = Callable[[], object]


def timed(work: Work) -> float:
    """The seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(
    ours: Work, bare: Work, runs: int, before: Work = lambda: None
) -> tuple[list[float], list[float]]:
    """Time both in turn, after one run of each that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        before()
        for work, kept in zip((ours, bare), times, strict=True):
            seconds = timed(work)
            if number:
                kept.append(seconds)
    return times
