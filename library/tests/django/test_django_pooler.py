"""Through pgbouncer: in transaction mode a session lock does not hold, so a release refuses."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from django_server import as_user, wait_for
from django_shop import Project

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")


@pytest.fixture
def through_pooler(shop: Project, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """A function that puts a pooler of the given mode between the project and its database."""
    started = []

    def start(mode: str) -> None:
        url = urlsplit(shop.url)
        sockets = parse_qs(url.query)["host"][0]
        (tmp_path / "users.txt").write_text('"castoff" ""\n')
        (tmp_path / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={sockets}\n[pgbouncer]\npool_mode = {mode}\n"
            f"auth_type = trust\nauth_file = {tmp_path}/users.txt\nlisten_port = 6543\n"
            f"unix_socket_dir = {sockets}\n"
        )
        argv = [*as_user(), str(PGBOUNCER), str(tmp_path / "pgbouncer.ini")]
        started.append(subprocess.Popen(argv, stderr=(tmp_path / "log").open("wb")))
        shop.url = shop.url.replace("castoff@/", "castoff@:6543/")
        wait_for(shop.url, tmp_path / "log")

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_transaction_mode_is_refused(shop: Project, through_pooler: Callable[[str], None]) -> None:
    through_pooler("transaction")
    code, output = shop.manage("release")
    assert code == 1, output
    assert "pooler in transaction mode" in output
    assert "Next: give the release command the direct address" in output


def test_session_mode_works(shop: Project, through_pooler: Callable[[str], None]) -> None:
    through_pooler("session")
    shop.release()
    assert "nothing to do" in shop.release()
    with psycopg.connect(shop.url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_locks WHERE objsubid = 1"
        ).fetchone() == (0,)
