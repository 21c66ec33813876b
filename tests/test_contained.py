"""The local target with `runtime: container`: the same releases, each from its image."""

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from checkout import Checkout, eventually, every_argv
from faults import migration
from image_shop import Shop

from castoff.image.engine import Engine
from castoff.shell import CommandFailed
from castoff.targets.local import postgres, wire
from castoff.targets.local.state import run_folder

TARGET = "local-container"
IMPORT = "from project.leaderboard.models import Player"
PLAYERS = "Player.objects"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Shop]:
    """The sample, deployed to a container."""
    checkout = Checkout.clone(tmp_path_factory.mktemp("shop"), TARGET)
    found = Shop(checkout, engine)
    try:
        checkout.first = checkout.inv("deploy").must_end(0)
        manage(found, "shell", "-c", f"{IMPORT}; {PLAYERS}.create(name='Ada', name_key='ada')")
        yield found
    finally:
        checkout.end()
        found.end()


class Load:
    """Clients with kept and with new connections, and two that say nothing for a while."""

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url).netloc
        self._over = threading.Event()
        self.answered = 0
        self.failed: list[str] = []

    @contextmanager
    def on(self) -> Iterator["Load"]:
        """Ask while the block runs."""
        kinds = [(True, 0.01), (True, 0.4), (False, 0.02), (False, 0.02)]
        threads = [threading.Thread(target=self._ask, args=kind) for kind in kinds]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _ask(self, keep: bool, pause: float) -> None:
        connection = http.client.HTTPConnection(self._where, timeout=30)
        while not self._over.wait(pause):
            try:
                if not keep:
                    connection.connect()
                    self._over.wait(pause)  # silent at first, as a browser that connects ahead
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                self.answered += 1
                if answer.status != 200:
                    self.failed.append(str(answer.status))
                if not keep:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{'kept' if keep else 'new'}: {error!r}")
                connection.close()
        connection.close()


def running(shop: Shop) -> list[str]:
    """The containers of the project that run, by name."""
    return shop.docker("container", "ls", "--format={{.Names}}", shop.named).split()


def inspected(shop: Shop) -> dict[str, Any]:
    """The one container that serves."""
    (name,) = eventually(lambda: found if len(found := running(shop)) == 1 else None, 60)
    (found,) = json.loads(shop.docker("container", "inspect", name))
    return dict(found)


def change(shop: Shop, text: str) -> str:
    shop.checkout.append("project/templates/404.html", f"<!-- {text} -->")
    return shop.checkout.commit()


def manage(shop: Shop, *words: str) -> str:
    """Run a command of the app in the newest container."""
    return shop.docker("exec", running(shop)[0], "python", "manage.py", *words)


def players(shop: Shop) -> str:
    return manage(
        shop, "shell", "-c", f"{IMPORT}; print(*{PLAYERS}.values_list('name', flat=True))"
    )


def test_the_first_deploy_serves_the_commit_from_its_image(shop: Shop) -> None:
    app = shop.checkout
    assert app.stamp == shop.first
    assert app.first.out.splitlines()[-1] == app.url
    found = inspected(shop)
    assert found["Image"] in shop.images()
    assert found["Config"]["User"] == "1001"
    assert found["Config"]["Cmd"][0] == "gunicorn"
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["Memory"] == 256 << 20
    status = app.inv("status", "--json").of(TARGET)
    assert status["parts"]["container"].startswith("runs")


def test_no_secret_is_on_any_command_line(shop: Shop) -> None:
    config = json.loads((shop.checkout.folder / "config.json").read_text())
    argvs = b"\0".join(argv for _, argv in every_argv())
    for name in ("SECRET_KEY", "CASTOFF_PROBE_TOKEN"):
        assert config[name].encode() not in argvs


def test_the_database_is_reached_as_a_role_that_is_no_superuser(shop: Shop) -> None:
    url = json.loads((shop.checkout.folder / "config.json").read_text())["DATABASE_URL"]
    program = (
        "import psycopg, sys\n"
        f"psycopg.connect({url!r}).execute('SELECT 1')\n"
        f"psycopg.connect({url.replace('app@', 'postgres@')!r})"
    )
    (name,) = running(shop)
    with pytest.raises(CommandFailed) as refused:
        shop.docker("exec", name, "python", "-c", program)
    assert "only the role app may come in here" in refused.value.result.last_lines


def test_a_deploy_a_rollback_and_a_dead_supervisor_lose_no_request(shop: Shop) -> None:
    app = shop.checkout
    commit = change(shop, "under load")
    with Load(app.url).on() as load:
        app.inv("deploy").must_end(0)
        assert app.stamp == commit
        app.inv("rollback").must_end(0)
        assert app.stamp == shop.first
        (supervisor,) = app.processes("local.supervisor")
        os.kill(supervisor, signal.SIGKILL)
        assert "it runs again" in app.inv("status").must_end(0).out
    assert load.failed == []
    assert load.answered > 100
    assert "Ada" in players(shop)
    inspected(shop)  # the others end


def test_what_is_killed_comes_back(shop: Shop) -> None:
    app = shop.checkout
    (relay,) = app.processes("local.contained")
    os.kill(relay, signal.SIGKILL)
    eventually(lambda: app.processes("local.contained") not in ([], [relay]), 60)
    eventually(lambda: app.get("/").status == 200, 60)
    name = inspected(shop)["Name"].removeprefix("/")
    shop.docker("container", "kill", name)
    eventually(lambda: running(shop) not in ([], [name]), 60)
    eventually(lambda: app.get("/").status == 200, 60)
    assert "Ada" in players(shop)


def test_an_image_that_does_not_pass_its_boot_test_is_not_released(shop: Shop) -> None:
    app = shop.checkout
    before = app.serving
    command = next(line for line in app.read("Dockerfile").splitlines() if line[:4] == "CMD ")
    app.edit("Dockerfile", command, 'CMD ["python", "-c", "raise SystemExit(7)"]')
    app.commit()
    run = app.inv("deploy", "--json").must_end(1)
    error = run.of(TARGET)["error"]
    assert "exit code 7" in error["what"]
    assert app.serving == before
    app.git("revert", "--no-edit", "HEAD")


def test_after_a_stop_nothing_of_it_runs_and_a_deploy_has_the_data(shop: Shop) -> None:
    app = shop.checkout
    app.inv("stop").must_end(0)
    assert shop.containers() == []
    assert app.processes("local.contained") == []
    app.inv("deploy").must_end(0)
    assert "Ada" in players(shop)


def test_another_runtime_does_not_take_over_a_database(shop: Shop) -> None:
    app = shop.checkout
    before = app.serving
    kept = app.read("invoke.yaml")
    app.configure(targets={TARGET: {"platform": "local"}})
    error = app.inv("deploy", "--json").must_end(1).of(TARGET)["error"]
    assert "made for another `runtime`" in error["what"]
    app.write("invoke.yaml", kept)
    assert app.serving == before


def test_ctrl_c_in_a_migration_ends_it_and_says_where_the_database_stands(shop: Shop) -> None:
    app = shop.checkout
    before = app.serving
    # In the boot test there is no player yet.
    slow = "SELECT pg_sleep(120) FROM leaderboard_player LIMIT 1"
    name = migration(app, 2, f'migrations.RunSQL("{slow}", "SELECT 1"),')
    app.commit()
    sleeping = (
        "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
        "AND query LIKE '%pg_sleep(120)%'"
    )

    def sleeps() -> list[str]:
        return wire.query(run_folder(app.folder), postgres.USER, "postgres", sleeping)

    run = app.start("deploy", "--json")
    eventually(sleeps, 120)
    run.interrupt(group=True)
    error = run.wait(60).must_end(130).of(TARGET)["error"]
    assert f"{name}: rolled back whole" in error["state"]
    assert sleeps() == []
    assert app.serving == before
    assert len(running(shop)) == 1
    app.git("revert", "--no-edit", "HEAD")
