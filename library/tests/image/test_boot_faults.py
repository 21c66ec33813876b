"""An image with a fault does not pass its boot test, and the error says what and what to do."""

import re

import pytest
from boot_project import BootProject

from castoff.errors import StepError
from castoff.image.boot import verdict
from castoff.image.model import Image


def fails(booting: BootProject, fault: str, sample: str = "", **changes: object) -> StepError:
    """Boot the image of a fixture project; return the error that it must end with."""
    image = booting.faulty(fault, sample)
    with pytest.raises(StepError) as caught:
        booting.boot(image, **changes)
    assert caught.value.state == verdict.STATE
    return caught.value


def test_a_server_that_ends_at_once_is_told_with_its_exit_code_and_last_words(
    booting: BootProject,
) -> None:
    error = fails(booting, "exits")
    assert "the server ended with exit code 1" in error.what
    assert "no REDIS_URL beside [redacted]" in error.what


def test_a_start_command_that_is_not_in_the_image_is_told(booting: BootProject) -> None:
    image = booting.faulty("missing")
    with pytest.raises(StepError, match="gunicorn") as caught:
        booting.boot(image)
    assert "not found" in caught.value.what
    assert "CMD" in caught.value.next


def test_a_server_that_listens_on_loopback_is_told_where_to_bind(booting: BootProject) -> None:
    error = fails(booting, "loopback")
    assert "listens on 127.0.0.1:8000 only" in error.what
    assert "0.0.0.0:8000" in error.next


def test_that_is_told_too_where_the_engine_is_in_a_virtual_machine(
    booting: BootProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("castoff.image.boot.network._is_here", lambda network: False)
    assert "listens on 127.0.0.1:8000 only" in fails(booting, "loopback").what


def test_a_server_that_listens_on_another_port_is_told_which(
    booting: BootProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("castoff.image.boot.come_up.STRAY", 1.0)
    error = fails(booting, "other_port")
    assert "listens on 0.0.0.0:5000, and its platform asks port 8000" in error.what
    assert "PORT" in error.next


def test_a_server_that_is_never_ready_is_told_what_it_answered(booting: BootProject) -> None:
    error = fails(booting, "slow", boot_seconds=2.0)
    assert "not healthy within 2 s: /healthz answered 503" in error.what
    assert "boot_timeout" in error.next


def test_a_server_that_does_not_listen_at_all_is_told_so(
    booting: BootProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("castoff.image.boot.come_up.STRAY", 0.5)
    error = fails(booting, "idles", boot_seconds=3.0)
    assert "not healthy within 3 s: nothing listens on port 8000" in error.what


def test_a_server_that_takes_all_its_memory_is_told_the_limit(booting: BootProject) -> None:
    error = fails(booting, "leaks", memory_mb=64)
    assert "more than its 64 MiB of memory" in error.what
    assert "exit code 137 (SIGKILL)" in error.what
    assert "loading the model" in error.what
    assert error.next == verdict.MORE_MEMORY


def test_a_server_that_grows_with_each_request_is_told_the_limit(
    booting: BootProject, sample: Image
) -> None:
    error = fails(booting, "grows", sample.tag, memory_mb=192)
    assert "more than its 192 MiB of memory" in error.what
    assert error.next == verdict.MORE_MEMORY


def test_a_server_that_writes_to_its_root_is_told_where_to_write(booting: BootProject) -> None:
    error = fails(booting, "writes")
    assert "writes to the image's own files" in error.what
    assert "Read-only file system: '/app/uploads'" in error.what
    assert "/tmp" in error.next


def test_a_page_that_writes_to_the_root_is_told_with_its_answer(
    booting: BootProject, sample: Image
) -> None:
    error = fails(booting, "breaks", sample.tag)
    assert "writes to the image's own files" in error.what
    assert "page:/: / got an answer that is broken" in error.what
    assert error.next == verdict.WRITE_ELSEWHERE


def test_an_app_that_goes_on_without_what_it_cannot_write_passes_with_a_note(
    booting: BootProject, sample: Image
) -> None:
    booted = booting.boot(booting.faulty("tries", sample.tag))
    assert "Read-only file system: '/app/cache'" in booted.wrote


def test_a_release_command_that_fails_is_told_with_its_last_words(booting: BootProject) -> None:
    error = fails(booting, "fails_release")
    assert "the release command `python manage.py release` ended with exit code 1" in error.what
    assert "relation rummy_game does not exist" in error.what


def test_an_image_of_another_commit_than_it_says_is_told(
    booting: BootProject, sample: Image
) -> None:
    error = fails(booting, "other_stamp", sample.tag)
    assert re.search(r"stamp: [0-9a-f]{40} answers, and not [0-9a-f]{40}", error.what)
    assert "release.json" in error.next


def test_a_server_that_does_not_hear_sigterm_is_told_how_to_start_it(
    booting: BootProject, sample: Image
) -> None:
    error = fails(booting, "deaf", sample.tag, stop_seconds=1.0)
    assert "did not end on SIGTERM" in error.what
    assert "exec" in error.next


def test_a_server_that_drops_the_requests_under_way_is_told_how_many(
    booting: BootProject, sample: Image
) -> None:
    error = fails(booting, "drops", sample.tag)
    assert "did not finish its requests; requests lost:" in error.what
    assert error.next == verdict.UNGRACEFUL
