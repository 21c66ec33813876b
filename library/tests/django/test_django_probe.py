"""The probe: what it tells those with the token, and that it tells nobody else."""

from pathlib import Path

import pytest
from django_shop import TOKEN, Project


def test_the_probe_writes_reads_and_tells_what_runs(shop: Project) -> None:
    shop.migration("0001_initial", "", app="ashop")
    shop.release(CASTOFF_BY="ann@example.org")
    shop.migration("0002_later", "", after="0001_initial")
    with shop.served() as site:
        answer = site.probe()
        again = site.probe()
    assert (answer.status, again.status) == (200, 200)
    assert answer.headers["Cache-Control"] == "no-store"
    seen = answer.json
    assert seen["release"] == {
        "commit": "a" * 40,
        "committed_at": "2026-01-02T03:04:05+00:00",
        "version": "1.2",
    }
    assert {"castoff.0001_initial", "shop.0001_initial"} <= set(seen["migrations"]["applied"])
    assert seen["migrations"]["pending"] == ["shop.0002_later"]
    assert (seen["url"], seen["is_secure"]) == ("http://shop.example/", False)
    assert seen["database"]["vendor"] == "postgresql"
    assert 0 < seen["database"]["latency_ms"] < 1000
    assert seen["database"]["written"] is True
    [row] = seen["ledger"]
    assert set(row) == {"commit", "known", "applied", "verdict", "who", "at"}
    assert (row["commit"], row["who"], row["verdict"]) == ("a" * 40, "ann@example.org", "")
    assert shop.query("SELECT count(*) FROM castoff_probe_mark") == [(1,)]
    [(number,)] = shop.query("SELECT current_setting('server_version_num')::int")
    assert seen["database"]["version"] == f"{number // 10000}.{number % 10000}"


def test_without_the_token_there_is_nothing_there(shop: Project) -> None:
    shop.release()
    with shop.served() as site:
        wrong: list[str | bytes] = ["", "t" * 39, "t" * 41, "caf\u00e9" * 10, b"\xff\xfe" * 20]
        answers = [site.probe(token) for token in wrong]
        answers.append(site.ask("POST", "/-/castoff/probe"))
        answers.append(site.ask("POST", "/-/castoff/probe", Authorization=f"Basic {TOKEN}"))
        for method in ("GET", "HEAD", "PUT", "OPTIONS"):
            given = f"Bearer {TOKEN}"
            answers.append(site.ask(method, "/-/castoff/probe", Authorization=given))
    assert {answer.status for answer in answers} == {404}
    assert {answer.body for answer in answers} == {b"Not Found", b""}
    assert shop.query("SELECT count(*) FROM castoff_probe_mark") == [(0,)]


@pytest.mark.parametrize("token", ["", "short-token"])
def test_the_probe_is_off_without_a_long_token(sqlite_shop: Project, token: str) -> None:
    with sqlite_shop.served(CASTOFF_PROBE_TOKEN=token) as site:
        assert site.probe(token).status == 404


def test_a_host_that_is_not_allowed_is_told_and_not_refused(sqlite_shop: Project) -> None:
    sqlite_shop.release()
    with sqlite_shop.served(SECURE_SSL_REDIRECT="1") as site:
        answer = site.probe(host="10.1.2.3:8000")
    assert answer.status == 200
    assert answer.json["url"] is None
    assert "10.1.2.3:8000" in answer.json["url_error"]


def test_a_database_that_is_down_gives_503_and_no_address(sqlite_shop: Project) -> None:
    sqlite_shop.url = "postgresql://sam:s3cret-pw@127.0.0.1:1/ledgerdb"
    for pool in ({}, {"POOL": "1"}):
        with sqlite_shop.served(**pool) as site:
            answer = site.probe()
        assert answer.status == 503
        assert answer.json["release"]["commit"] == "a" * 40
        assert "no connection" in answer.json["error"]
        for secret in (b"s3cret-pw", b"sam", b"127.0.0.1", b"ledgerdb"):
            assert secret not in answer.body


def test_a_database_without_the_tables_gives_503(shop: Project) -> None:
    with shop.served() as site:
        answer = site.probe()
        assert answer.status == 503
        assert "manage.py release" in answer.json["error"]
        shop.release()
        assert site.probe().status == 200


def test_the_probe_works_through_a_pool_more_often_than_the_pool_is_large(shop: Project) -> None:
    shop.release(POOL="1")
    with shop.served(POOL="1") as site:
        assert [site.probe().status for _ in range(6)] == [200] * 6


def test_sqlite_answers_too(sqlite_shop: Project, tmp_path: Path) -> None:
    output = sqlite_shop.release()
    assert "no lock" in output
    with sqlite_shop.served() as site:
        seen = site.probe().json
    assert seen["database"]["vendor"] == "sqlite"
    assert seen["ledger"][0]["applied"]
    assert "nothing to do" in sqlite_shop.release()
