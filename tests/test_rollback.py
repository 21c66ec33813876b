"""`inv rollback`: the code of an earlier release, where the schema allows it."""

from checkout import Checkout
from faults import add_column, broken_home, drop_column


def test_with_nothing_to_go_back_to_it_says_so(app: Checkout) -> None:
    run = app.inv("rollback").must_end(1)
    assert "there is no earlier release to go back to" in run.out
    assert app.serving == "v1"


def test_the_release_before_serves_again(app: Checkout) -> None:
    commits = [app.head, _release(app, "second"), _release(app, "third")]
    dry = app.inv("--dry", "rollback").must_end(0)
    assert "would put the code of v2 live" in dry.out
    assert app.serving == "v3"
    run = app.inv("rollback", "--json").must_end(0)
    assert run.of(app.target)["release"]["id"] == "v4"
    assert run.of(app.target)["release"]["commit"] == commits[1]
    assert app.stamp == commits[1]
    assert app.releases()[0]["note"] == "rollback to v2"


def test_a_second_rollback_goes_further_back_and_a_third_has_nowhere_to_go(app: Checkout) -> None:
    app.inv("rollback").must_end(0)
    assert app.releases()[0]["note"] == "rollback to v1"
    assert app.stamp == app.releases()[-1]["commit"]
    run = app.inv("rollback").must_end(1)
    assert "there is no earlier release to go back to" in run.out


def test_a_release_is_gone_back_to_by_its_id(app: Checkout) -> None:
    assert "nothing to do" in app.inv("rollback", "--to=v5").must_end(0).out
    app.inv("rollback", "--to=v3").must_end(0)
    assert app.stamp == app.head


def test_an_unknown_id_is_answered_with_those_that_served(app: Checkout) -> None:
    run = app.inv("rollback", "--to=v99").must_end(2)
    assert "--to=v99: there is no such release that served" in run.out
    assert "v3" in run.out
    assert app.stamp == app.head


def test_a_rollback_is_undone_by_the_next_deploy(app: Checkout) -> None:
    app.inv("rollback").must_end(0)
    app.inv("deploy").must_end(0)
    assert app.stamp == app.head


def test_going_back_behind_a_new_nullable_column_is_allowed(app: Checkout) -> None:
    before = app.stamp
    add_column(app, 2)
    app.commit()
    app.inv("deploy").must_end(0)
    app.inv("rollback").must_end(0)
    assert app.stamp == before
    assert app.get("/").status == 200
    app.inv("deploy").must_end(0)


def test_going_back_behind_a_dropped_column_is_refused(app: Checkout) -> None:
    drop_column(app, 3)
    app.commit()
    app.inv("deploy").must_end(0)
    now = app.serving
    run = app.inv("rollback", "--json").must_end(1)
    error = run.of(app.target)["error"]
    assert "leaderboard.0003_test" in error["what"]
    assert "nickname" in error["what"]
    assert f"{now} serves at" in error["state"]
    assert "--accept=leaderboard.0003_test" in error["next"]
    assert app.serving == now


def test_it_is_done_all_the_same_when_the_migration_is_accepted_by_name(app: Checkout) -> None:
    refused = app.inv("rollback").must_end(1)
    line = next(line for line in refused.out.splitlines() if "--accept=" in line)
    command = line[line.index("`inv ") + 5 :].rstrip("`.")
    app.inv(*command.split()).must_end(0)
    assert app.stamp == app.git("rev-parse", "HEAD~1")


def test_after_a_stop_it_says_why_it_cannot_know_and_what_serves(app: Checkout) -> None:
    app.inv("stop").must_end(0)
    run = app.inv("rollback").must_end(1)
    assert "nothing answers the probe" in run.out
    assert "Nothing serves" in run.out
    app.inv("deploy").must_end(0)


def test_a_rollback_to_code_that_fails_its_smoke_test_needs_a_person(app: Checkout) -> None:
    broken_home(app)
    app.commit()
    app.inv("deploy").must_end(1)
    broken = app.releases()[1]
    run = app.inv("rollback", f"--to={broken['id']}").must_end(3)
    assert f"{app.serving} serves at" in run.out
    assert app.stamp == broken["commit"]


def _release(app: Checkout, name: str) -> str:
    app.append("project/templates/404.html", f"<!-- {name} -->")
    commit = app.commit(name)
    app.inv("deploy").must_end(0)
    return commit
