"""The sample app's image passes its boot test, wherever the engine is."""

import os
import re

import pytest
from boot_project import BootProject

from castoff.image.boot import database
from castoff.image.model import Image


def test_the_sample_passes_and_is_measured(booting: BootProject, sample: Image) -> None:
    booted = booting.boot(sample)
    assert all(check.ok for check in booted.checks)
    asked = {check.id for check in booted.checks}
    assert {"health", "stamp", "page:/", "static", "form", "probe"} <= asked
    assert booted.answered > 50
    assert 0 < booted.stop_seconds < 30
    assert len(booted.memory.workers_mb) == 2
    assert all(10 < mb < 200 for mb in booted.memory.workers_mb)
    assert booted.memory.shares == (os.geteuid() == 0)  # only root may know them
    assert booted.wrote == ""


def test_it_passes_where_the_engine_is_in_a_virtual_machine(
    booting: BootProject, sample: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Docker Desktop: the server by a published port, PostgreSQL by an address, no /proc."""
    argv = ("run", "--rm", "--add-host=machine:host-gateway", sample.id, "cat", "/etc/hosts")
    bridge = re.search(r"(\S+)\s+machine", booting.engine.docker(*argv).stdout)
    assert bridge
    monkeypatch.setattr("castoff.image.boot.network._is_here", lambda network: False)
    monkeypatch.setattr(database, "_can_mount_sockets", lambda client: False)
    monkeypatch.setattr(database, "LOOPBACK", bridge[1])
    booted = booting.boot(sample)
    assert booted.answered > 50
    assert not booted.memory.shares
