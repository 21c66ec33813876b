"""A PostgreSQL to throw away: for tests, benchmarks and rehearsals.

    python -m castoff.targets.local.scratch -- COMMAND ARG...

runs the command with DATABASE_URL set, and ends with its status.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from castoff.errors import CastoffError, StepError
from castoff.shell import foreground, spawn
from castoff.targets.local import guard, postgres
from castoff.targets.local.processes import Process, environment
from castoff.targets.local.state import tail

START = 30.0  # seconds
NAME = "scratch"


@contextmanager
def scratch_database(*, configured: Path | None = None) -> Iterator[str]:
    """Start a PostgreSQL in a temporary folder, and give the URL of an empty database.

    It survives no crash (fsync is off), and is gone afterwards, also after Ctrl-C, SIGTERM or
    SIGKILL.

    Args:
        configured: the folder of PostgreSQL's programs; found when left out.

    Raises:
        StepError: there is no PostgreSQL, or it does not come up.
    """
    with _ended_by_sigterm(), scratch_folder() as folder, scratch_server(folder, configured):
        postgres.create_database(folder, NAME)
        yield postgres.url(folder, NAME)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for a server, of mode 0700, while the block runs."""
    # Not below TMPDIR: its path may be too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="castoff-scratch-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_server(
    folder: Path, configured: Path | None, settings: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Serve from a folder, in which its socket is too, while the block runs.

    Args:
        folder: what is gone when this process is killed.
        configured: the folder of PostgreSQL's programs; found when left out.
        settings: settings of the server beside its own.

    Raises:
        StepError: there is no PostgreSQL, or it does not come up.
    """
    binaries = postgres.find(configured)
    data, log = folder / "data", folder / "log"
    postgres.initialise(binaries, data, durable=False)
    argv = postgres.command(binaries, data, folder, durable=False)
    argv += [word for name, value in (settings or {}).items() for word in ("-c", f"{name}={value}")]
    process = Process.started(spawn(argv, cwd=folder, env=environment(), log=log))
    with _guarded(process, folder, log):
        try:
            _wait_until_ready(process, folder, log)
            yield
        finally:
            process.end(signal.SIGQUIT, 5)  # at once: nothing of it is kept


@contextmanager
def _guarded(server: Process, folder: Path, log: Path) -> Iterator[None]:
    """Have another process end the server if this one is killed."""
    theirs, ours = os.pipe()
    words = [str(theirs), json.dumps(server.identity.as_json()), str(folder)]
    argv = [sys.executable, "-P", "-m", guard.__name__, *words]
    try:
        child = spawn(argv, cwd=folder, env=environment(), log=log, pass_fds=(theirs,))
    finally:
        os.close(theirs)
    try:
        yield
    finally:
        Process.started(child).end(signal.SIGKILL, 5)
        os.close(ours)


def _wait_until_ready(process: Process, folder: Path, log: Path) -> None:
    until = time.monotonic() + START
    while not postgres.ready(folder):
        if process.wait(0.01) or time.monotonic() > until:
            raise StepError(
                f"A scratch PostgreSQL did not come up: {tail(log, 15)}", "Nothing of it was kept."
            )


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Make SIGTERM unwind the stack, where nobody else handles it."""
    unhandled = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if not unhandled or threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not stop the tidying up
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main(words: Sequence[str]) -> int:
    """Run a command with a scratch database; return its exit status."""
    argv = [*words][1:] if words and words[0] == "--" else [*words]
    if not argv:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with scratch_database() as url:
            return foreground(argv, Path.cwd(), os.environ | {"DATABASE_URL": url})
    except (CastoffError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
