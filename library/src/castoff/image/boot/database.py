"""A PostgreSQL to throw away that containers can reach, and nobody else."""

import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

from castoff.errors import StepError
from castoff.image.container import LOOPBACK, told
from castoff.model import Secret
from castoff.targets.local import postgres, scratch, wire

if TYPE_CHECKING:
    from docker import DockerClient

ROLE = "app"
METHOD = "scram-sha-256"
FOLDER = "/run/postgresql"  # in the container
MACHINE = "host.docker.internal"  # this machine, by the name that Docker Desktop gives it
PATIENCE = 10.0  # seconds


@dataclass(frozen=True)
class Database:
    """A database, and what a container needs to reach it.

    Attributes:
        url: its address, as the container is given it.
        mounts: folders to mount, each with its path in the container.
        hosts: names to give the container, each with an address.
    """

    url: Secret
    mounts: Mapping[Path, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def scratch_database(client: "DockerClient", configured: Path | None = None) -> Iterator[Database]:
    """Start a PostgreSQL while the block runs, with an empty database for a container.

    The container's role owns the database and is no superuser, and nobody else is let in: a
    superuser could start programs on this machine, as ``COPY … FROM PROGRAM``.

    Args:
        client: the engine that the container will run on.
        configured: the folder of PostgreSQL's programs; found when left out.

    Raises:
        StepError: there is no PostgreSQL, or it does not come up.
    """
    mounted = _can_mount_sockets(client)
    password = secrets.token_urlsafe(24)
    with scratch.scratch_folder() as folder:
        settings = _by_socket(folder) if mounted else _by_address(folder)
        with scratch.scratch_server(folder, configured, settings):
            _admit_only_the_role(folder, password)
            if mounted:
                yield Database(_url(password, FOLDER, wire.PORT), {folder / "shared": FOLDER})
            else:
                port = int(settings["port"])
                yield Database(_url(password, MACHINE, port), hosts={MACHINE: "host-gateway"})


def _can_mount_sockets(client: "DockerClient") -> bool:
    """Whether a container can use this machine's sockets: not from within Docker Desktop's VM."""
    if sys.platform != "linux":
        return False
    with told("the engine could not be asked what it is"):
        return "Docker Desktop" not in str(client.info().get("OperatingSystem"))


def _by_socket(folder: Path) -> dict[str, str]:
    """A second socket, which any user may open who gets into its folder: only the container."""
    shared = folder / "shared"  # what it is in has mode 0700
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    return {
        "unix_socket_directories": f"{folder},{shared}",
        "unix_socket_permissions": "0777",
    }


def _by_address(folder: Path) -> dict[str, str]:
    """This machine's loopback: Docker Desktop lets containers reach it by the name MACHINE."""
    with socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    # The socket is named after the port; here it is looked for under the usual one.
    (folder / f".s.PGSQL.{wire.PORT}").symlink_to(f".s.PGSQL.{port}")
    return {"listen_addresses": LOOPBACK, "port": str(port)}


def _admit_only_the_role(folder: Path, password: str) -> None:
    """Make the role and its database, and from then on refuse everybody else."""
    ask = f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}'"
    wire.query(folder, postgres.USER, "postgres", ask)
    ask = f"CREATE DATABASE {scratch.NAME} OWNER {ROLE}"
    wire.query(folder, postgres.USER, "postgres", ask)
    rules = f"local {scratch.NAME} {ROLE} {METHOD}\nhost {scratch.NAME} {ROLE} all {METHOD}\n"
    (folder / "data" / "pg_hba.conf").write_text(rules)
    wire.query(folder, postgres.USER, "postgres", "SELECT pg_reload_conf()")
    _wait_until_refused(folder)


def _wait_until_refused(folder: Path) -> None:
    """The server reads its rules again when it comes to it."""
    from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

    tries = Retrying(
        stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.01), retry=retry_if_result(bool)
    )
    try:
        tries(postgres.ready, folder)
    except RetryError:
        raise StepError(
            "the scratch PostgreSQL did not take its rules of access",
            "Nothing was started in it, and nothing of it was kept.",
            "Try again; please report it if it stays so.",
        ) from None


def _url(password: str, host: str, port: int) -> Secret:
    host = quote(host, safe="")
    return Secret("DATABASE_URL", f"postgres://{ROLE}:{password}@{host}:{port}/{scratch.NAME}")
