"""Rows: who reads what castoff prints goes away, cannot keep up, or gets a great deal."""

import fcntl
import os
import re
import select
import subprocess
import termios
import threading
from pathlib import Path
from typing import Self

from checkout import INV, PATIENCE, Run, eventually
from fault_table import STATE, Row, Serves
from fault_world import World

LARGEST = 400_000  # kB of memory for 30 MB of output, most of it in one line
# The secret stands where a pipe's buffer ends, at the end of a long line, and in short ones.
SPEAK = """
def speak(apps, editor):
    import os, sys

    key = os.environ["PAYMENT_KEY"]
    sys.stdout.write("x" * (3 * 65536 - 20) + key + "y" * 15_000_000 + key + "\\n")
    sys.stdout.write(f"{'z' * 1000}{key}{'z' * 1000}\\n" * 7_000)
    sys.stdout.write(f"{key} and the rest of a short line\\n" * 20_000)


"""


class Window:
    """A terminal's window with a program in it."""

    def __init__(self, world: World, *argv: str) -> None:
        self._master, terminal = os.openpty()
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self.process = subprocess.Popen(
            argv,
            cwd=world.app.root,
            env=world.app.env,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(terminal)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Close it: the program is told by SIGHUP, and can print no more."""
        self._closed.set()
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        while not self._closed.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                os.read(self._master, 65536)


def closed(world: World) -> Run:
    """The window is closed while static files are collected."""
    world.change()
    return hang_up(world, str(INV), "deploy")


def closed_and_told_to_go_on(world: World) -> Run:
    """The same, and the run was started to ignore it, as by nohup."""
    world.change()
    return hang_up(world, "bash", "-c", "trap '' HUP; exec inv deploy")


def hang_up(world: World, *argv: str) -> Run:
    """Close the window of a run that collects static files; what it said is in its log."""
    reached = world.holds.close("static")
    with Window(world, *argv) as window:
        eventually(reached.exists, 120)
    world.holds.open()
    status = window.process.wait(PATIENCE)
    return Run(argv, status, newest_log(world).read_text(), "")


def head(world: World) -> Run:
    """`head -1` ends when it has its line."""
    return shell(world, "set -o pipefail; inv deploy | head -1")


def head_of_json(world: World) -> Run:
    """The same with `--json`."""
    return shell(world, "set -o pipefail; inv deploy --json | head -1")


def closed_output(world: World) -> Run:
    """There is no output at all."""
    return shell(world, "inv deploy >&- 2>&-")


def closed_json(world: World) -> Run:
    """There is none for `--json`."""
    return shell(world, "inv deploy --json >&-")


def full_output(world: World) -> Run:
    """The output goes to a disk that is full."""
    return shell(world, "inv deploy --json >/dev/full")


def shell(world: World, line: str) -> Run:
    """Run a line of a shell, with a change to deploy."""
    world.change()
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=world.app.root,
        env=world.app.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Run((line,), done.returncode, done.stdout, done.stderr)


def full_pipe(world: World) -> Run:
    """The reader of a full pipe reads nothing for a while, and then ends."""
    world.change()
    before = newest_log(world)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b"\n" * 4096)
    os.set_blocking(writer, True)
    argv = (str(INV), "deploy", "--json")
    process = subprocess.Popen(
        argv, cwd=world.app.root, env=world.app.env, stdout=writer, stderr=subprocess.DEVNULL
    )
    os.close(writer)
    log = eventually(lambda: next_log(world, before))
    eventually(lambda: "prepare started" in log.read_text())
    os.close(reader)
    return Run(argv, process.wait(PATIENCE), log.read_text(), "")


def much(world: World) -> Run:
    """The release command prints 30 MB."""
    return speaking(world, "deploy")


def much_json(world: World) -> Run:
    """The same with `--json`."""
    return speaking(world, "deploy", "--json")


def speaking(world: World, *words: str) -> Run:
    """Deploy a migration that prints 30 MB, and see how much memory that takes."""
    path = world.add_migration("migrations.RunPython(speak, migrations.RunPython.noop),")
    world.app.edit(path, "class Migration", f"{SPEAK}class Migration")
    world.app.commit()
    run, most = world.app.start(*words), 0
    while run.process.poll() is None:
        most = max(most, memory(run.process.pid))
    assert 0 < most < LARGEST
    ended = run.wait()
    for text in (newest_log(world).read_text(), *([ended.out] if "--json" in words else ())):
        assert len(text) > 29_000_000
        assert text.count("[redacted] and the rest of a short line") == 20_000
    return ended


def memory(pid: int) -> int:
    """The most memory, in kB, that a process had so far; 0 when it has ended."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", told)
    return int(found[1]) if found else 0


def newest_log(world: World) -> Path:
    """The log of the last run."""
    return sorted((world.app.state / "logs").glob("*-deploy.log"))[-1]


def next_log(world: World, before: Path) -> Path | None:
    """The log of the run after that one."""
    found = newest_log(world)
    return None if found == before else found


ROWS = (
    Row(
        name="a terminal that is closed",
        act=closed,
        ends=130,
        says=("what=interrupted",),
        needs=frozenset({STATE}),
    ),
    Row(
        name="a terminal that is closed, under nohup",
        act=closed_and_told_to_go_on,
        says=("smoke finished",),
        serves=Serves.NEW,
        needs=frozenset({STATE}),
    ),
    Row(
        name="`inv deploy | head -1`",
        act=head,
        says=("rummy",),
        serves=Serves.NEW,
    ),
    Row(
        name="`inv deploy --json | head -1`",
        act=head_of_json,
        says=('"event":"started"', "is live"),
        serves=Serves.NEW,
    ),
    Row(name="stdout and stderr closed", act=closed_output, serves=Serves.NEW),
    Row(
        name="stdout closed with `--json`",
        act=closed_json,
        says=("is live",),
        serves=Serves.NEW,
    ),
    Row(
        name="stdout on a full disk",
        act=full_output,
        says=("stdout cannot be written: No space left on device; the run goes on", "is live"),
        serves=Serves.NEW,
    ),
    Row(
        name="a full pipe whose reader ends",
        act=full_pipe,
        says=("smoke finished",),
        serves=Serves.NEW,
        needs=frozenset({STATE}),
    ),
    Row(
        name="30 MB of output",
        act=much,
        says=("is live",),
        serves=Serves.NEW,
        needs=frozenset({STATE}),
    ),
    Row(
        name="30 MB of output with `--json`",
        act=much_json,
        says=('"ok":true',),
        serves=Serves.NEW,
        needs=frozenset({STATE}),
    ),
)
