"""The listening sockets that the app is reached at: bound, reserved, taken out of a process."""

import contextlib
import ctypes
import errno
import os
import shutil
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from castoff.errors import StepError
from castoff.targets.local.processes import output

FIRST_PORT = 8000
LAST_PORT = 8999
BACKLOG = 2048
PIDFD_GETFD = 438  # the same number on every architecture of Linux 5.6 and later
ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class Listeners:
    """One port on the loopback addresses that this machine has."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self.port: int = sockets[0].getsockname()[1]

    @property
    def descriptors(self) -> list[int]:
        """Their file descriptors."""
        return [one.fileno() for one in self.sockets]

    @property
    def inodes(self) -> list[int]:
        """What tells them from all other sockets of the machine, in any process."""
        return [os.fstat(number).st_ino for number in self.descriptors]

    def listen(self) -> None:
        """Let connections come; they wait until somebody accepts them.

        Raises:
            OSError: another program listens there already.
        """
        for one in self.sockets:
            # Not before, see below; its old connections must not hold the port for minutes.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.listen(BACKLOG)

    def close(self) -> None:
        """Close them here; processes that inherited them keep theirs."""
        for one in self.sockets:
            one.close()


def bind(port: int) -> Listeners:
    """Take a port on every loopback address, without listening yet.

    Raises:
        OSError: EADDRINUSE when somebody has it on one of them.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in ADDRESSES:
            with contextlib.suppress(_NoSuchAddress):
                sockets.append(_bind(family, address, port))
    except OSError:
        for one in sockets:
            one.close()
        raise
    if not sockets:
        raise OSError(errno.EADDRNOTAVAIL, "this machine has no loopback address")
    return Listeners(sockets)


def first_free(*, above: int = FIRST_PORT - 1) -> Listeners:
    """Take the first free port from 8000 on.

    Raises:
        StepError: there is none up to 8999.
    """
    for port in range(max(above + 1, FIRST_PORT), LAST_PORT + 1):
        with contextlib.suppress(OSError):
            return bind(port)
    raise StepError(
        f"No port from {FIRST_PORT} to {LAST_PORT} is free.",
        "Nothing was started.",
        "Set `port` of the local target to one that is.",
    )


def take_over(pid: int, inodes: Iterable[int]) -> Listeners | None:
    """Duplicate listening sockets out of another process; None where the system refuses.

    See pidfd_getfd(2): it needs Linux 5.6 and the right to trace the process, which Yama denies
    an ordinary user for processes that are not its children.
    """
    sockets: list[socket.socket] = []
    for inode in inodes:
        number = _descriptor_of(pid, inode)
        copy = _copy(pid, number) if number is not None else None
        if copy is None:
            return None
        sockets.append(socket.socket(fileno=copy))
    return Listeners(sockets) if sockets else None


def holder(port: int) -> str:
    """Who listens on a port, as "nginx (pid 7)"; "" where that cannot be found out."""
    if sys.platform != "linux":
        return _holder_by_lsof(port)
    wanted = {f"socket:[{inode}]" for inode in _inodes_of_port(port)}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(descriptor) in wanted:
                process = descriptor.parent.parent
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""


class _NoSuchAddress(Exception):
    """This machine has no such loopback address, as without IPv6."""


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    try:
        one = socket.socket(family)
    except OSError:
        raise _NoSuchAddress from None
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        _bind_for_good(one, address, port)
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise _NoSuchAddress from None
        raise
    return one


def _bind_for_good(one: socket.socket, address: str, port: int) -> None:
    try:
        # Linux lets two sockets with SO_REUSEADDR bind one port as long as none listens: without
        # it the reservation is hard.
        one.bind((address, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # Old connections that are in TIME_WAIT may be all that is left there.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((address, port))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # from now on it is hard, too


def _descriptor_of(pid: int, inode: int) -> int | None:
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == f"socket:[{inode}]":
                return int(link.name)
    return None


def _copy(pid: int, number: int) -> int | None:
    try:
        pidfd = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
    try:
        copy: int = ctypes.CDLL(None).syscall(PIDFD_GETFD, pidfd, number, 0)
        return copy if copy >= 0 else None
    finally:
        os.close(pidfd)


def _inodes_of_port(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _holder_by_lsof(port: int) -> str:
    if not shutil.which("lsof"):
        return ""
    try:
        said = output(["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]).split()
    except StepError:
        return ""
    facts = {line[0]: line[1:] for line in said}
    return f"{facts.get('c', '?')} (pid {facts.get('p', '?')})"
