"""Rows: the state folder is another castoff's, or damaged."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from checkout import Run
from fault_table import STATE, SUPERVISOR, Row, Serves
from fault_world import World

TRUNCATED = '{"promotion": "7b'
NEEDS = frozenset({STATE, SUPERVISOR})


def of_a_newer_castoff(world: World) -> Run:
    """It would be misread."""
    file(world, "format").write_text("1000\n")
    return world.app.inv("deploy", "--json")


def of_this_castoff(world: World) -> None:
    """Undo that."""
    file(world, "format").unlink()


def of_an_older_castoff(world: World) -> Run:
    """It has no format yet, and its records have other fields."""
    file(world, "format").unlink()
    rewrite(file(world, "releases.json"), lambda all_: [without(one, "note", "by") for one in all_])
    live = file(world, "current.json")
    rewrite(live, lambda kept: {**kept, "spec": {**kept["spec"], "umask": 18}})
    for spec in file(world, "releases").iterdir():
        rewrite(spec, lambda kept: {**kept, "umask": 18})
    world.change()
    return world.app.inv("deploy", "--json")


def current_truncated(world: World) -> Run:
    """What is to be served is not known, and nobody serves it any more."""
    kill_the_supervisor(world)
    file(world, "current.json").write_text(TRUNCATED)
    return world.app.inv("status")


def processes_truncated(world: World) -> Run:
    """What runs is not known to a new supervisor, which finds it all the same."""
    kill_the_supervisor(world)
    file(world, "supervisor.json").write_text(TRUNCATED)
    return world.app.inv("status")


def processes_of_another_shape(world: World) -> Run:
    """It is JSON, and not what it was."""
    kill_the_supervisor(world)
    file(world, "supervisor.json").write_text('{"gunicorns": 3, "sockets": {}, "postgres": []}')
    return world.app.inv("stop")


def releases_truncated(world: World) -> Run:
    """The list of releases ends in the middle."""
    cut(file(world, "releases.json"))
    return world.app.inv("deploy", "--json")


def begin_a_new_list(world: World) -> None:
    """Move the list away: what serves is known all the same."""
    current = world.app.inv("status", "--json").of(world.app.target)["release"]
    assert current is None
    file(world, "releases.json").unlink()
    (found,) = world.app.releases()
    assert found["commit"] == world.app.stamp
    assert found["note"] == "its record was lost"


def config_truncated(world: World) -> Run:
    """The config vars end in the middle of a secret."""
    path = file(world, "config.json")
    shutil.copy2(path, path.with_name("config.kept.json"))
    text = path.read_text()
    path.write_text(text[: text.index('"SECRET_KEY"') + 40])
    world.change()
    return world.app.inv("deploy", "--json")


def put_config_back(world: World) -> None:
    """From a backup."""
    path = file(world, "config.json")
    path.with_name("config.kept.json").replace(path)


def small_files_garbage(world: World) -> Run:
    """The port, the locks, the database's settings, how the current release is run."""
    for name in ("port", "run.lock", "run.holder", "database.json"):
        file(world, name).write_bytes(b"\xff\xfe{")
    for spec in file(world, "releases").iterdir():
        spec.unlink()
    world.change()
    return world.app.inv("deploy", "--json")


def release_folder_gone(world: World) -> Run:
    """That of what serves."""
    shutil.rmtree(file(world, "builds"))
    return world.app.inv("deploy", "--json")


def virtualenv_half_gone(world: World) -> Run:
    """A cleaner of old files has been there."""
    (django,) = world.app.state.glob("venvs/*/lib/python3.*/site-packages/django")
    shutil.rmtree(django)
    (info,) = django.parent.glob("django-[0-9]*.dist-info")
    shutil.rmtree(info)
    world.change()
    return world.app.inv("deploy")


def data_folder_half_gone(world: World) -> Run:
    """PostgreSQL is stopped, and the file that tells its version is not there."""
    world.app.inv("stop").must_end(0)
    path = file(world, "database") / "PG_VERSION"
    path.rename(path.with_name("PG_VERSION.kept"))
    run = world.app.inv("deploy", "--json")
    world.app.inv("stop").must_end(0)
    return run


def put_data_back(world: World) -> None:
    """From a backup."""
    path = file(world, "database") / "PG_VERSION"
    path.with_name("PG_VERSION.kept").rename(path)


def file(world: World, name: str) -> Path:
    """A file of the target's state folder."""
    return world.app.folder / name


def rewrite(path: Path, change: Any) -> None:
    """Put other JSON into a file."""
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """A record as a castoff wrote it that did not have these fields yet."""
    return {name: value for name, value in record.items() if name not in names}


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_text(path.read_text()[: path.stat().st_size // 2])


def kill_the_supervisor(world: World) -> None:
    """And nothing else."""
    os.kill(world.parts["supervisor"], signal.SIGKILL)


ROWS = (
    Row(
        name="the state of a newer castoff",
        act=of_a_newer_castoff,
        ends=1,
        says=("written by a newer castoff", "goes on serving", "XDG_STATE_HOME"),
        mend=of_this_castoff,
        needs=NEEDS,
    ),
    Row(
        name="the state of an older castoff",
        act=of_an_older_castoff,
        says=("is live",),
        serves=Serves.NEW,
        needs=NEEDS,
    ),
    Row(
        name="a truncated record of what is served, and no supervisor",
        act=current_truncated,
        says=("the supervisor was dead; it runs again", "current.json is damaged"),
        serves=Serves.NOTHING,
        back=("deploy",),
        tells=("is live",),
        needs=NEEDS,
    ),
    Row(
        name="a truncated record of what runs, and no supervisor",
        act=processes_truncated,
        says=("the supervisor was dead; it runs again",),
        needs=NEEDS,
    ),
    Row(
        name="a strange record of what runs, no supervisor, and `inv stop`",
        act=processes_of_another_shape,
        says=("stopped; data and releases are kept",),
        serves=Serves.NOTHING,
        needs=NEEDS,
    ),
    Row(
        name="a truncated list of releases",
        act=releases_truncated,
        ends=1,
        says=("releases.json cannot be read", "goes on serving", "move it away"),
        mend=begin_a_new_list,
        needs=NEEDS,
    ),
    Row(
        name="truncated config vars",
        act=config_truncated,
        ends=1,
        says=("config.json cannot be read", "goes on serving", "SECRET_KEY is a new one"),
        mend=put_config_back,
        needs=NEEDS,
    ),
    Row(
        name="garbage in the small files",
        act=small_files_garbage,
        says=("is live",),
        serves=Serves.NEW,
        needs=NEEDS,
    ),
    Row(
        name="a release folder that is gone",
        act=release_folder_gone,
        says=('"ok":true',),
        needs=NEEDS,
    ),
    Row(
        name="a virtualenv that is half gone",
        act=virtualenv_half_gone,
        says=("making the virtualenv of the lock", "is live"),
        serves=Serves.NEW,
        needs=NEEDS,
    ),
    Row(
        name="a data folder that is half gone",
        act=data_folder_half_gone,
        ends=1,
        says=("is no whole data folder", "left as it is", "Put back a copy of it"),
        serves=Serves.NOTHING,
        mend=put_data_back,
        needs=NEEDS,
    ),
)
