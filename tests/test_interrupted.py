"""Ctrl-C in each step: it ends soon, says what serves, and the same command again finishes it."""

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import Background, Checkout, Run, eventually
from faults import Holds, migration

SOON = 10.0  # seconds


@pytest.fixture(scope="module")
def holds(app: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holds]:
    """The deployed app, with places that wait."""
    holds = Holds(app, tmp_path_factory.mktemp("holds") / "flags")
    app.commit()
    app.inv("deploy").must_end(0)
    yield holds
    holds.open()


def ctrl_c(run: Background) -> None:
    """What a terminal does: the signal goes to the whole group."""
    run.interrupt(signal.SIGINT, group=True)


def sigint(run: Background) -> None:
    """Only `inv` itself is told, as by `kill -INT`."""
    run.interrupt(signal.SIGINT)


def sigterm(run: Background) -> None:
    """What a CI runner or a shutting system does."""
    run.interrupt(signal.SIGTERM)


def interrupted(app: Checkout, run: Background, how: object, reached: Path) -> Run:
    """Interrupt a run when it has come to a place; it must end soon, and leave nothing behind."""
    eventually(reached.exists, 60)
    how(run)  # type: ignore[operator]
    began = time.monotonic()
    ended = run.wait(30).must_end(130)
    assert time.monotonic() - began < SOON
    eventually(lambda: not app.processes("collect.py") + app.processes("inspector.py"))
    assert not app.processes("\0release\0")
    return ended


@pytest.mark.parametrize(
    ("place", "words", "how"),
    [
        ("settings", ("check",), ctrl_c),
        ("settings", ("deploy",), sigint),
        ("static", ("build",), sigint),
        ("static", ("deploy",), ctrl_c),
        ("boot", ("deploy",), ctrl_c),
        ("boot", ("deploy",), sigterm),
    ],
)
def test_what_served_still_serves_and_a_second_run_finishes(
    app: Checkout, holds: Holds, place: str, words: tuple[str, ...], how: object
) -> None:
    before, served = app.serving, app.stamp
    app.append("project/templates/404.html", f"<!-- {place} {words} -->")
    commit = app.commit()
    reached = holds.close(place)
    ended = interrupted(app, app.start(*words, "--json"), how, reached)
    error = ended.of(app.target)["error"]
    assert error["what"] == "interrupted"
    assert ": interrupted</title>" in Path(ended.result["report"]).read_text()
    assert error["state"].startswith(f"{before} ")
    assert "serves at" in error["state"]
    assert error["next"]
    assert app.stamp == served
    holds.open()
    assert app.get("/").status == 200
    app.inv("deploy").must_end(0)
    assert app.stamp == commit


def test_in_the_smoke_test_the_new_release_serves_and_is_proven_by_a_second_run(
    app: Checkout, holds: Holds
) -> None:
    app.append("project/templates/404.html", "<!-- smoke -->")
    commit = app.commit()
    reached = holds.close("page")
    ended = interrupted(app, app.start("deploy", "--json"), ctrl_c, reached)
    holds.open()
    release = app.releases()[0]
    assert ended.of(app.target)["error"]["state"] == f"{release['id']} serves at {app.url}."
    assert app.stamp == commit
    run = app.inv("deploy").must_end(0)
    assert "nothing to do" in run.out
    assert "✓ smoke" in run.out


def test_in_a_migration_the_database_is_rolled_back_and_told(app: Checkout, holds: Holds) -> None:
    before = app.serving
    migration(
        app,
        2,
        'migrations.RunSQL("CREATE TABLE slow (id int)", "DROP TABLE slow"),\n'
        'migrations.RunPython(lambda apps, editor: hold("migrate")),',
    )
    name = "project/leaderboard/migrations/0002_test.py"
    app.edit(name, "import time\n", "from project.hold import hold\n")
    commit = app.commit()
    reached = holds.close("migrate")
    ended = interrupted(app, app.start("deploy", "--json"), ctrl_c, reached)
    state = ended.of(app.target)["error"]["state"]
    assert state.startswith(f"{before} still serves at")
    assert "leaderboard.0002_test: rolled back whole" in state
    holds.open()
    app.inv("deploy").must_end(0)
    assert app.stamp == commit


def test_in_the_command_that_prints_secrets(app: Checkout, holds: Holds) -> None:
    kept = app.read("invoke.yaml")
    program = (
        f"import sys; sys.path.insert(0, {str(app.root)!r})\n"
        "from project.hold import hold; hold('secrets')"
    )
    app.configure(secrets={"command": [sys.executable, "-c", program]})
    reached = holds.close("secrets")
    interrupted(app, app.start("secrets"), ctrl_c, reached)
    holds.open()
    app.inv("secrets").must_end(0)
    app.write("invoke.yaml", kept)


def test_while_the_first_database_is_made(fresh: Checkout) -> None:
    attach = fresh.start("attach", "--json")
    eventually(lambda: fresh.processes("database"), 60)
    ctrl_c(attach)
    ended = attach.wait(30)
    assert ended.status in (0, 130)
    assert "Traceback" not in ended.err
    fresh.inv("attach").must_end(0)


def test_at_any_moment_of_a_first_deploy(fresh: Checkout) -> None:
    for seconds in (0.0, 1.0, 3.0):
        deploy = fresh.start("deploy")
        while not deploy.printed:
            time.sleep(0.02)
        time.sleep(seconds)
        ctrl_c(deploy)
        ended = deploy.wait(30).must_end(130)
        assert "State: Nothing serves" in ended.text
    fresh.inv("deploy").must_end(0)
    assert fresh.stamp == fresh.head


def test_a_second_ctrl_c_changes_nothing(app: Checkout, holds: Holds) -> None:
    app.append("project/templates/404.html", "<!-- twice -->")
    app.commit()
    reached = holds.close("boot")
    deploy = app.start("deploy", "--json")
    eventually(reached.exists, 60)
    for _ in range(3):
        ctrl_c(deploy)
        time.sleep(0.05)
    ended = deploy.wait(SOON).must_end(130)
    assert ended.of(app.target)["error"]["what"] == "interrupted"
    holds.open()
    app.inv("deploy").must_end(0)
