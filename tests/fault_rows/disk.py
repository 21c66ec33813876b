"""Rows: the disk of the state folder is full, in each step."""

from contextlib import suppress

from checkout import Run, eventually
from fault_table import STATE, Row, Serves
from fault_world import World
from small_disk import SmallDisk

from castoff.targets.local import wire
from castoff.targets.local.state import run_folder

FULL = "No space left on device"
NEXT = "Make room; `df -h"
# Into the write-ahead log and nowhere else: PostgreSQL cannot go on without room for that.
WRITES = (
    "SELECT pg_logical_emit_message(false, '', repeat('x', 1000000)) FROM generate_series(1, 99)"
)


def full_before(world: World, *words: str, leave: int = 0) -> Run:
    """Fill the disk, and run `inv`."""
    room(world).fill(leave)
    return world.app.inv(*words)


def full_at(world: World, place: str, *words: str) -> Run:
    """Fill the disk when the code of a run has come to a place."""
    run = world.start_and_reach(place, *words)
    room(world).fill()
    world.holds.open()
    return run.wait()


def at_the_source(world: World) -> Run:
    """There is no room for the source."""
    world.change()
    return full_before(world, "deploy")


def at_the_virtualenv(world: World) -> Run:
    """There is room for the source, and for a part of the packages."""
    world.app.append("pyproject.toml", "# another lock, to whoever compares its bytes\n")
    world.app.commit()
    return full_before(world, "deploy", "--json", leave=20_000_000)


def at_the_build(world: World) -> Run:
    """There is no room for the static files."""
    world.change()
    return full_at(world, "static", "deploy")


def at_the_secrets(world: World) -> Run:
    """There is no room for a config var."""
    secret = world.app.read("secrets.env").partition("=")[2]
    world.app.write("secrets.env", f"PAYMENT_KEY={secret}MAIL_KEY={secret}")
    return full_before(world, "secrets", "--json")


def at_the_first_database(world: World) -> Run:
    """There is no room for all of PostgreSQL's files."""
    world.app.inv("build").must_end(0)
    return full_before(world, "deploy", leave=30_000_000)


def at_the_switch(world: World) -> Run:
    """There is no room to write down what is to serve."""
    world.change()
    return full_at(world, "boot", "deploy")


def in_a_migration(world: World) -> Run:
    """A migration makes a table that does not fit."""
    table = "CREATE UNLOGGED TABLE large AS SELECT generate_series(1, 50000000) AS id"
    world.add_migration(f'migrations.RunSQL("{table}", "DROP TABLE large"),')
    return full_before(world, "deploy", leave=30_000_000)


def while_it_serves(world: World) -> Run:
    """What the app writes does not fit; PostgreSQL goes down, and comes back when there is room."""
    told = eventually(lambda: overwhelmed(world), 120)
    room(world).make_room()
    eventually(lambda: world.app.get("/").status == 200, 120)
    return told


def overwhelmed(world: World) -> Run | None:
    """Write more than there is room for; the `inv status` that says so, if the database is down."""
    room(world).fill()
    with suppress(OSError, wire.ServerError):
        wire.query(run_folder(world.app.folder), "postgres", "app", WRITES, timeout=60)
    status = world.app.inv("status")
    return status if "PostgreSQL does not answer" in status.text else None


def with_nothing_to_do(world: World) -> Run:
    """What serves is what is to be deployed: only the log has no room."""
    return full_before(world, "deploy")


def at_the_stop(world: World) -> Run:
    """What serves is stopped, which may be how somebody wants to make room."""
    return full_before(world, "stop")


def room(world: World) -> SmallDisk:
    """The disk of the state folder."""
    assert world.disk
    return world.disk


def make_room(world: World) -> None:
    """Delete what fills the disk."""
    room(world).make_room()


def make_room_and_revert(world: World) -> None:
    """Make room, and take the last commit back."""
    make_room(world)
    world.revert()


ROWS = (
    Row(
        name="no room for the source",
        act=at_the_source,
        ends=1,
        says=(FULL, "Nothing was changed", NEXT, "the log cannot be written"),
        mend=make_room,
        small_disk=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room for the virtualenv",
        act=at_the_virtualenv,
        ends=1,
        says=(FULL, "what served before still serves", NEXT),
        mend=make_room,
        small_disk=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room for the static files",
        act=at_the_build,
        ends=1,
        says=("✗ build", FULL, "serve", NEXT),
        mend=make_room,
        small_disk=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room for a secret",
        act=at_the_secrets,
        ends=1,
        says=(f"config.json cannot be written: {FULL}", "serves at", NEXT),
        mend=make_room,
        small_disk=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room for the first database",
        act=at_the_first_database,
        ends=1,
        says=("✗ attach", FULL, "Nothing was kept of it", NEXT),
        serves=Serves.NOTHING,
        mend=make_room,
        small_disk=True,
        first=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room at the switch",
        act=at_the_switch,
        ends=1,
        says=("✗ release", FULL, "serves", NEXT),
        mend=make_room,
        small_disk=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room for what a migration makes",
        act=in_a_migration,
        ends=1,
        says=("could not extend file", "rolled back whole", "still serves at", NEXT),
        mend=make_room_and_revert,
        small_disk=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room for what the app records",
        act=while_it_serves,
        says=("PostgreSQL does not answer", FULL),
        small_disk=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room for the log alone",
        act=with_nothing_to_do,
        says=("nothing to do", f"the log cannot be written: {FULL}"),
        mend=make_room,
        small_disk=True,
        needs=frozenset({STATE}),
    ),
    Row(
        name="no room, and `inv stop`",
        act=at_the_stop,
        says=("stopped; data and releases are kept",),
        serves=Serves.NOTHING,
        mend=make_room,
        small_disk=True,
        needs=frozenset({STATE}),
    ),
)
