"""The network of a container that may reach nothing but what it is given."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from castoff.errors import StepError
from castoff.image.container import told
from castoff.image.leftovers import owner
from castoff.image.model import PROJECT

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.networks import Network as Handle

HERE = ("http+docker://localhost", "http+docker://localnpipe")  # the SDK's names of local sockets


@dataclass(frozen=True)
class Network:
    """A network of its own for a container.

    Attributes:
        name: its name.
        closed: whether nothing but this machine can be reached from it. This machine then reaches
            a container at its own address; else by a port that is published.
    """

    name: str
    closed: bool


@contextmanager
def private_network(client: "DockerClient", project: str) -> Iterator[Network]:
    """Make a network while the block runs: a closed one, where this machine can still reach it.

    That is Linux with the engine's bridges on the machine itself. Docker Desktop and a rootless
    engine have theirs elsewhere, and publish no port of a closed network: there it is an ordinary
    one, from which a container also reaches whatever this machine does.

    Raises:
        StepError: the engine refused, or runs on another machine.
    """
    _require_this_machine(client)
    network = _make(client, project, closed=True)
    closed = _is_here(network)
    if not closed:
        network.remove()
        network = _make(client, project, closed=False)
    try:
        yield Network(str(network.name), closed)
    finally:
        with told(f"the network {network.name} could not be removed"):
            network.remove()


def _require_this_machine(client: "DockerClient") -> None:
    if not str(client.api.base_url).startswith(HERE):
        raise StepError(
            "the image cannot be tried out: the Docker engine runs on another machine",
            "Nothing was started; what served before still serves.",
            "Use the engine of this machine: unset DOCKER_HOST, or `docker context use default`.",
        )


def _make(client: "DockerClient", project: str, *, closed: bool) -> "Handle":
    name = f"castoff-{project}-{secrets.token_hex(4)}"
    labels = {PROJECT: project, **owner()}
    with told(f"the network {name} could not be made"):
        network = client.networks.create(name, driver="bridge", internal=closed, labels=labels)
        network.reload()
    return network


def _is_here(network: "Handle") -> bool:
    """Whether the network's gateway is this machine, so that its containers can be reached."""
    settings = (network.attrs["IPAM"]["Config"] or [{}])[0]
    with socket.socket() as probe:
        try:
            probe.bind((settings.get("Gateway", ""), 0))
        except OSError:
            return False
    return bool(settings.get("Gateway"))
