"""A real site under a real gunicorn, with a real PostgreSQL and real TLS."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

sys.path.insert(0, str(Path(__file__).parent))
# PostgreSQL is started as the tests of castoff.django start it.
sys.path.append(str(Path(__file__).parent.parent / "django"))

from django_server import Server, start_postgres
from smoke_served import Certificates, Serve, Served, Site


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the tests' own."""
    with start_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority that is trusted through SSL_CERT_FILE, and what it signs."""
    return Certificates(trustme.CA(), tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process trust the tests' authority, as a user would."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Site:
    """The site, released: static files collected, database migrated."""
    return Site(tmp_path_factory.mktemp("site") / "release", postgres)


@pytest.fixture(scope="session")
def good(site: Site) -> Iterator[Served]:
    """The site with nothing wrong, over http."""
    with site.served() as served:
        yield served


@pytest.fixture(scope="session")
def good_https(site: Site, certificates: Certificates) -> Iterator[Served]:
    """The site with nothing wrong, over https."""
    with site.served(certificate=certificates.issue()) as served:
        yield served


@pytest.fixture
def serve(site: Site) -> Iterator[Serve]:
    """Serves the site until the test ends; the arguments name what is wrong with it."""
    with ExitStack() as stack:
        yield lambda *faults, **more: stack.enter_context(site.served(*faults, **more))
