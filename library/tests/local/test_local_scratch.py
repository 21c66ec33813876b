"""A database to throw away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from local_place import SOURCE, eventually, gone

from castoff.targets.local import postgres, wire
from castoff.targets.local.scratch import scratch_database

ARGV = [sys.executable, "-m", "castoff.targets.local.scratch", "--"]
ENV = os.environ | {"PYTHONPATH": str(SOURCE)}

pytestmark = pytest.mark.usefixtures("system_postgres")


def test_it_takes_queries_and_is_gone_afterwards() -> None:
    with scratch_database() as url:
        folder = Path(url.split("@")[1].split(":")[0].replace("%2F", "/"))
        assert wire.query(folder, postgres.USER, "scratch", "SELECT 1") == ["1"]
        pid = postgres.running(folder / "data")
    assert not folder.exists()
    assert gone(pid)


def test_command_gets_the_url_and_its_status_is_passed_on() -> None:
    code = "import os, sys; print(os.environ['DATABASE_URL']); sys.exit(7)"
    done = subprocess.run(
        [*ARGV, sys.executable, "-c", code], env=ENV, capture_output=True, text=True, check=False
    )
    assert done.returncode == 7
    assert done.stdout.startswith("postgres://postgres@%2Ftmp")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_is_gone_after(number: signal.Signals) -> None:
    code = (
        "import os, time\n"
        "print(os.environ['DATABASE_URL'], os.getpid(), flush=True)\n"
        "time.sleep(60)"
    )
    running = subprocess.Popen(
        [*ARGV, sys.executable, "-c", code],
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout
    url, command = running.stdout.readline().split()
    folder = Path(url.split("@")[1].split(":")[0].replace("%2F", "/"))
    pid = postgres.running(folder / "data")
    assert pid
    running.send_signal(number)
    assert running.wait(timeout=30) != 0
    eventually(lambda: gone(pid))
    eventually(lambda: not folder.exists())
    if number == signal.SIGKILL:  # which nobody can pass on to the command
        os.kill(int(command), number)
    eventually(lambda: gone(int(command)))
    running.stdout.close()
