"""The way of a container to PostgreSQL lets in the app's role, and nobody else."""

import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from castoff.errors import StepError
from castoff.targets.local import postgres, wire
from castoff.targets.local.contained import ROLE, door
from castoff.targets.local.scratch import scratch_folder, scratch_server


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    """The folder of a PostgreSQL's own socket, with the app's database."""
    with scratch_folder() as folder, scratch_server(folder, None):
        postgres.create_database(folder, ROLE, ROLE)
        yield folder


@pytest.fixture
def entry(server: Path) -> Iterator[Path]:
    """The folder that a container would have."""
    with door.open_beside(server) as folder:
        yield folder
    assert not folder.exists()


def connect(folder: Path, **words: str) -> psycopg.Connection:
    told = {"user": ROLE, "dbname": ROLE} | words
    return psycopg.connect(host=str(folder), **told, autocommit=True)  # type: ignore[arg-type]


def test_the_role_owns_its_database_and_is_no_superuser(entry: Path) -> None:
    with connect(entry) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS one (id int)")
        found = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert found.fetchone() == (False,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY one FROM PROGRAM 'id'")


@pytest.mark.parametrize(
    "words",
    [
        {"user": postgres.USER},
        {"user": postgres.USER, "dbname": "postgres"},
        {"dbname": "postgres"},
        {"replication": "database"},
    ],
)
def test_others_are_turned_away_in_words(entry: Path, words: dict[str, str]) -> None:
    with pytest.raises(psycopg.OperationalError, match="only the role app may come in here"):
        connect(entry, **words)


def test_a_client_that_asks_for_encryption_first_is_answered(entry: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(entry / door.SOCKET))
        for code in door.ENCRYPTIONS:
            client.sendall(struct.pack("!ii", 8, code))
            assert client.recv(1) == b"N"
        body = struct.pack("!i", wire.PROTOCOL) + b"user\0app\0\0"
        client.sendall(struct.pack("!i", len(body) + 4) + body)
        assert client.recv(1) == b"R"  # authentication: the server itself answers


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\1", b"\0\0\0\10\0\3\0\0"])
def test_what_is_no_first_message_is_turned_away(entry: Path, first: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(door.PATIENCE * 2)
        client.connect(str(entry / door.SOCKET))
        client.sendall(first)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) in (b"", b"E")


def test_a_query_is_cancelled_through_it(entry: Path) -> None:
    with connect(entry) as connection:
        threading.Timer(0.3, connection.cancel_safe).start()
        began = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(30)")
        assert time.monotonic() - began < 20


def test_only_who_reaches_its_folder_may_come_in(server: Path, entry: Path) -> None:
    assert stat.S_IMODE(server.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o711


def test_a_database_of_another_role_is_not_taken_over(server: Path) -> None:
    with pytest.raises(StepError, match="belongs to the role app, and not to postgres"):
        postgres.create_database(server, ROLE)


def test_without_a_place_for_it_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), door.open_beside(tmp_path / "gone"):
        raise AssertionError("it opened")
