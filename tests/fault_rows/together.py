"""Rows: two commands want the same target at once."""

from checkout import Run
from fault_table import Row, Serves
from fault_world import World


def refused_beside(world: World, first: str, second: str) -> Run:
    """Run one command while another waits for the code to boot; the first goes on unharmed."""
    running = world.start_and_reach("boot", first)
    refused = world.app.inv(second)
    holder = f"`inv {first}` (process {running.process.pid}, since "
    assert holder in refused.text, refused.text
    world.holds.open()
    running.wait().must_end(0)
    return refused


def two_deploys(world: World) -> Run:
    """The second one is told of the first."""
    world.change()
    return refused_beside(world, "deploy", "deploy")


def deploy_in_a_rollback(world: World) -> Run:
    """The rollback ends as if nothing had been; what served at first serves again."""
    world.change()
    world.app.inv("deploy").must_end(0)
    return refused_beside(world, "rollback", "deploy")


def rollback_in_a_deploy(world: World) -> Run:
    """The deploy ends as if nothing had been."""
    world.change()
    return refused_beside(world, "deploy", "rollback")


def stop_in_a_deploy(world: World) -> Run:
    """What is being deployed serves; a second `inv stop` would stop it."""
    world.change()
    return refused_beside(world, "deploy", "stop")


SAYS = (
    "is changing this target now",
    "Nothing was changed by this run.",
    "Wait until it has ended, and run it again.",
)
ROWS = (
    Row(name="two deploys at once", act=two_deploys, ends=1, says=SAYS, serves=Serves.NEW),
    Row(name="a deploy during a rollback", act=deploy_in_a_rollback, ends=1, says=SAYS),
    Row(
        name="a rollback during a deploy",
        act=rollback_in_a_deploy,
        ends=1,
        says=SAYS,
        serves=Serves.NEW,
    ),
    Row(name="a stop during a deploy", act=stop_in_a_deploy, ends=1, says=SAYS, serves=Serves.NEW),
)
