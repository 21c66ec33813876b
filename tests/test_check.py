"""`inv check`: what would break, before anything is changed."""

from checkout import Checkout

FIELDS = {"id", "level", "where", "message", "hint"}


def test_a_good_app_has_no_findings(app: Checkout) -> None:
    run = app.inv("check", "--json").must_end(0)
    assert run.result["ok"]
    assert run.of(app.target)["findings"] == []


def test_an_error_stops_with_its_id_and_fix_and_what_served_serves_on(app: Checkout) -> None:
    app.append("project/settings/production.py", "\nDEBUG = True\n")
    app.commit()
    run = app.inv("check", "--json").must_end(1)
    found = run.of(app.target)["findings"]
    assert all(one.keys() >= FIELDS for one in found)
    debug = next(one for one in found if one["where"] == "DEBUG")
    assert debug["level"] == "error"
    assert debug["hint"]
    error = run.of(app.target)["error"]
    assert all(error[part] for part in ("what", "state", "next"))
    assert app.serving == "v1"


def test_a_deploy_stops_at_the_same_error(app: Checkout) -> None:
    run = app.inv("deploy").must_end(1)
    assert "DEBUG" in run.out
    assert [one["id"] for one in app.releases()] == ["v1"]
    app.git("reset", "-q", "--hard", "HEAD~1")


def test_a_finding_can_be_silenced_with_a_reason(app: Checkout) -> None:
    app.append("project/settings/production.py", '\nSTATIC_URL = "assets/"\nDEBUG = True\n')
    first = app.inv("check", "--json").must_end(1).of(app.target)["findings"]
    ids = {one["id"] for one in first if one["level"] == "error"}
    app.configure(silence=dict.fromkeys(ids, "only a test"))
    run = app.inv("check", "--json").must_end(0)
    silenced = {one["id"]: one["silenced"] for one in run.of(app.target)["findings"]}
    assert {silenced[id_] for id_ in ids} == {"only a test"}
    app.git("checkout", "-q", ".")


def test_what_could_not_be_looked_at_is_told_by_check_and_spared_by_deploy(
    app: Checkout, fresh: Checkout
) -> None:
    run = fresh.inv("check").must_end(0)
    assert "not looked at: nothing serves there yet" in run.out
    assert "not looked at" not in app.first.out


def test_a_dry_check_without_a_virtualenv_makes_none(fresh: Checkout) -> None:
    run = fresh.inv("--dry", "check").must_end(0)
    assert "would run every check" in run.out
    assert not [*fresh.state_home.rglob("*")]


def test_when_check_and_build_fail_of_one_cause_the_summary_is_of_check(app: Checkout) -> None:
    app.append("project/settings/production.py", "\nnothing_of_this_name\n")
    run = app.inv("deploy", "--json").must_end(1)
    error = run.of(app.target)["error"]
    assert "E201" in error["what"]
    failed = [event["step"] for event in run.events if event["event"] == "failed"]
    assert failed == ["check"]
    notes = [event["text"] for event in run.events if event["event"] == "note"]
    assert any("build failed too" in text and "nothing_of_this_name" in text for text in notes)
    app.git("checkout", "-q", ".")
