"""What Linux says of processes."""

import os
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that a process started and that run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def memory(pid: int) -> float:
    """MiB of a process and of those that it started, each with its share of what is shared."""
    return own_memory(pid) + sum(map(own_memory, children(pid)))


def clients(pid: int) -> set[int]:
    """The ports of those who are connected to a process over TCP."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            held.add(os.readlink(link))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    remote = {f"socket:[{fields[9]}]": fields[2].rpartition(":")[2] for fields in lines}
    return {int(remote[name], 16) for name in held & remote.keys()} - {0}


def own_memory(pid: int) -> float:
    """MiB of a process, with its share of what is shared."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
