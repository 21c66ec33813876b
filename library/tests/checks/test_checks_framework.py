"""Silence, order, checks of a project's own, checks that crash."""

from collections.abc import Iterator

import pytest
from checks_shop import Shop, ids, texts

from castoff import checks
from castoff.checks import Facts, check, finding
from castoff.checks.app_facts import AppFacts
from castoff.errors import ExitCode, Interrupted, WrongInput
from castoff.model import Finding, Level

APP = AppFacts(python="3.12.1")


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    """What a test registers ends with it."""
    shop.check(app=APP)  # the families register once, when they are first imported
    monkeypatch.setattr(checks, "REGISTRY", list(checks.REGISTRY))


def test_a_silenced_finding_stays_in_the_report_and_does_not_stop(shop: Shop) -> None:
    shop.append("shop/settings.py", "DEBUG = True\nSECURE_HSTS_SECONDS = 0")
    reasons = {"E204": "a demo", "security.W004": "no TLS yet", "security.W018": "a demo"}
    shop.values = {"silence": reasons}
    report = shop.check()
    silenced = {one.id: one.silenced for one in report.findings if one.silenced}
    assert silenced == reasons
    assert not any(one.stops for one in report.findings)


@pytest.mark.parametrize(
    ("entry", "words"),
    [({"E2O4": "x"}, "Did you mean `E20"), ({"E999": "x"}, "no check"), ({"E204": " "}, "reason")],
)
def test_a_silence_that_silences_nothing_is_refused(
    shop: Shop, entry: dict[str, str], words: str
) -> None:
    shop.values = {"silence": entry}
    with pytest.raises(WrongInput) as caught:
        shop.check(app=APP)
    assert words in str(caught.value)
    assert f"castoff.silence.{next(iter(entry))}" in caught.value.what
    assert caught.value.code is ExitCode.WRONG_INPUT


def test_a_targets_own_ids_can_be_silenced(shop: Shop) -> None:
    shop.values = {"silence": {"E801": "not needed here"}}
    checks.run(shop.facts(app=APP), known=["E801"])
    found = checks.silence([finding("E801", "tool", "missing")], shop.config)
    assert found[0].silenced == "not needed here"


def test_a_project_adds_a_check_of_its_own(shop: Shop) -> None:
    @check("shop.W001", needs=["settings"])
    def stock_is_installed(facts: Facts) -> Iterator[Finding]:
        assert facts.app is not None and facts.app.settings is not None
        if "stock" in facts.app.settings.installed_apps:
            yield finding("shop.W001", "INSTALLED_APPS", "the stock is on")

    report = shop.check()
    assert ids(report) == {"shop.W001"}
    assert report.findings[-1].level is Level.WARNING
    assert "shop.W001" in shop.check(app=APP).not_looked


def test_errors_come_first_and_each_kind_by_id(shop: Shop) -> None:
    for id_ in ("W900", "E901", "W100", "E100"):

        @check(id_)
        def found(facts: Facts, id_: str = id_) -> list[Finding]:
            return [finding(id_, "here", "is it")]

    order = [one.id for one in shop.check(app=APP).findings]
    assert order == ["E100", "E901", "W100", "W102", "W900"]


def test_a_check_that_crashes_is_a_finding_and_no_traceback(shop: Shop) -> None:
    @check("E900")
    def broken(facts: Facts) -> list[Finding]:
        raise ZeroDivisionError("oh")

    report = shop.check(app=APP)
    assert ids(report) == {"E900"}
    assert "ZeroDivisionError: oh" in texts(report, "E900")
    assert "test_checks_framework.py:" in texts(report, "E900")


def test_an_interruption_is_not_swallowed(shop: Shop) -> None:
    @check("E900")
    def interrupted(facts: Facts) -> list[Finding]:
        raise Interrupted

    with pytest.raises(Interrupted):
        shop.check(app=APP)


@pytest.mark.parametrize("id_", ["X100", "E1", "shop.E", "E1000"])
def test_an_id_must_be_one(id_: str) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        check(id_)


def test_a_need_must_be_one() -> None:
    with pytest.raises(ValueError, match="no fact named setings"):
        check("E900", needs=["setings"])
