"""The sample app as castoff serves it, against the guides' gunicorn, with the same database."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from load import Load, Run, asking, silent, trickle
from processes import memory, own_memory
from sample import WAIT, beside, deployed, supervisor
from table import Row, paired

SECONDS = 3.0  # of each measurement
SETTLE = 0.7  # seconds that come before it
CLIENTS = 16
SILENT = 50
SLOW = 4  # clients that trickle; castoff has 8 threads, the guides' line 2 processes


def rows(home: Path, runs: int) -> Iterator[Row]:
    """Pages, a view that waits, silent and slow clients, memory."""
    page = [asking()] * CLIENTS
    wait = [asking(WAIT.format(20))] * CLIENTS
    with deployed(home) as checkout, beside(checkout) as hand:
        hand.start()
        asked = supervisor(checkout)
        ours, guides = asked.status().port or 0, hand.port
        measured = _rates([(ours, page), (guides, page)], runs)
        yield paired("page / the guides' gunicorn", *measured, "1/s", at_least=0.9)
        measured = _rates([(ours, wait), (guides, wait)], runs)
        yield paired("view that waits 20 ms / the guides'", *measured, "1/s", at_least=2.5)
        measured = _rates([(ours, page + [silent] * SILENT), (ours, page)], runs)
        name = f"page beside {SILENT} silent clients / without them"
        yield paired(name, *measured, "1/s", at_least=0.9)
        measured = _rates([(port, page + [trickle] * SLOW) for port in (ours, guides)], runs)
        yield paired(f"page beside {SLOW} clients that trickle / the guides'", *measured, "1/s")
        now = asked.status()
        yield _memory(now.gunicorn or 0, hand.pid, now.supervisor or 0)


def _rates(
    cases: Sequence[tuple[int, Sequence[Run]]], runs: int
) -> tuple[list[float], list[float]]:
    """Answers a second of two cases in turn, each a port and its clients."""
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for (port, clients), kept in zip(cases, rates, strict=True):
            with Load(port, *clients) as load:
                time.sleep(SETTLE)
                kept.append(load.rate(SECONDS))
    return rates


def _memory(ours: int, guides: int, supervisor: int) -> Row:
    name = f"resident memory / the guides' (supervisor apart: {own_memory(supervisor):.0f} MiB)"
    return paired(name, [memory(ours)], [memory(guides)], "MiB", at_most=1.05)
