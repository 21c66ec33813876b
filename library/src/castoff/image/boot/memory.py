"""The memory that a server's processes take."""

from pathlib import Path

import msgspec

from castoff.image.container import Container

KIB = 1024


class Memory(msgspec.Struct, frozen=True):
    """The memory of a server, in MiB.

    Attributes:
        first_mb: of the first process; of a server with workers that is what starts them.
        workers_mb: of each of its children; of the first process when there are none.
        shares: whether what several processes share is divided among them (PSS); else each counts
            all of it (RSS), so that the sum is too much.
    """

    first_mb: float
    workers_mb: tuple[float, ...]
    shares: bool

    @property
    def worker_mb(self) -> float:
        """MiB of the largest worker; 0 when nothing could be measured."""
        return max(self.workers_mb, default=0.0)


def measure(container: Container, *, here: bool) -> Memory:
    """Measure the processes of a container that runs.

    Args:
        container: a container that runs.
        here: whether its processes are this machine's, so that their shares may be known.
    """
    processes = container.processes()
    rss = {row["PID"]: int(row["RSS"]) for row in processes}
    pss = {pid: _share(pid) for pid in rss} if here else {}
    shares = bool(pss) and all(pss.values())
    sizes = pss if shares else rss
    mb = {pid: round(size / KIB, 1) for pid, size in sizes.items()}
    first = str(container.state().pid)
    children = [row["PID"] for row in processes if row["PPID"] == first]
    workers = tuple(mb[pid] for pid in children or [first] if pid in mb)
    return Memory(mb.get(first, 0.0), workers, shares)


def _share(pid: str) -> int:
    """The KiB of a process when shared memory is divided; 0 where this user may not know."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
