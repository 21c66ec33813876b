"""The sockets of a container, as Linux lists them: proc(5), /proc/net/tcp."""

import ipaddress
import socket
from pathlib import Path
from typing import NamedTuple

from castoff.image.container import Container

FILES = ("net/tcp", "net/tcp6")
ESTABLISHED, LISTEN = "01", "0A"
RESOLVER = "127.0.0.11"  # the engine's own, in each container of a network with names


class Listener(NamedTuple):
    """A socket that waits for connections.

    Attributes:
        address: the address that it listens on.
        port: the port.
    """

    address: str
    port: int

    @property
    def loopback_only(self) -> bool:
        """Whether nobody outside the container can reach it."""
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else ":".join(map(str, self))


class Sockets(NamedTuple):
    """The TCP sockets of a container.

    Attributes:
        listeners: those of the program that wait for connections.
        taken: ports of the other side of connections that the program has accepted.
    """

    listeners: frozenset[Listener]
    taken: frozenset[int]


def sockets(container: Container, *, here: bool) -> Sockets:
    """Return the sockets of a container; none when they cannot be read.

    Args:
        container: a container that runs.
        here: whether its processes are this machine's. Else it needs a program ``cat``.
    """
    text = _of_process(container.state().pid) if here else ""
    return _parsed(text or container.read(*(f"/proc/{file}" for file in FILES)))


def _of_process(pid: int) -> str:
    try:
        return "\n".join(Path(f"/proc/{pid}/{file}").read_text() for file in FILES if pid)
    except OSError:  # it has ended, or another user's processes are hidden
        return ""


def _parsed(text: str) -> Sockets:
    listeners, taken = set(), set()
    rows = (line.split() for line in text.splitlines())
    for row in (row for row in rows if len(row) > 9 and row[0].endswith(":")):
        local, remote, state, inode = row[1], row[2], row[3], row[9]
        if state == LISTEN:
            listeners.add(Listener(_address(local), _port(local)))
        # A connection that waits in the kernel to be accepted has no inode yet.
        elif state == ESTABLISHED and inode != "0":
            taken.add(_port(remote))
    own = (one for one in listeners if one.address != RESOLVER)
    return Sockets(frozenset(own), frozenset(taken))


def _port(text: str) -> int:
    return int(text.rpartition(":")[2], 16)


def _address(text: str) -> str:
    """An address, of which each four bytes are one number in the machine's own order."""
    data = bytes.fromhex(text.partition(":")[0])
    words = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    return socket.inet_ntop(socket.AF_INET if len(words) == 4 else socket.AF_INET6, words)
