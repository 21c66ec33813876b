"""Secrets that git tracks, and what the context of an image would carry, in real repositories."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checks_shop import Shop, texts
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from castoff import checks
from castoff.checks.app_facts import AppFacts
from castoff.checks.tracked import scan
from castoff.model import Secret

REPOSITORY = Path(__file__).resolve().parents[3]
# In parts, so that they are no secrets here.
GITHUB = "ghp_" + "R7kD2mX9vB4nQ1zL8wT5yH3cJ6fS0aP2eUgV"
STRIPE = "sk_live_" + "51H8xJ2eZvKYlo2CqT7mXpR4nB9wD6sF1gL3kV5yA"
VALUE = "q8Zr" + "W2xLm5TnB7vKc9Hd4JfS"
PASSWORD = "Wq83" + "hdks-lQ9"
DATABASE = f"postgres://shop:{PASSWORD}@db.shop.net:5432/shop"
PGDUMP = b"PGDMP\x01\x0e\x00\x04\x08"
SQLITE = b"SQLite format 3\0" + bytes(100)


def key() -> str:
    """A private key, made now."""
    made = Ed25519PrivateKey.generate()
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def told(shop: Shop, id_: str = "E105", offered: dict[str, Secret] | None = None) -> str:
    """What a check says of the project as it is committed now; the app is not looked at."""
    shop.commit()
    facts = shop.facts(app=AppFacts("3.13.0"), offered=offered or {})
    return texts(checks.run(facts), id_)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("shop/mail.py", f'KEY = "{GITHUB}"\n', "shop/mail.py:1: "),
        ("deploy/notes.md", f"The key is\n{STRIPE}\n", "deploy/notes.md:2: "),
        ("shop/live.py", f'URL = "{DATABASE}"\n', "shop/live.py:1: "),
        (".env", "MAIL_URL=smtp://mail.example.com\n", "git rm --cached .env"),
        ("config/.env.production", "DEBUG=0\n", "config/.env.production: "),
    ],
)
def test_a_tracked_secret_stops_and_is_not_shown(
    shop: Shop, path: str, text: str, said: str
) -> None:
    shop.write(path, text)
    assert said in told(shop)
    assert not any(value in told(shop) for value in (GITHUB, STRIPE, PASSWORD))


def test_a_tracked_private_key_stops(shop: Shop) -> None:
    shop.write("deploy/server.pem", key())
    assert "private-key in line 1" in told(shop)


def test_a_value_of_the_source_of_secrets_stops_in_whatever_file(shop: Shop) -> None:
    offered = {
        "MAIL_KEY": Secret("MAIL_KEY", VALUE),
        "REPORTS_URL": Secret("REPORTS_URL", DATABASE),
        "REGION": Secret("REGION", "eu-central-1"),
        "MAIL_HOST": Secret("MAIL_HOST", "smtp.mailhost.net"),
        "PAGE_TOKEN_LENGTH": Secret("PAGE_TOKEN_LENGTH", "10000000"),
    }
    shop.write("shop/mail.py", f"# {VALUE}\n")
    shop.write("shop/data.txt", f"password: {PASSWORD}\n")
    shop.write(
        "shop/aws.py", "REGIONS = ['eu-central-1']\nHOST = 'smtp.mailhost.net'\nN = 10000000\n"
    )
    said = told(shop, offered=offered)
    assert "the value of MAIL_KEY" in said and "the value of REPORTS_URL" in said
    assert "aws.py" not in said
    assert VALUE not in said and PASSWORD not in said


def test_what_is_meant_to_be_seen_is_no_secret(shop: Shop) -> None:
    shop.write(".env.example", "SECRET_KEY=put-your-own-here\n")
    shop.write("api/.env", "# nothing yet\nMAIL_URL=\n")
    shop.write("shop/local.py", f'URL = "postgres://shop:{PASSWORD}@127.0.0.1:5432/shop"\n')
    shop.write("shop/compose.py", f'URL = "postgres://shop:{PASSWORD}@db:5432/shop"\n')
    shop.write("shop/mail.py", f'KEY = "{GITHUB}"  # kingfisher:ignore, revoked in 2024\n')
    shop.write("shop/icon.bin", b"\0" + GITHUB.encode())
    assert told(shop) == ""


def test_nothing_is_found_in_the_sample_s_own_repository(tmp_path: Path) -> None:
    words = ["git", "ls-files", "-z"]
    listed = subprocess.run(words, cwd=REPOSITORY, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, tmp_path / name)
    assert (tmp_path / "manage.py").is_file()
    assert scan(tmp_path, {}) == ()


def test_without_the_detector_the_check_says_that_it_did_not_look(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['kingfisher_sdk'] = None\n"
        "from pathlib import Path\n"
        "from castoff.steps.check import _tracked\n"
        "print(_tracked(Path('.'), {}))"
    )
    argv = [sys.executable, "-c", code]
    said = subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "kingfisher-secret-scanner is not installed" in said


IGNORE = "*\n!shop\n!manage.py\n"


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        (".env", b"SECRET=1\n", "an env file"),
        ("id_rsa", b"whatever is in it\n", "a private key"),
        ("data/shop.pgdump", PGDUMP, "a database dump"),
        ("db.sqlite3", SQLITE, "a database"),
        ("backup.sql.gz", b"\x1f\x8b", "a database dump"),
        ("venv/pyvenv.cfg", b"home = /usr/bin\n", "a virtualenv"),
    ],
)
def test_what_the_context_would_carry_stops_unless_dockerignore_keeps_it_out(
    shop: Shop, path: str, content: bytes, kind: str
) -> None:
    shop.write(path, content)
    assert told(shop, "E301") == ""
    shop.write("Dockerfile", "FROM python:3.13-slim\nCOPY . .\n")
    assert f"{kind} would be in the build's context ({path})" in told(shop, "E301")
    shop.write(".dockerignore", IGNORE)
    assert told(shop, "E301") == ""
    shop.write(f"shop/{path}", content)
    assert f"(shop/{path})" in told(shop, "E301")
    shop.write("Dockerfile.dockerignore", "*\n!manage.py\n")  # BuildKit takes it instead
    assert told(shop, "E301") == ""


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        ("FROM python:3.13-slim AS build\nFROM build\n", ""),
        ("FROM scratch\nFROM debian:bookworm-slim\n", ""),
        ("FROM python@sha256:0123456789abcdef\n", ""),
        ("ARG PYTHON=3.13\nFROM python:${PYTHON}-slim\n", ""),
        ("ARG BASE\nFROM $BASE\n", ""),
        ("FROM registry.example:5000/python:3.13\n", ""),
        ("FROM python\n", "Dockerfile:1: FROM python is another image"),
        ("from --platform=linux/amd64 python:slim as x\n", "FROM python:slim is another image"),
        ("# base\nFROM python:3-slim\n", "Dockerfile:2: FROM python:3-slim is another image"),
        ("FROM registry.example:5000/base:latest\n", "is another image"),
        ("FROM python:3.8-slim\n", "Python 3.8 gets no security fixes since October 2024"),
    ],
)
def test_a_base_image_that_changes_or_is_too_old_is_told(
    shop: Shop, dockerfile: str, said: str
) -> None:
    shop.write("Dockerfile", dockerfile)
    text = told(shop, "W306")
    assert said in text and bool(said) == bool(text)


def test_what_the_audit_finds_can_be_silenced_like_the_rest(shop: Shop) -> None:
    shop.values = {"silence": dict.fromkeys(("E105", "E301", *checks.AUDITED), "not here")}
    shop.write(".env", "SECRET=1\n")
    shop.write("Dockerfile", "FROM python:3.13-slim\n")
    report = shop.check()
    silenced = {one.id for one in report.findings if one.silenced}
    assert silenced == {"E105", "E301"}
