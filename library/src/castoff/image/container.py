"""One hardened container: started, looked at, stopped, and taken away whatever happens.

Nothing here knows what runs in it. Reference: https://docs.docker.com/reference/api/engine/
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Self

from castoff.errors import Interrupted, StepError
from castoff.image.leftovers import owner
from castoff.image.model import PROJECT
from castoff.redactor import REDACTOR

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as Handle

TICK = 0.03  # seconds between two looks at a container
MARGIN = 10.0  # seconds in which the engine ends a container that was killed
LOOPBACK = "127.0.0.1"
MIB = 1 << 20
NO_PROGRAM = (
    "If it names a program, that is not in the image, or not on its PATH: see CMD and ENTRYPOINT "
    "in the Dockerfile."
)
# noexec: what somebody gets the app to write cannot be started.
TMPFS = {"/tmp": "rw,noexec,nosuid,nodev,mode=1777,size=64m"}
# Whatever the engine's own default is: readable with `docker logs`, and never the whole disk.
LOGS = {"max-size": "10m", "max-file": "2"}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What runs in a container, and what it is given.

    Attributes:
        image: the image's id.
        project: the project's name, for the label by which it is found.
        name: the container's name.
        memory_mb: MiB of memory; there is no swap. What is in /tmp counts.
        command: what it runs after the image's entry point; the image's own when empty.
        env: environment beside the image's own. It goes by the API's body, never by argv; who may
            use the engine can read it.
        pids: processes and threads that it may have.
        network: the network it is in; the engine's default bridge when empty.
        ports: ports of the container, each with the port of 127.0.0.1 that leads there; 0 for any.
        mounts: folders that it may read, each with its path in the container.
        hosts: names, each with an address that it has for the container, or ``host-gateway``.
        dns: options of its resolver, as ``timeout:1``; see resolv.conf(5).
    """

    image: str
    project: str
    name: str
    memory_mb: int
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    pids: int = 128
    network: str = ""
    ports: Mapping[int, int] = field(default_factory=dict)
    mounts: Mapping[Path, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    dns: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """What a container is doing.

    Attributes:
        running: whether it runs.
        exit_code: how it ended; 0 while it runs.
        out_of_memory: whether one of its processes was killed because the limit was reached; of a
            process other than the first the engine tells only when the container has ended.
        pid: the first process as the engine's machine sees it; 0 when it does not run.
    """

    running: bool
    exit_code: int
    out_of_memory: bool
    pid: int


class Container:
    """A container of this machine's engine, in whatever state.

    Args:
        handle: the SDK's own container.
    """

    def __init__(self, handle: "Handle") -> None:
        self._handle = handle

    @classmethod
    def create(cls, client: "DockerClient", spec: Spec) -> Self:
        """Make a container that does not run yet.

        Raises:
            StepError: the engine refused, as when the image is gone.
        """
        with told(f"the container {spec.name} could not be made"):
            return cls(client.containers.create(spec.image, **_options(spec)))

    @classmethod
    def find(cls, client: "DockerClient", name: str) -> Self | None:
        """Return the container of a name, in whatever state; None when there is none."""
        from docker.errors import NotFound

        with told(f"the container {name} could not be looked up"), suppress(NotFound):
            return cls(client.containers.get(name))
        return None

    @property
    def id(self) -> str:
        """The engine's id of it."""
        return str(self._handle.id)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._handle.name)

    @property
    def memory_mb(self) -> int:
        """MiB of memory that it may take."""
        return int(self._handle.attrs["HostConfig"]["Memory"]) // MIB

    def start(self) -> None:
        """Start it.

        Raises:
            StepError: the engine refused, as when the program is not in the image or the port is
                taken.
        """
        with told(f"the container {self.name} could not be started", NO_PROGRAM):
            self._handle.start()

    def state(self) -> State:
        """Return what it is doing.

        Raises:
            StepError: it is gone, or the engine does not answer.
        """
        found = self._look()["State"]
        return State(
            running=bool(found["Running"]),
            exit_code=int(found["ExitCode"]),
            out_of_memory=bool(found["OOMKilled"]),
            pid=int(found["Pid"]),
        )

    def address(self, port: int) -> tuple[str, int]:
        """Return where this machine reaches a port of it: as published, else its own address.

        Raises:
            StepError: it is gone, or the engine does not answer.
        """
        network = self._look()["NetworkSettings"]
        for published in network["Ports"].get(f"{port}/tcp") or ():
            return LOOPBACK, int(published["HostPort"])
        addresses = [str(one["IPAddress"]) for one in network["Networks"].values()]
        return next((one for one in addresses if one), LOOPBACK), port

    def wait(self, seconds: float, cancelled: Event | None = None) -> State:
        """Wait until it has ended, at most ``seconds``; return what it is doing then.

        Raises:
            Interrupted: ``cancelled`` was set.
        """
        found = self.state()
        until = time.monotonic() + seconds
        while found.running and time.monotonic() < until:
            pause(cancelled)
            found = self.state()
        return found

    def signal(self, name: str) -> None:
        """Send its first process a signal, as ``SIGTERM``, if it runs."""
        with told(f"the container {self.name} could not be sent {name}"), _unless_ended():
            self._handle.kill(name)

    def stop(self, seconds: float, cancelled: Event | None = None) -> State:
        """Send it SIGTERM, and SIGKILL after ``seconds``; return how it ended.

        Raises:
            Interrupted: ``cancelled`` was set; it was asked to end, and may still run.
        """
        self.signal("SIGTERM")
        found = self.wait(seconds, cancelled)
        return self.kill() if found.running else found

    def kill(self) -> State:
        """Send it SIGKILL; return how it ended."""
        self.signal("SIGKILL")
        return self.wait(MARGIN)

    def logs(self, lines: int = 15) -> str:
        """Return the last lines that it wrote, without secrets; empty when they cannot be had."""
        try:
            with told("the container's output could not be read"):
                said: bytes = self._handle.logs(tail=lines)
        except StepError:
            return ""
        return REDACTOR.redact(said.decode("utf-8", "replace").strip())

    def follow(self, lines: int = 15) -> Iterator[str]:
        """Yield the last lines that it wrote, and then each as it comes, until it ends."""
        with told("the container's output could not be read"):
            stream = self._handle.logs(tail=lines, stream=True, follow=True)
            try:
                yield from _lines(stream)
            finally:
                stream.close()

    def processes(self) -> list[dict[str, str]]:
        """Return its processes: PID and PPID as its engine's machine sees them, RSS in KiB.

        Empty when it does not run, or the machine has no ``ps``.
        """
        try:
            with told("the container's processes could not be listed"):
                found: Any = self._handle.top(ps_args="-o pid,ppid,rss")
        except StepError:
            return []
        return [dict(zip(found["Titles"], row, strict=False)) for row in found["Processes"] or ()]

    def read(self, *paths: str) -> str:
        """Return the text of files as its processes see them; empty when it cannot be had."""
        try:
            with told("a file of the container could not be read"):
                found = self._handle.exec_run(["cat", *paths])
        except StepError:
            return ""
        said = found.output
        assert isinstance(said, bytes)
        return said.decode("utf-8", "replace") if found.exit_code == 0 else ""

    def remove(self) -> None:
        """Take it away, even if it runs; nothing of it is left. Done twice is done."""
        with told(f"the container {self.name} could not be removed"), _unless_ended():
            self._handle.remove(force=True, v=True)

    def _look(self) -> dict[str, Any]:
        with told(f"the container {self.name} could not be looked at"):
            self._handle.reload()
        attributes: dict[str, Any] = self._handle.attrs
        return attributes


@contextmanager
def running(client: "DockerClient", spec: Spec) -> Iterator[Container]:
    """Run a container while the block runs; it is gone afterwards, also after Ctrl-C.

    One that is left because this process was killed is taken away by ``leftovers.sweep``.

    Raises:
        StepError: the engine refused to make or start it.
    """
    try:
        container = Container.create(client, spec)
    except KeyboardInterrupt:  # the engine may have made it, and its answer is not here yet
        lost = Container.find(client, spec.name)
        if lost:
            lost.remove()
        raise
    try:
        container.start()
        yield container
    finally:
        container.remove()


@contextmanager
def told(what: str, next_: str = "Put right what the engine says.") -> Iterator[None]:
    """Put the errors of the engine and of the way to it in words.

    Args:
        what: what failed, to begin the error with.
        next_: what to do; how to see whether the engine runs is added.

    Raises:
        StepError: in place of the SDK's own errors.
    """
    from docker.errors import APIError, DockerException
    from requests import RequestException
    from urllib3.exceptions import HTTPError  # of a stream that is cut off

    try:
        yield
    except (DockerException, RequestException, HTTPError) as error:
        why = error.explanation if isinstance(error, APIError) else None
        raise StepError(
            f"{what}: {REDACTOR.redact(str(why or error).strip())}",
            "What served before still serves.",
            f"{next_} `docker info` shows whether the engine runs.",
        ) from None


def pause(cancelled: Event | None) -> None:
    """Wait until it is time to look again.

    Raises:
        Interrupted: ``cancelled`` is set.
    """
    if (cancelled or Event()).wait(TICK):
        raise Interrupted


@contextmanager
def _unless_ended() -> Iterator[None]:
    """Let pass that a container is gone, or does not run."""
    from docker.errors import APIError

    try:
        yield
    except APIError as error:
        if error.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            raise


def _options(spec: Spec) -> dict[str, Any]:
    """The hardening, and what the spec asks for, in the SDK's words."""
    from docker.types import LogConfig, Mount

    options: dict[str, Any] = {
        "command": list(spec.command) or None,
        "name": spec.name,
        "environment": dict(spec.env),
        "labels": {PROJECT: spec.project, **owner()},
        "read_only": True,
        "tmpfs": TMPFS,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": f"{spec.memory_mb}m",
        "memswap_limit": f"{spec.memory_mb}m",
        "pids_limit": spec.pids,
        "log_config": LogConfig(type="json-file", config=LOGS),
        "ports": {f"{port}/tcp": (LOOPBACK, host or None) for port, host in spec.ports.items()},
        "mounts": [Mount(to, str(at), "bind", read_only=True) for at, to in spec.mounts.items()],
        "extra_hosts": dict(spec.hosts),
        "dns_opt": list(spec.dns),
    }
    if spec.network:
        options["network"] = spec.network
    return options


def _lines(stream: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for piece in stream:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield REDACTOR.redact(line.decode("utf-8", "replace").rstrip("\r"))
    if rest:
        yield REDACTOR.redact(rest.decode("utf-8", "replace"))
