"""Rows: a process of the app is killed, or all of them are."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from checkout import Run, eventually
from fault_table import KILLED, PROCESSES, SUPERVISOR, Row, Serves
from fault_world import CLIENTS, Load, World, children

from castoff.targets.local.state import read_json, write_json

NEEDS = frozenset({SUPERVISOR, PROCESSES})
ALIVE_AGAIN = "the supervisor was dead; it runs again, and with it what it kept"


def kill(world: World, part: str) -> int:
    """Kill a part of the app, and return which process it was."""
    pid = world.parts[part]
    os.kill(pid, signal.SIGKILL)
    return pid


def kill_supervisor(world: World) -> None:
    """And nothing else: what it kept goes on."""
    kill(world, "supervisor")


def kill_supervisor_in_a_deploy(world: World) -> Run:
    """While the new code boots."""
    world.change()
    deploy = world.start_and_reach("boot", "deploy")
    kill(world, "supervisor")
    return deploy.wait()


def kill_master_under_load(world: World) -> None:
    """Its workers end too; no request is lost, because the supervisor has the socket."""
    with Load(world) as load:
        kill(world, "gunicorn")
        load.go_on()
    assert load.wrong == []


def kill_workers_under_load(world: World) -> None:
    """What each was just answering is lost, and nothing else; in the end only new ones answer."""
    workers = children(world.parts["gunicorn"])
    with Load(world) as load:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
            load.go_on()
    assert len(load.wrong) <= CLIENTS * len(workers)


def kill_postgres(world: World) -> None:
    """With nothing under way."""
    kill(world, "PostgreSQL")


def kill_postgres_under_load(world: World) -> None:
    """What was being asked is lost; whoever asks later waits for the connection."""
    with Load(world) as load:
        kill(world, "PostgreSQL")
        load.go_on()
    assert len(load.wrong) <= CLIENTS


def kill_postgres_in_a_migration(world: World) -> Run:
    """The migration's connection is gone, and with it what it did so far."""
    world.add_waiting_migration()
    deploy = world.start_and_reach("migrate", "deploy")
    kill(world, "PostgreSQL")
    eventually(lambda: world.app.get("/").status == 200, 60)
    world.holds.open()
    return deploy.wait()


def reboot(world: World) -> None:
    """Every process is gone at once; their files and sockets stay."""
    _end_all(world)
    left = world.app.folder / "supervisor.json"
    boot = read_json(left)["supervisor"]["boot"]
    left.write_text(left.read_text().replace(boot, "of-the-boot-before"))


def reboot_that_empties_tmp(world: World) -> None:
    """As above, and the folder of the sockets is gone too."""
    sockets = Path(_argv(world.parts["supervisor"])[-1])
    reboot(world)
    shutil.rmtree(sockets)


def reboot_in_a_migration(world: World) -> Run:
    """Castoff and the release command are gone as well."""
    world.add_waiting_migration()
    deploy = world.start_and_reach("migrate", "deploy")
    reboot(world)
    return deploy.wait()


def other_program_has_the_pids(world: World) -> Run:
    """All are killed, and where their pids are written down another program has them now."""
    sockets = Path(_argv(world.parts["supervisor"])[-1])
    _end_all(world)
    with subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            _give_pids(world, sockets, stranger.pid)
            status = world.app.inv("status")
            assert stranger.poll() is None, "another program was ended"
            assert stranger.pid not in world.parts.values()
        finally:
            stranger.kill()
    return status


def kill_in_the_first_initdb(world: World) -> Run:
    """The power goes while the first database is made: castoff, the supervisor, initdb."""
    deploy = world.app.start("deploy")
    eventually(lambda: world.app.processes("initdb") or deploy.process.poll() is not None, 120)
    _end_all(world)
    return deploy.wait()


def _end_all(world: World) -> None:
    for _ in range(3):  # one may have started another in between
        for pid in world.processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    eventually(lambda: not world.processes)


def _give_pids(world: World, sockets: Path, pid: int) -> None:
    for path in (world.app.folder / "database/postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        _, _, rest = path.read_text().partition("\n")
        path.write_text(f"{pid}\n{rest}")
    left = world.app.folder / "supervisor.json"
    content = read_json(left)
    gunicorns = [one["process"] for one in content["gunicorns"]]
    for process in (content["supervisor"], content["postgres"], *gunicorns):
        process["pid"] = pid
    write_json(left, content)


def _argv(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


ROWS = (
    Row(
        name="kill -9 of the supervisor",
        act=kill_supervisor,
        back=("status",),
        tells=(ALIVE_AGAIN,),
        needs=NEEDS,
    ),
    Row(
        name="kill -9 of the supervisor while the new code boots",
        act=kill_supervisor_in_a_deploy,
        ends=1,
        says=("The supervisor did not answer to switch", "still serves", "Try again"),
        back=("status",),
        tells=(ALIVE_AGAIN,),
        needs=NEEDS,
    ),
    Row(name="kill -9 of gunicorn's master, under load", act=kill_master_under_load, needs=NEEDS),
    Row(name="kill -9 of each worker, under load", act=kill_workers_under_load, needs=NEEDS),
    Row(name="kill -9 of PostgreSQL", act=kill_postgres, needs=NEEDS),
    Row(name="kill -9 of PostgreSQL, under load", act=kill_postgres_under_load, needs=NEEDS),
    Row(
        name="kill -9 of PostgreSQL in a migration",
        act=kill_postgres_in_a_migration,
        ends=1,
        says=("the release command failed", "still serves at", "deploy again"),
        needs=NEEDS,
    ),
    Row(
        name="a reboot",
        act=reboot,
        serves=Serves.NOTHING,
        back=("status",),
        tells=(ALIVE_AGAIN,),
        needs=NEEDS,
    ),
    Row(
        name="a reboot that empties the folder of the sockets",
        act=reboot_that_empties_tmp,
        serves=Serves.NOTHING,
        back=("status",),
        tells=(ALIVE_AGAIN,),
        needs=NEEDS,
    ),
    Row(
        name="a reboot in a migration",
        act=reboot_in_a_migration,
        ends=KILLED,
        serves=Serves.NOTHING,
        back=("status",),
        tells=(ALIVE_AGAIN,),
        needs=NEEDS,
    ),
    Row(
        name="everything is killed, and another program has the pids",
        act=other_program_has_the_pids,
        says=(ALIVE_AGAIN,),
        needs=NEEDS,
    ),
    Row(
        name="the power goes while the first database is made",
        act=kill_in_the_first_initdb,
        ends=KILLED,
        serves=Serves.NOTHING,
        first=True,
        needs=NEEDS,
    ),
)
