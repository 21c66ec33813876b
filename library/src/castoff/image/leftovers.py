"""What a run that was killed left on the engine: found by its labels, and taken away."""

import json
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from castoff.image.model import PROJECT
from castoff.targets.local.processes import Identity

if TYPE_CHECKING:
    from docker import DockerClient

RUN = "dev.castoff.run"
"""The label of what must not outlive the process that made it: which process, of which machine."""


def owner() -> dict[str, str]:
    """Return the labels of what must not outlive this process."""
    me = Identity.of(os.getpid())
    assert me
    return {RUN: json.dumps({"host": socket.gethostname(), "process": me.as_json()})}


def sweep(client: "DockerClient", project: str) -> list[str]:
    """Take away what runs of this machine that were killed have left of a project.

    What a run that still goes on has made is left alone, and so is what has no label of a run.

    Returns:
        The names of the containers and networks that were taken away.

    Raises:
        StepError: the engine does not answer.
    """
    from castoff.image.container import told

    with told("what earlier runs have left could not be looked for"):
        return _swept(client, project)


def _swept(client: "DockerClient", project: str) -> list[str]:
    from docker.errors import APIError

    labels: dict[str, str | list[str] | bool] = {"label": [f"{PROJECT}={project}", RUN]}
    gone = []
    for container in client.containers.list(all=True, filters=labels, ignore_removed=True):
        if _is_left(container.labels.get(RUN, "")):
            with suppress(APIError):  # another run takes it away at the same time
                container.remove(force=True, v=True)
                gone.append(str(container.name))
    for network in client.networks.list(filters=labels):
        if _is_left((network.attrs.get("Labels") or {}).get(RUN, "")):
            with suppress(APIError):
                network.remove()
                gone.append(str(network.name))
    return gone


def _is_left(label: str) -> bool:
    """Whether the process that a label names was one of this machine, and has ended."""
    try:
        told = json.loads(label)
        process = Identity.from_json(told["process"])
        return told["host"] == socket.gethostname() and process is not None and not process.alive
    except (ValueError, TypeError, KeyError):
        return False
