"""Rows: the clock is wrong, or is put right."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest
from checkout import Run
from fault_table import STATE, Row, Serves
from fault_world import World

DAY = 86_400.0  # seconds


def set_back(world: World) -> Run:
    """What there is was made when the clock was a day ahead."""
    for _ in range(2):
        world.change()
        world.app.inv("deploy", env=ahead()).must_end(0)
    move_file_times(world)
    world.change()
    deploy = world.app.inv("deploy")
    in_order(world)
    return deploy


def set_forward(world: World) -> Run:
    """From one deploy to the next a day is gone."""
    world.change()
    deploy = world.app.inv("deploy", env=ahead())
    in_order(world)
    return deploy


def move_file_times(world: World) -> None:
    """The kernel gave them by the true clock, whatever a program was told."""
    later = time.time() + DAY
    for path in world.app.state.rglob("*"):
        if "database" not in path.parts and not path.is_symlink():
            with suppress(FileNotFoundError):  # what runs replaces its files
                os.utime(path, (later, later))


def ahead() -> dict[str, str]:
    """An environment in which the clock is a day ahead."""
    library = next(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    return {"LD_PRELOAD": str(library), "FAKETIME": "+1d"}


def in_order(world: World) -> None:
    """The newest release is the one with the highest number, and it is the current one."""
    releases = world.app.releases()
    numbers = [int(one["id"].removeprefix("v")) for one in releases]
    assert numbers == sorted(numbers, reverse=True)
    assert releases[0]["status"] == "current"


ROWS = (
    Row(
        name="the clock is set back by a day",
        act=set_back,
        serves=Serves.NEW,
        needs=frozenset({STATE}),
        alone=True,
    ),
    Row(
        name="the clock is set forward by a day",
        act=set_forward,
        serves=Serves.NEW,
        alone=True,
    ),
)
