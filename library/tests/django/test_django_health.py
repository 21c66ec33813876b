"""The health check is answered whatever the rest of the project thinks of the request."""

import pytest
from django_shop import TOKEN, Project


@pytest.fixture
def down(sqlite_shop: Project) -> Project:
    """A project whose database does not exist."""
    sqlite_shop.url = "postgresql://u:s3cret-pw@127.0.0.1:1/none"
    return sqlite_shop


def test_a_probe_with_an_ip_for_a_host_over_plain_http_gets_200(down: Project) -> None:
    with down.served(SECURE_SSL_REDIRECT="1") as site:
        for host in ("10.1.2.3:8000", "[::1]", "wrong.example", "bad_host!"):
            answer = site.ask("GET", "/healthz", host)
            assert (answer.status, answer.body) == (200, b"ok")
            assert answer.headers["X-Release"] == "a" * 40
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Content-Type"].startswith("text/plain")
        assert site.ask("HEAD", "/healthz", "10.1.2.3").body == b""
        assert site.ask("POST", "/healthz").status == 301
        assert site.ask("GET", "/").status == 301
        assert site.ask("GET", "/", "wrong.example").status == 400


def test_the_health_path_can_be_chosen(down: Project) -> None:
    with down.served(HEALTH_PATH="/up") as site:
        assert site.ask("GET", "/up").status == 200
        assert site.ask("GET", "/healthz").status == 404
        assert site.ask("GET", "/").body == b"home"


def test_a_missing_stamp_never_stops_the_app(down: Project) -> None:
    (down.folder / "release.json").unlink()
    with down.served() as site:
        answer = site.ask("GET", "/healthz")
    assert (answer.status, answer.headers["X-Release"]) == (200, "unknown")


def test_a_damaged_stamp_is_unknown_and_a_stamp_elsewhere_is_found_by_base_dir(
    down: Project,
) -> None:
    code, output = down.manage("shell", "-c", READ_STAMPS)
    assert code == 0, output
    assert output.split()[-9:] == ["a" * 40, *["unknown"] * 8]


READ_STAMPS = """
import os
from pathlib import Path
from castoff.django.stamp import stamp
file = Path("release.json").resolve()
os.chdir("/")
print(stamp().commit)
deep = b"[" * 100000
broken = [b"", b"[]", b"{", b"{}", deep, bytes([255]), b'{"commit": 3}', b'{"commit": "a b\\n"}']
for content in broken:
    file.write_bytes(content)
    stamp.cache_clear()
    print(stamp().commit)
"""


def test_the_middleware_answers_under_asgi_too(sqlite_shop: Project) -> None:
    sqlite_shop.release()
    (sqlite_shop.folder / "ask.py").write_text(ASK_ASGI)
    code, output = sqlite_shop.manage("shell", "-c", "import asyncio, ask; asyncio.run(ask.main())")
    assert code == 0, output
    assert output.split()[-4:] == ["200", "200", "200", "404"], output


ASK_ASGI = f"""
from django.test import AsyncClient

async def main():
    client = AsyncClient()
    print((await client.get("/healthz")).status_code)
    print((await client.get("/")).status_code)
    for token in ({TOKEN!r}, "wrong" * 10):
        headers = {{"authorization": "Bearer " + token}}
        print((await client.post("/-/castoff/probe", headers=headers)).status_code)
"""
