"""Rows: what castoff may not write to."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from checkout import Run
from fault_table import STATE, Row, Serves
from fault_world import World

NOBODY = 65534
NEEDS = frozenset({STATE})


def checkout(world: World) -> Run:
    """The checkout, of a commit."""
    world.change()
    with read_only(world.app.root):
        return world.app.inv("deploy", "--json")


def checkout_with_changes(world: World) -> Run:
    """The checkout, with changes that are not committed."""
    world.app.append("project/templates/404.html", "<!-- not committed -->")
    with read_only(world.app.root):
        run = world.app.inv("deploy", "--json")
    world.app.commit()
    return run


def state(world: World) -> Run:
    """The state folder."""
    world.change()
    with read_only(world.app.state):
        return world.app.inv("deploy", "--json")


def part_of_the_state(world: World) -> Run:
    """A folder in the state folder, as when root has made it."""
    world.change()
    with read_only(world.app.folder):
        return world.app.inv("deploy", "--json")


def state_of_somebody_else(world: World) -> Run:
    """Root was told to use another user's state folder, as `sudo -E` does."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(world.app.state, NOBODY, NOBODY)
    try:
        return world.app.inv("deploy", "--json")
    finally:
        os.chown(world.app.state, 0, 0)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write below a folder, not even root; skipped where that cannot be had."""
    bound = subprocess.run(
        ["mount", "--bind", str(folder), str(folder)], capture_output=True, text=True, check=False
    )
    if bound.returncode:
        pytest.skip(f"nothing can be mounted here: {bound.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


ROWS = (
    Row(
        name="a read-only checkout",
        act=checkout,
        says=("is live",),
        serves=Serves.NEW,
    ),
    Row(
        name="a read-only checkout with changes",
        act=checkout_with_changes,
        ends=1,
        says=("git stash", "Nothing was changed", "commit"),
    ),
    Row(
        name="a read-only state folder",
        act=state,
        ends=1,
        says=("cannot be used", "Nothing was changed", "XDG_STATE_HOME"),
        needs=NEEDS,
    ),
    Row(
        name="a read-only part of the state folder",
        act=part_of_the_state,
        ends=1,
        says=("cannot be", "Nothing was changed", "XDG_STATE_HOME"),
        needs=NEEDS,
    ),
    Row(
        name="a state folder of somebody else",
        act=state_of_somebody_else,
        ends=1,
        says=("it belongs to", "Nothing was changed", "Run it as the folder's owner"),
        needs=NEEDS,
    ),
)
