"""Rows: castoff itself is killed in the middle of a step."""

import os
import signal

from checkout import Background, Run, eventually
from fault_table import KILLED, PROCESSES, SUPERVISOR, Row, Serves
from fault_world import World


def killed(run: Background) -> Run:
    """What the kernel does when the memory is used up, or a person in a hurry."""
    run.interrupt(signal.SIGKILL)
    return run.wait()


def in_the_check(world: World) -> Run:
    """A program of its own imports the settings."""
    world.change()
    return killed(world.start_and_reach("settings", "deploy"))


def in_the_build(world: World) -> Run:
    """Static files are being collected."""
    world.change()
    return killed(world.start_and_reach("static", "deploy"))


def in_secrets(world: World) -> Run:
    """The command that prints the secrets has not ended."""
    world.change()
    return killed(world.start_and_reach("secrets", "deploy"))


def in_attach(world: World) -> Run:
    """The database does not answer for a while."""
    world.change()
    postgres = world.parts["PostgreSQL"]
    os.kill(postgres, signal.SIGSTOP)
    try:
        deploy = world.app.start("deploy", "--json")
        began = f'"event":"started","target":"{world.app.target}","step":"attach"'
        eventually(lambda: began in deploy.printed, 120)
        return killed(deploy)
    finally:
        os.kill(postgres, signal.SIGCONT)


def in_the_release_command(world: World) -> Run:
    """A migration is under way; it goes on without castoff."""
    world.add_waiting_migration()
    return killed(world.start_and_reach("migrate", "deploy"))


def in_the_boot(world: World) -> Run:
    """The new code boots; it goes on without castoff."""
    world.change()
    return killed(world.start_and_reach("boot", "deploy"))


def in_the_switch(world: World) -> Run:
    """A worker has passed its checks; the switch goes on without castoff."""
    world.change()
    deploy = world.app.start("deploy", "--json")
    eventually(lambda: "workers answered their checks" in deploy.printed, 120)
    return killed(deploy)


def in_the_smoke_test(world: World) -> Run:
    """The new code serves, and was not yet asked everything."""
    world.change()
    return killed(world.start_and_reach("late", "deploy"))


def in_a_rollback(world: World) -> Run:
    """The earlier code boots."""
    world.change()
    world.app.inv("deploy").must_end(0)
    world.before = world.app.stamp
    return killed(world.start_and_reach("boot", "rollback"))


ROWS = (
    Row(name="kill -9 of castoff in the check", act=in_the_check, ends=KILLED),
    Row(name="kill -9 of castoff in the build", act=in_the_build, ends=KILLED),
    Row(name="kill -9 of castoff in secrets", act=in_secrets, ends=KILLED),
    Row(
        name="kill -9 of castoff in attach",
        act=in_attach,
        ends=KILLED,
        needs=frozenset({PROCESSES}),
    ),
    Row(name="kill -9 of castoff in the release command", act=in_the_release_command, ends=KILLED),
    Row(name="kill -9 of castoff while the new code boots", act=in_the_boot, ends=KILLED),
    Row(
        name="kill -9 of castoff in the switch",
        act=in_the_switch,
        ends=KILLED,
        serves=Serves.NEW,
        needs=frozenset({SUPERVISOR}),
    ),
    Row(
        name="kill -9 of castoff in the smoke test",
        act=in_the_smoke_test,
        ends=KILLED,
        serves=Serves.NEW,
    ),
    Row(name="kill -9 of castoff in a rollback", act=in_a_rollback, ends=KILLED),
)
