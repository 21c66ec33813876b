"""What is lost under load when a process of the local target is killed with SIGKILL."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from checkout import Checkout, eventually, get
from load import Load, Run, asking
from processes import children, clients
from sample import WAIT, beside, deployed, supervisor
from table import Row

from castoff.targets.local import postgres

TIMES = 2  # kills of each process, for each run
STEADY = 1.0  # seconds of load before a kill, and after what was killed runs again


def mixed() -> list[Run]:
    """Clients of every kind: kept and busy, kept and idle, slow, a new connection each time."""
    slow = WAIT.format(300)
    return [
        *[asking(name="kept", pause=0.05)] * 4,
        *[asking(name="idle", pause=1.0)] * 4,
        *[asking(name="new", pause=0.05, keep=False)] * 4,
        asking(slow, name="slow, kept"),
        asking(slow, name="slow, new", keep=False),
    ]


@dataclass(frozen=True)
class Victim:
    """A process to kill.

    Attributes:
        name: what a person calls it.
        pid: its number now; 0 while it does not run.
        allowed: how many requests its death may cost; None for those that it has under way.
        revive: what a person does then; None where it comes back by itself.
    """

    name: str
    pid: Callable[[], int]
    allowed: int | None
    revive: Callable[[], object] = lambda: None


def rows(home: Path, runs: int) -> Iterator[Row]:
    """The supervisor, gunicorn's master, a worker and PostgreSQL, several times each."""
    with deployed(home) as checkout, beside(checkout):
        port = supervisor(checkout).status().port or 0
        for victim in _victims(checkout):
            yield _killed(victim, port, TIMES * runs)


def _victims(checkout: Checkout) -> list[Victim]:
    asked = supervisor(checkout)

    def master() -> int:
        return asked.status().gunicorn or 0

    return [
        Victim(
            "the supervisor, then `inv status`",
            lambda: asked.status().supervisor or 0,
            0,
            lambda: checkout.inv("status").must_end(0),
        ),
        Victim("gunicorn's master", master, 0),
        Victim("one worker", lambda: min(children(master()), default=0), None),
        Victim("PostgreSQL", lambda: postgres.running(checkout.folder / "database") or 0, 2),
    ]


def _killed(victim: Victim, port: int, times: int) -> Row:
    lost, over = [], []
    with Load(port, *mixed()) as load:
        for _ in range(times):
            time.sleep(STEADY)
            before = len(load.failures)
            under_way = _kill(victim, load)
            time.sleep(STEADY)
            lost.append(len(load.failures) - before)
            allowed = under_way if victim.allowed is None else victim.allowed
            over.append(lost[-1] > allowed)
    wanted = "≤ under way in it" if victim.allowed is None else f"≤ {victim.allowed} each"
    return Row(
        f"failed when {victim.name} is killed, {times} times",
        f"{', '.join(map(str, lost))} of {load.total:,}",
        wanted="0" if victim.allowed == 0 else wanted,
        met=not any(over),
        note=load.kinds,
    )


def _kill(victim: Victim, load: Load) -> int:
    """Kill it, wait until pages come again, and return how many requests it had under way."""
    pid = victim.pid()
    os.kill(pid, signal.SIGSTOP)  # so that what it has under way can be counted
    under_way = len(load.under_way & clients(pid))
    os.kill(pid, signal.SIGKILL)
    victim.revive()
    eventually(lambda: victim.pid() not in (0, pid))
    eventually(lambda: get(f"http://localhost:{load.port}/").status == 200)
    return under_way
