"""A boot test that is cut off leaves nothing, or what it left is taken away by the next one."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from boot_project import BootProject, eventually

from castoff.errors import Interrupted
from castoff.image.leftovers import sweep
from castoff.image.model import Image
from castoff.targets.local.processes import having_in_environment

RUNS = """
import sys
from castoff.image.boot import Trial, boot
from castoff.image.engine import Engine
from castoff.image.model import Image
from castoff.shell import Shell
image = Image(id=sys.argv[1], tag="", stamp="", size=0, platform="")
with Engine(Shell()) as engine:
    boot(engine, image, Trial(project=sys.argv[2], boot_seconds=600), say=print)
"""


def test_one_that_is_cancelled_ends_at_once_and_leaves_nothing(booting: BootProject) -> None:
    image = booting.faulty("slow")
    cancelled = threading.Event()
    watcher = threading.Thread(target=lambda: (_serves(booting), cancelled.set()))
    watcher.start()
    with pytest.raises(Interrupted):
        booting.boot(image, cancelled, boot_seconds=600)
    watcher.join()
    assert booting.left() == []


def test_ctrl_c_leaves_nothing(booting: BootProject, tmp_path: Path) -> None:
    process = _start(booting, booting.faulty("slow"), tmp_path)
    _serves(booting)
    assert _marked(tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert booting.left() == []
    assert _marked(tmp_path) == []


def test_what_a_killed_one_left_is_taken_away_by_the_next(
    booting: BootProject, tmp_path: Path
) -> None:
    process = _start(booting, booting.faulty("slow"), tmp_path)
    _serves(booting)
    assert sweep(booting.engine.client, booting.name) == []  # it still goes on
    process.kill()
    process.communicate(timeout=60)
    assert len(booting.left()) == 2
    assert len(sweep(booting.engine.client, booting.name)) == 2
    assert booting.left() == []
    assert eventually(lambda: not _marked(tmp_path))


def test_what_serves_is_not_taken_for_a_leftover(booting: BootProject) -> None:
    image = booting.faulty("slow")
    labels = {"dev.castoff.project": booting.name}
    serving = booting.engine.client.containers.run(image.id, detach=True, labels=labels)
    assert sweep(booting.engine.client, booting.name) == []
    serving.reload()
    assert serving.status == "running"
    serving.remove(force=True)


def _start(booting: BootProject, image: Image, mark: Path) -> "subprocess.Popen[bytes]":
    """Start a boot test in a process of its own; all that it starts has ``mark`` as TMPDIR."""
    argv = [sys.executable, "-c", RUNS, image.id, booting.name]
    env = os.environ | {"TMPDIR": str(mark)}
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _marked(mark: Path) -> list[int]:
    """The programs that have ``mark`` as TMPDIR, as PostgreSQL."""
    return having_in_environment(f"TMPDIR={mark}".encode())


def _serves(booting: BootProject) -> None:
    """Wait until the server's container runs."""
    named = {"name": f"castoff-{booting.name}-server-", "status": "running"}
    assert eventually(lambda: booting.engine.client.containers.list(filters=named))
