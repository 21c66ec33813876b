"""Names that must be set, and values that must not be."""

import pytest
from checks_shop import Shop, ids, texts

from castoff.checks.app_facts import AppFacts
from castoff.model import Secret

GOOD = "k3-" + "pq0Zr7vNcXwLmTbY" * 4


@pytest.fixture
def app(environment: object) -> AppFacts:
    """An app of which nothing is known; no check of this file asks it."""
    return AppFacts(python="3.12.1")


def offered(**values: str) -> dict[str, Secret]:
    return {name: Secret(name, value) for name, value in values.items()}


def test_a_required_name_that_is_nowhere_stops(shop: Shop, app: AppFacts) -> None:
    shop.values = {"secrets": {"required": ["PAYMENT_KEY", "SECRET_KEY"], "env_file": ".env"}}
    report = shop.check(app=app)
    assert ids(report) == {"E701"}
    assert "PAYMENT_KEY is required and nowhere set" in texts(report, "E701")
    assert "a line PAYMENT_KEY=value" in texts(report, "E701")
    empty = shop.check(app=app, offered=offered(PAYMENT_KEY=""))
    assert "empty in the source of secrets" in texts(empty, "E701")
    assert ids(shop.check(app=app, offered=offered(PAYMENT_KEY=GOOD))) == set()
    assert ids(shop.check(app=app, set_names=frozenset({"PAYMENT_KEY"}))) == set()


@pytest.mark.parametrize(
    "value",
    [
        "replace-with-a-real-key",
        "Build-Only",
        "build-only-0123456789-0123456789-0123456789-0123456789",
        "django-insecure-" + GOOD,
        "changeme",
        "CHANGE_ME please",
        "<your key>",
        "your-api-key",
        "xxx",
        "todo",
        "...",
    ],
)
def test_a_placeholder_stops_and_is_not_shown(shop: Shop, app: AppFacts, value: str) -> None:
    report = shop.check(app=app, offered=offered(PAYMENT_KEY=value))
    assert ids(report) == {"E702"}
    assert value not in texts(report, "E702")


@pytest.mark.parametrize(
    "value", [GOOD, "buildings", "secretariat-7", "smtp.example.com", "0", "https://x.example/", ""]
)
def test_a_real_value_is_no_placeholder(shop: Shop, app: AppFacts, value: str) -> None:
    assert ids(shop.check(app=app, offered=offered(PAYMENT_KEY=value))) == set()


def test_a_weak_secret_key_stops(shop: Shop, app: AppFacts) -> None:
    for value in (GOOD[:49], "ab" * 40):
        report = shop.check(app=app, offered=offered(SECRET_KEY=value))
        assert ids(report) == {"E702"}
        assert value not in texts(report, "E702")
    assert ids(shop.check(app=app, offered=offered(SECRET_KEY=GOOD))) == set()
