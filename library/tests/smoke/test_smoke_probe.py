"""The probe: what it tells is judged, and what it does not tell is explained."""

import json
import os

import pytest
from smoke_scripted import answering, respond
from smoke_served import STAMP, TOKEN, Certificates, Serve, Served, Site

from castoff.errors import StepError
from castoff.model import Secret
from castoff.smoke import probe


def test_probe_returns_all_that_the_release_tells(good: Served) -> None:
    answer = probe(good.url, TOKEN, 5)
    assert answer
    assert answer.release.commit == STAMP
    assert answer.url == f"{good.url}/"
    assert not answer.is_secure
    assert answer.admin == "/admin/"
    assert answer.database.vendor == "postgresql"
    assert answer.migrations.pending == ()
    [row] = answer.ledger
    assert row.commit == STAMP
    assert "castoff.0001_initial" in row.known
    assert row.at.tzinfo


def test_another_token_gets_nothing(good: Served) -> None:
    other = Secret("CASTOFF_PROBE_TOKEN", "another-token-0123456789-0123456789-ü")
    assert probe(good.url, other, 5) is None
    check = good.ask(token=other)["probe"]
    assert "the probe answered 404" in check.detail
    assert "`inv secrets`" in check.detail


def test_migrations_that_were_not_applied_are_named(site: Site, serve: Serve) -> None:
    url = site.server.create_database(f"pending{os.getpid()}")
    site.manage("migrate", "castoff", database=url)
    check = serve(database=url).ask()["probe"]
    assert "migrations that are not applied (" in check.detail
    assert "): contenttypes.0001_initial, " in check.detail
    assert "`manage.py release`" in check.detail


def test_a_database_that_is_down_is_explained(serve: Serve) -> None:
    served = serve(database="postgresql://nobody@/missing?host=/nonexistent")
    check = served.ask()["probe"]
    assert "503: no connection to the database" in check.detail
    assert "cannot use its database" in check.detail
    with pytest.raises(StepError) as caught:
        probe(served.url, TOKEN, 5)
    assert "503: no connection to the database" in caught.value.what
    assert caught.value.next


def test_a_database_that_was_never_migrated_is_explained(site: Site, serve: Serve) -> None:
    url = site.server.create_database(f"empty{os.getpid()}")
    assert "has `manage.py release` run?" in serve(database=url).ask()["probe"].detail


def test_an_edge_that_changes_the_host_is_found(serve: Serve) -> None:
    served = serve("edge-changes-host")
    check = served.ask()["probe"]
    assert f"takes http://inside:1234/ for its URL, and not {served.url}" in check.detail


def test_an_edge_that_hides_https_is_found(site: Site, certificates: Certificates) -> None:
    with site.served("edge-hides-https", certificate=certificates.issue()) as served:
        checks = served.ask()
    assert "takes the request for http (http://localhost:" in checks["probe"].detail
    assert "X-Forwarded-Proto" in checks["probe"].detail
    assert "a redirect to itself, without end" in checks["page:/"].detail
    assert "SECURE_PROXY_SSL_HEADER" in checks["page:/"].detail


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b"[]", b"\xff\xfe", b'{"release": 1}', b"[" * 100_000]
)
def test_an_answer_that_is_not_a_probes_is_refused(body: bytes) -> None:
    with answering(lambda path, head: respond(body=body)) as served:
        assert "not the one of castoff's probe" in served.ask()["probe"].detail
        with pytest.raises(StepError, match="not the one of castoff's probe"):
            probe(served.url, TOKEN, 5)


def test_a_503_of_the_edge_is_not_taken_for_the_probes() -> None:
    with answering(lambda path, head: respond("503 Unavailable")) as served:
        assert "maintenance" in served.ask()["probe"].detail


def test_nothing_running_is_a_step_error() -> None:
    with pytest.raises(StepError, match="nothing answers at http://localhost:9"):
        probe("http://localhost:9", TOKEN, 1)


def test_the_token_is_not_shown_when_a_server_sends_it_back() -> None:
    def answer(path: str, head: str) -> bytes:
        if path != "/-/castoff/probe":
            return respond()
        body = json.dumps({"error": f"x{head}"}).encode()
        return respond("503 Unavailable", body, Location=head.replace("\r\n", " "))

    with answering(answer) as served:
        detail = served.ask()["probe"].detail
    assert TOKEN.reveal() not in detail
    assert TOKEN.reveal()[:12] not in detail


@pytest.mark.parametrize("value", ["one\ntwo" + "x" * 40, "one\x00two" + "y" * 40])
def test_a_token_that_no_header_can_carry_is_not_shown(good: Served, value: str) -> None:
    detail = good.ask(token=Secret("CASTOFF_PROBE_TOKEN", value))["probe"].detail
    assert value not in detail
    assert "two" not in detail
