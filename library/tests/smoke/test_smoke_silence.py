"""Servers that do not answer as servers do: one clear failure, in a bounded time."""

import itertools
import socket
import threading
import time

import pytest
from smoke_scripted import answering, healthy, respond, scripted
from smoke_served import STAMP, Served

from castoff.model import SmokeCheck


def only(checks: dict[str, SmokeCheck]) -> SmokeCheck:
    """The one failure that stands for all."""
    [check] = checks.values()
    assert (check.id, check.ok) == ("health", False)
    assert check.detail.endswith("The other checks were not asked.")
    return check


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_nothing_listening_is_one_failure() -> None:
    url = f"http://localhost:{free_port()}"
    check = only(Served(url).ask(timeout=0.4))
    assert f"nothing answers at {url} (connection refused)" in check.detail
    assert "`inv status`" in check.detail
    assert 0.3 < check.seconds < 2


def test_a_host_that_is_unknown_is_one_failure() -> None:
    check = only(Served("http://nowhere.invalid").ask(timeout=0.2))
    assert "the host of http://nowhere.invalid is not known" in check.detail


def test_health_waits_for_the_first_answer() -> None:
    port = free_port()

    def late() -> None:
        time.sleep(0.5)
        listener = socket.create_server(("127.0.0.1", port))
        with listener:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(healthy())

    threading.Thread(target=late, daemon=True).start()
    checks = Served(f"http://localhost:{port}").ask(token=None)
    assert checks["health"].ok
    assert checks["health"].seconds > 0.4
    assert checks["stamp"].ok


def test_a_server_that_hangs_is_one_failure() -> None:
    with scripted(lambda stream, line, head: time.sleep(5)) as served:
        check = only(served.ask(timeout=0.3))
    assert "gave no whole answer in 0.3 s" in check.detail
    assert check.seconds < 2


def test_a_server_that_never_accepts_is_one_failure() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        check = only(Served(f"http://127.0.0.1:{port}").ask(timeout=0.3))
    assert "in 0.3 s" in check.detail


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff" * 100,
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"",
    ],
)
def test_garbage_is_one_failure(garbage: bytes) -> None:
    with scripted(lambda stream, line, head: stream.sendall(garbage)) as served:
        check = only(served.ask(timeout=2))
    assert "an answer that is broken" in check.detail
    assert "SSH" not in check.detail


def test_headers_that_trickle_without_end_do_not_hang_smoke() -> None:
    def trickle(stream: socket.socket, line: str, head: str) -> None:
        stream.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in itertools.count():
            stream.sendall(f"X-{number}: x\r\n".encode())
            time.sleep(0.02)

    with scripted(trickle) as served:
        began = time.monotonic()
        [check] = served.ask(timeout=0.2).values()
    assert "no end in 1.2 s" in check.detail
    assert time.monotonic() - began < 4


def test_a_body_without_end_is_cut_off() -> None:
    def endless(stream: socket.socket, line: str, head: str) -> None:
        if "/healthz" in line:
            stream.sendall(healthy())
            return
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            stream.sendall(b"<p>more</p>" * 10_000)

    with scripted(endless) as served:
        check = served.ask(token=None)["page:/"]
    assert "/ did not end after 5 MB" in check.detail


def test_a_body_that_trickles_is_cut_off() -> None:
    def trickle(stream: socket.socket, line: str, head: str) -> None:
        if "/healthz" in line:
            stream.sendall(healthy())
            return
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            stream.sendall(b"<p>")
            time.sleep(0.05)

    with scripted(trickle) as served:
        checks = served.ask(token=None, timeout=0.3)
    assert "/ gave no whole answer in 0.3 s" in checks["page:/"].detail


def test_a_page_that_hangs_does_not_keep_the_others_from_being_asked() -> None:
    def handle(path: str, head: str) -> bytes:
        if path == "/":
            time.sleep(3)
        return respond("404 Not Found")

    with answering(handle) as served:
        checks = served.ask(token=None, timeout=0.4)
    assert "in 0.4 s" in checks["page:/"].detail
    assert checks["not-found"].ok


def test_a_fault_of_ours_is_a_failed_check_and_no_traceback(
    good: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from castoff.smoke import pages

    def broken(site: object) -> str:
        raise KeyError("unforeseen")

    monkeypatch.setattr(pages, "not_found", broken)
    check = good.ask()["not-found"]
    assert not check.ok
    assert "the check itself failed: KeyError" in check.detail


def test_a_listener_that_raises_ends_the_questions(good: Served) -> None:
    from castoff.config import SmokeConfig
    from castoff.errors import Interrupted
    from castoff.smoke import ask

    def interrupt(check: SmokeCheck) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        ask(
            good.url,
            stamp=STAMP,
            token=None,
            options=SmokeConfig(),
            admin=None,
            on_check=interrupt,
        )


def test_a_cancelled_run_waits_for_no_page_that_hangs() -> None:
    from castoff.config import SmokeConfig
    from castoff.errors import Interrupted
    from castoff.smoke import ask

    def handle(stream: socket.socket, line: str, head: str) -> None:
        if "/healthz" in line:
            stream.sendall(healthy())
            return
        cancelled.set()
        time.sleep(5)

    cancelled = threading.Event()
    with scripted(handle) as served, pytest.raises(Interrupted):
        ask(
            served.url,
            stamp=STAMP,
            token=None,
            options=SmokeConfig(timeout=60),
            admin=None,
            on_check=lambda check: None,
            cancelled=cancelled,
        )


def test_a_proxy_of_the_environment_is_not_used_on_this_machine(
    good: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://localhost:9")
    assert good.ask()["health"].ok
