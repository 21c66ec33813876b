"""One hardened container: what it may do, how it ends, and that nothing is left of it."""

import json
import threading
from collections.abc import Iterator
from secrets import token_hex
from urllib.request import urlopen

import pytest
from boot_project import BootProject, eventually

from castoff.errors import Interrupted, StepError
from castoff.image.container import Container, Spec, running
from castoff.image.engine import Engine
from castoff.redactor import HIDDEN, REDACTOR

# Says what it may do, by what the kernel says of it and by trying.
ASKS = """
import json, os, pathlib, resource
def tries(path):
    try: pathlib.Path(path).write_text("#!/bin/sh\\n"); return "written"
    except OSError as error: return error.strerror
def runs(path):
    os.chmod(path, 0o755)
    try: os.execv(path, [path])
    except OSError as error: return error.strerror
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
print(json.dumps({
    "uid": os.getuid(), "capabilities": int(status["CapBnd"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip(), "root": tries("/app/x"),
    "tmp": tries("/tmp/x"), "exec": runs("/tmp/x"), "secret": os.environ["SECRET"],
}))
"""
SERVES = (
    'from http.server import *; HTTPServer(("", 8000), SimpleHTTPRequestHandler).serve_forever()'
)
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True: time.sleep(1)
"""
HEARS = DEAF.replace("signal.SIG_IGN", "lambda *_: exit(3)")


@pytest.fixture(scope="module")
def python(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The id of an image that has Python and a user of its own."""
    project = BootProject(tmp_path_factory.mktemp("python") / "shop", engine)
    dockerfile = "FROM python:3.13-slim\nRUN mkdir -m 777 /app\nWORKDIR /app\nUSER 1001\n"
    yield project.build(dockerfile).id
    project.end()


def spec(booting: BootProject, image: str, code: str, **more: object) -> Spec:
    """What runs Python code in a container."""
    plain = {"name": f"castoff-test-{token_hex(4)}", "memory_mb": 64, "network": "none"}
    words = ("python", "-c", code)
    return Spec(image=image, project=booting.name, command=words, **{**plain, **more})  # type: ignore[arg-type]


def test_it_may_do_nothing_but_run_and_write_to_tmp(booting: BootProject, python: str) -> None:
    wanted = spec(booting, python, ASKS, env={"SECRET": "f3a9c1"})
    with running(booting.engine.client, wanted) as container:
        assert container.wait(60).exit_code == 0
        found = json.loads(container.logs())
    assert found == {
        "uid": 1001,
        "capabilities": 0,
        "no_new_privileges": "1",
        "root": "Read-only file system",
        "tmp": "written",
        "exec": "Permission denied",
        "secret": "f3a9c1",
    }
    assert "f3a9c1" not in repr(wanted)


def test_it_takes_no_more_memory_than_it_may(booting: BootProject, python: str) -> None:
    with running(booting.engine.client, spec(booting, python, "bytearray(10**9)")) as container:
        ended = container.wait(60)
    assert (ended.running, ended.exit_code, ended.out_of_memory) == (False, 137, True)


def test_it_starts_no_more_processes_than_it_may(booting: BootProject, python: str) -> None:
    code = "import os, time\nwhile os.fork(): pass\ntime.sleep(60)"
    with running(booting.engine.client, spec(booting, python, code, pids=8)) as container:
        assert container.wait(60).exit_code == 1
        assert "BlockingIOError" in container.logs()


def test_one_that_hears_sigterm_ends_as_it_likes(booting: BootProject, python: str) -> None:
    with running(booting.engine.client, spec(booting, python, HEARS)) as container:
        says(container, "up")
        assert container.stop(60).exit_code == 3


def test_one_that_does_not_hear_sigterm_is_killed(booting: BootProject, python: str) -> None:
    with running(booting.engine.client, spec(booting, python, DEAF)) as container:
        says(container, "up")
        assert container.stop(0.5).exit_code == 137


def test_waiting_ends_when_nobody_wants_to_know_any_more(booting: BootProject, python: str) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with (
        pytest.raises(Interrupted),
        running(booting.engine.client, spec(booting, python, DEAF)) as container,
    ):
        container.wait(600, cancelled)


def test_it_is_gone_after_ctrl_c(booting: BootProject, python: str) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        running(booting.engine.client, spec(booting, python, DEAF)),
    ):
        raise KeyboardInterrupt
    assert booting.left() == []


def test_a_secret_that_it_prints_is_not_shown(booting: BootProject, python: str) -> None:
    REDACTOR.add("TOKEN", "hush-hush-1971")
    code = "print('the token is hush-hush-1971')"
    with running(booting.engine.client, spec(booting, python, code)) as container:
        container.wait(60)
        assert container.logs() == f"the token is {HIDDEN}"
        assert [*container.follow()] == [f"the token is {HIDDEN}"]


def test_its_output_is_followed_line_by_line_until_it_ends(
    booting: BootProject, python: str
) -> None:
    code = "import time\nfor n in 'abä': print(n, flush=True); time.sleep(0.1)"
    with running(booting.engine.client, spec(booting, python, code)) as container:
        assert [*container.follow()] == ["a", "b", "ä"]


def test_a_published_port_leads_there_from_this_machine_only(
    booting: BootProject, python: str
) -> None:
    wanted = spec(booting, python, SERVES, network="bridge", ports={8000: 0})
    with running(booting.engine.client, wanted) as container:
        host, port = container.address(8000)
        assert host == "127.0.0.1"
        assert eventually(lambda: _status(f"http://{host}:{port}/")) == 200


def test_two_of_a_name_cannot_be(booting: BootProject, python: str) -> None:
    wanted = spec(booting, python, DEAF)
    with running(booting.engine.client, wanted) as first:
        with (
            pytest.raises(StepError, match=f"{wanted.name} could not be made"),
            running(booting.engine.client, wanted),
        ):
            pass
        assert first.state().running


def test_an_image_that_is_gone_is_told(booting: BootProject) -> None:
    wanted = spec(booting, "castoff/not-there:1", "")
    with pytest.raises(StepError, match="not-there"), running(booting.engine.client, wanted):
        pass


def says(container: Container, line: str) -> None:
    """Wait until it has said something."""
    assert eventually(lambda: line in container.logs())


def _status(url: str) -> int:
    try:
        with urlopen(url) as answer:
            return int(answer.status)
    except OSError:
        return 0
