"""A real PostgreSQL, and a real project that runs in processes of its own."""

import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

# This folder must not become a package: it would hide the real Django.
sys.path.insert(0, str(Path(__file__).parent))

from django_server import Server, start_postgres
from django_shop import Project


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the tests' own, or the one of CASTOFF_TEST_DATABASE_URL."""
    if url := os.environ.get("CASTOFF_TEST_DATABASE_URL"):
        yield Server(url)
        return
    with start_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


names = (f"shop{number}" for number in count(1))


@pytest.fixture
def database_url(postgres: Server) -> str:
    """An empty database."""
    return postgres.create_database(f"{next(names)}_{os.getpid()}")


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Project:
    """The fixture project with one migration, on an empty PostgreSQL database."""
    return Project(tmp_path / "shop", database_url)


@pytest.fixture
def sqlite_shop(tmp_path: Path) -> Project:
    """The fixture project with one migration, on an empty SQLite database."""
    return Project(tmp_path / "shop", f"sqlite:///{tmp_path}/db.sqlite3")
