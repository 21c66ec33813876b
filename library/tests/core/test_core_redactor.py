"""A secret is hidden in every form in which programs print it, and nothing else is."""

import base64
import copy
import html
import json
import os
import pickle
import secrets
import threading
import time
from urllib.parse import quote, quote_plus

import pytest

from castoff.model import Secret, digest
from castoff.redactor import HIDDEN, Redactor

AWKWARD = [
    "q'uo\"te#d$HOME\\n\\",
    "first line\nsecond line\r\nthird line",
    "\u00a0no-break\u2028separator\u0085nel",
    "emoji \U0001f600 and \u00e9\u00df",
    os.fsdecode(b"bytes \xff\xfe of no text"),
    "lone \ud800 surrogate",
    "  spaces around  ",
    "<html> & 'quotes'",
    "tab\tand\x1b[31m escape",
    "percent%20%s {brace} [bracket]",
]


def forms(value: str) -> dict[str, str]:
    printed = value.encode("utf-8", "replace" if "\ud800" in value else "surrogateescape")
    shown = printed.decode("utf-8", "replace")
    return {
        "as it is": value,
        "as a child prints it": shown,
        "JSON": json.dumps(value)[1:-1],
        "JSON in UTF-8": json.dumps(shown, ensure_ascii=False)[1:-1],
        "repr": repr(value)[1:-1],
        "repr of bytes": repr(printed)[2:-1],
        "URL": quote(printed),
        "URL, slashes too": quote(printed, safe=""),
        "form": quote_plus(printed),
        "HTML": html.escape(shown),
        "base64": base64.b64encode(printed).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(printed).decode(),
    }


@pytest.mark.parametrize("value", AWKWARD)
def test_an_awkward_value_is_hidden_in_every_form(value: str) -> None:
    redactor = Redactor()
    redactor.add("NAME", value)
    for form, text in forms(value).items():
        answer = redactor.redact(f"before {text} after")
        assert " ".join(answer.split()) == f"before {HIDDEN} after", form


def test_a_value_of_several_lines_is_hidden_line_by_line() -> None:
    redactor = Redactor()
    value = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQE\n-----END KEY-----"
    redactor.add("KEY", value)
    for line in value.split("\n"):
        assert redactor.redact(f"read: {line}") == f"read: {HIDDEN}"


@pytest.mark.parametrize(
    ("password", "decoded"), [("hunter2hunter2", "hunter2hunter2"), ("p%40ss%2Fw0rd", "p@ss/w0rd")]
)
def test_the_password_of_a_url_is_hidden_by_itself(password: str, decoded: str) -> None:
    redactor = Redactor()
    redactor.add("DATABASE_URL", f"postgresql://rosa:{password}@db.example.org/shop")
    assert password not in redactor.redact(f"password {password} was refused for rosa")
    assert decoded not in redactor.redact(f"password {decoded} was refused for rosa")
    assert "rosa" in redactor.redact("password was refused for rosa")


def test_secrets_that_hold_or_overlap_each_other_leave_nothing() -> None:
    redactor = Redactor()
    for name, value in {"A": "alpha-beta", "B": "alpha-beta-gamma", "C": "gamma-delta"}.items():
        redactor.add(name, value)
    assert redactor.redact("x alpha-beta-gamma-delta y alpha-beta z") == f"x {HIDDEN} y {HIDDEN} z"


@pytest.mark.parametrize("value", ["1", "true", "en", "0", "yes", "production", "localhost"])
def test_a_short_or_common_value_spoils_no_output(value: str) -> None:
    redactor = Redactor()
    redactor.add("FLAG", value)
    line = f"release v{value} at http://{value}:8000 is true, 1 of 10, in production, en-GB"
    assert redactor.redact(line) == line


def test_a_short_value_is_hidden_beside_its_name_as_a_word() -> None:
    redactor = Redactor()
    redactor.add("PIN", "1234")
    assert redactor.redact("PIN=1234 on port 12345") == f"PIN={HIDDEN} on port 12345"


@pytest.mark.parametrize("value", ["", " ", "\n", "redacted", "[redacted]"])
def test_odd_values_do_no_harm(value: str) -> None:
    redactor = Redactor()
    redactor.add("", value)
    redactor.add("NAME", value)
    redactor.add("OTHER", "other-secret")
    assert redactor.redact("an other-secret here") == f"an {HIDDEN} here"


def test_secrets_may_be_added_while_others_are_hidden() -> None:
    redactor = Redactor()
    failed: list[Exception] = []

    def add(start: int) -> None:
        try:
            for number in range(100):
                redactor.add(f"N{start}", f"s{start}{number}")
                redactor.redact(f"N{start} some line")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=add, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_hundred_secrets_are_looked_for_in_megabytes_of_lines_in_seconds() -> None:
    redactor = Redactor()
    for number in range(100):
        redactor.add(f"SECRET_{number}", secrets.token_urlsafe(24) + "é\"'\n\\ $" + "x" * 24)
    line = "2026-11-21 12:00:00 INFO django.server GET /players/12/ 200 in 0.012 seconds x"
    began = time.process_time()
    for _ in range(37_500):  # three megabytes
        redactor.redact(line)
    assert time.process_time() - began < 3
    began = time.process_time()
    redactor.redact(line * 37_500)
    assert time.process_time() - began < 3


def test_a_secret_hides_itself() -> None:
    secret = Secret("NAME", "very-secret-value")
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", format(secret)):
        assert shown.strip() == "Secret(NAME)"
    assert "very-secret" not in repr([secret, {"x": secret}])
    for store in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not copied, pickled"):
            store(secret)
    assert secret.reveal() == "very-secret-value"


@pytest.mark.parametrize("value", ["", "1", "very-secret-value", *AWKWARD[:5]])
def test_a_digest_changes_with_the_value_and_shows_nothing_of_it(value: str) -> None:
    first = digest("NAME", value)
    assert first == digest("NAME", value) == Secret("NAME", value).digest
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert len({first, digest("NAME", value + "x"), digest("OTHER", value)}) == 3
