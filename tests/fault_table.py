"""The table of faults: what a row says, and which rows a target can be put through."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module

import fault_rows
from checkout import Run
from fault_world import World


class Serves(StrEnum):
    """Which code answers, before anybody has done anything about the fault."""

    BEFORE = "the code that served before"
    NEW = "the code that was being deployed"
    NOTHING = "nothing"


# What a fault needs of a target beyond `inv` and a URL. A target without it leaves the row out.
SUPERVISOR = "a supervisor of castoff's own"
PROCESSES = "processes of its own on this machine"
STATE = "a state folder that the app lives in"
CAPABILITIES = {"local": frozenset({SUPERVISOR, PROCESSES, STATE})}

KILLED = -9  # how a process ends that was killed


def nothing_to_mend(world: World) -> None:
    """The second deploy alone is enough."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault, and what a user meets.

    Attributes:
        name: what happens, in words.
        act: makes it happen, in a deployed checkout with data; returns the `inv` that met it, or
            None where none did.
        ends: the exit code of that `inv`.
        says: what it must say: what failed, what still serves, what to do next.
        serves: which code answers after it.
        back: the words of the `inv` that brings back what is missing; none where it comes back by
            itself.
        tells: what that `inv` must say.
        mend: what the user puts right before the second deploy.
        needs: what the target must have.
        small_disk: whether the state folder is on a disk of its own, which the row fills.
        first: whether it happens where nothing was deployed yet.
        alone: whether the checkout is of no use for other rows afterwards.
    """

    name: str
    act: Callable[[World], Run | None]
    ends: int = 0
    says: tuple[str, ...] = ()
    serves: Serves = Serves.BEFORE
    back: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    mend: Callable[[World], None] = nothing_to_mend
    needs: frozenset[str] = frozenset()
    small_disk: bool = False
    first: bool = False
    alone: bool = False


def rows(target: str) -> list[Row]:
    """Return the rows for a target: first those that share a checkout."""
    modules = sorted(module.name for module in pkgutil.iter_modules(fault_rows.__path__))
    found: list[Row] = [row for name in modules for row in import_module(f"fault_rows.{name}").ROWS]
    fitting = [row for row in found if row.needs <= CAPABILITIES[target]]
    return sorted(fitting, key=lambda row: (row.first or row.alone, row.small_disk))
