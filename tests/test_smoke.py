"""`inv smoke`: proof that the released code serves, and what is wrong when it does not."""

from checkout import Checkout
from faults import page

CHECKS = {"health", "stamp", "page:/", "not-found", "static", "admin", "form", "probe"}


def test_every_answer_has_an_id_a_time_and_a_detail(app: Checkout) -> None:
    run = app.inv("smoke", "--json").must_end(0)
    found = run.of(app.target)
    assert set(found) == {"ok", "url", "release", "seconds", "error", "checks"}
    assert found["release"]["id"] == "v1"
    assert {one["id"] for one in found["checks"]} >= CHECKS
    for one in found["checks"]:
        assert set(one) == {"id", "ok", "detail", "seconds"}
        assert one["ok"] is True


def test_each_answer_is_a_line_for_a_person(app: Checkout) -> None:
    run = app.inv("smoke").must_end(0)
    for id_ in CHECKS:
        assert f"✓ {id_}:" in run.out


def test_a_dry_smoke_asks_nothing(app: Checkout) -> None:
    run = app.inv("--dry", "smoke").must_end(0)
    assert f"would ask {app.url}" in run.out


def test_before_the_first_deploy_it_says_what_makes_one(fresh: Checkout) -> None:
    run = fresh.inv("smoke").must_end(1)
    assert "no release serves on local" in run.out
    assert f"`inv deploy --target={fresh.target}`" in run.out


def test_a_page_that_breaks_later_is_named_with_what_to_look_at(app: Checkout) -> None:
    page(
        app,
        "",
        'if os.path.exists("/proc/self/root" + os.environ["BREAK"]):\n'
        '    raise RuntimeError("broken on purpose")\n'
        "from project.leaderboard.views import all_time\n\n"
        "return all_time(request)",
    )
    flag = app.root.parent / "break"
    app.append(".gitignore", "app.env\n")
    app.write("app.env", f"BREAK={flag}\n")
    app.configure(secrets={"env_file": "app.env"})
    app.commit()
    app.inv("deploy").must_end(0)
    flag.touch()
    run = app.inv("smoke", "--json").must_end(1)
    found = run.of(app.target)
    wrong = [one for one in found["checks"] if not one["ok"]]
    assert "page:/" in {one["id"] for one in wrong}
    assert all(one["detail"] for one in wrong)
    assert "page:/" in found["error"]["what"]
    assert found["error"]["state"] == f"v2 serves at {found['url']}."
    assert "inv logs" in found["error"]["next"]
    assert "broken on purpose" in app.inv("logs").text
    flag.unlink()


def test_after_a_stop_it_says_that_nothing_serves(app: Checkout) -> None:
    app.inv("stop").must_end(0)
    run = app.inv("smoke", "--json").must_end(1)
    assert run.of(app.target)["error"]["state"].startswith("Nothing serves: v")
