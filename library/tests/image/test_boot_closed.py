"""What a container of a boot test reaches: the database that is for it, and nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from boot_project import BootProject

from castoff.image.boot.database import Database, scratch_database
from castoff.image.boot.network import private_network
from castoff.targets.local import wire


@pytest.fixture
def database(booting: BootProject) -> Iterator[Database]:
    """A scratch database for a container."""
    with scratch_database(booting.engine.client) as found:
        yield found


def shared(database: Database) -> Path:
    """The folder of the socket that the container is given."""
    (folder,) = database.mounts
    return folder


def connect(database: Database) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect as the container does, but on this machine."""
    parts = urlsplit(database.url.reveal())
    return psycopg.connect(
        host=str(shared(database)),
        user=parts.username,
        password=parts.password,
        dbname=parts.path[1:],
    )


def test_its_role_owns_an_empty_database_and_may_start_no_program(database: Database) -> None:
    with connect(database) as connection:
        connection.execute("CREATE TABLE rummy (id int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY rummy FROM PROGRAM 'true'")


def test_nobody_else_is_let_in(database: Database) -> None:
    for folder in (shared(database), shared(database).parent):
        for user, name in (("postgres", "postgres"), ("postgres", "scratch"), ("app", "postgres")):
            with pytest.raises(wire.ServerError, match=r"no pg_hba\.conf entry"):
                wire.query(folder, user, name, "SELECT 1")


def test_its_socket_is_out_of_the_reach_of_other_users(database: Database) -> None:
    above = shared(database).parent.stat()
    assert (above.st_uid, above.st_mode & 0o777) == (os.geteuid(), 0o700)


def test_its_network_leads_nowhere_where_this_machine_can_still_reach_it(
    booting: BootProject,
) -> None:
    client = booting.engine.client
    with private_network(client, booting.name) as network:
        assert network.closed
        assert client.networks.get(network.name).attrs["Internal"]
    assert booting.left() == []
