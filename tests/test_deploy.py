"""`inv deploy`: the commit goes live, or what served before still serves."""

from pathlib import Path

from checkout import Checkout, eventually
from faults import add_column, around, at_boot, broken_home, drop_column, migration, page

RESULT = {"ok", "url", "release", "seconds", "error"}


def test_the_first_deploy_serves_the_commit_and_its_last_line_is_the_url(app: Checkout) -> None:
    lines = app.first.out.splitlines()
    assert app.get("/", lines[-1]).status == 200
    assert app.get("/healthz", lines[-1]).release == app.head
    assert len(lines) <= 14, "one screen"
    assert app.first.err == ""


def test_deploying_twice_says_that_there_is_nothing_to_do_and_makes_no_release(
    app: Checkout,
) -> None:
    assert "nothing to do" in app.inv("deploy").must_end(0).out
    run = app.inv("deploy", "--json").must_end(0)
    assert "nothing to do" in run.out
    assert set(run.result) == {"event", "ok", "report", "targets"}
    assert set(run.of(app.target)) == RESULT
    release = run.of(app.target)["release"]
    assert release["id"] == "v1"
    assert release["commit"] == app.head
    assert release["status"] == "current"
    assert run.of(app.target)["error"] is None
    assert run.of(app.target)["seconds"] > 0
    assert [one["id"] for one in app.releases()] == ["v1"]


def test_a_commit_takes_the_place_of_the_one_before_at_the_same_url(app: Checkout) -> None:
    url = app.url
    app.append("project/templates/404.html", "<!-- new -->")
    commit = app.commit()
    app.inv("deploy").must_end(0)
    assert app.url == url
    assert app.serving == "v2"
    assert app.stamp == commit
    assert [one["status"] for one in app.releases()] == ["current", "superseded"]


def test_pages_of_earlier_releases_still_get_their_static_files(app: Checkout) -> None:
    sheets = [_style_sheet(app)]
    for color in ("red", "green"):
        app.append("project/static/leaderboard/app.css", f"\n.brand-new {{ color: {color} }}\n")
        app.commit()
        app.inv("deploy").must_end(0)
        sheets.append(_style_sheet(app))
        assert [app.get(sheet).status for sheet in sheets] == [200] * len(sheets)
    assert len(set(sheets)) == len(sheets)


def test_a_changed_config_var_alone_makes_a_release_of_the_same_code(app: Checkout) -> None:
    app.write("secrets.env", "GREETING=hello\n")
    app.configure(secrets={"env_file": "secrets.env", "required": ["GREETING"]})
    app.append(".gitignore", "secrets.env\n")
    app.commit()
    app.inv("deploy").must_end(0)
    before = app.releases()[0]
    app.write("secrets.env", "GREETING=good bye\n")
    dry = app.inv("--dry", "deploy").must_end(0)
    assert "would set GREETING  (its value has changed)" in dry.out
    assert "GREETING would change" in dry.out
    run = app.inv("deploy").must_end(0)
    assert "made before" in run.out
    assert "GREETING changed" in run.out
    after = app.releases()[0]
    assert after["id"] != before["id"]
    assert after["artifact"] == before["artifact"]
    assert "nothing to do" in app.inv("deploy").must_end(0).out


def test_uncommitted_changes_are_deployed_here_and_the_stamp_says_so(app: Checkout) -> None:
    app.append("project/templates/404.html", "<!-- dirty -->")
    app.write("untracked.txt", "")
    run = app.inv("deploy").must_end(0)
    assert "with uncommitted changes in project/templates/404.html" in run.out
    assert "git does not track: untracked.txt" in run.out
    stamp = app.stamp
    assert stamp.startswith(f"{app.git('rev-parse', 'HEAD')}-dirty-")
    assert "dirty" in app.inv("releases").out
    assert "nothing to do" in app.inv("deploy").must_end(0).out
    app.git("clean", "-fdq")
    app.git("checkout", "-q", ".")


def test_a_dry_deploy_tells_the_pending_change_and_changes_nothing(app: Checkout) -> None:
    app.inv("deploy").must_end(0)
    release = app.serving
    clean = app.inv("--dry", "deploy").must_end(0)
    assert "nothing to do" in clean.out
    app.append("project/templates/404.html", "<!-- pending -->")
    app.commit()
    before = _files(app.state)
    run = app.inv("--dry", "deploy").must_end(0)
    assert "would build" in run.out
    assert f"({release} runs other code)" in run.out
    assert _files(app.state) == before
    assert app.git("status", "--porcelain") == ""
    assert app.serving == release
    assert app.inv("--dry", "deploy", "--json").must_end(0).result["ok"]
    app.git("reset", "-q", "--hard", "HEAD~1")


def test_a_dry_first_deploy_tells_the_whole_plan_and_makes_nothing(fresh: Checkout) -> None:
    run = fresh.inv("--dry", "deploy").must_end(0)
    for words in ("make the virtualenv", "run every check", "build", "set CASTOFF_PROBE_TOKEN"):
        assert f"would {words}" in run.out
    assert "would attach a PostgreSQL database" in run.out
    assert "(the first release)" in run.out
    assert not [*fresh.state_home.rglob("*")]
    assert fresh.processes() == []


def test_a_failed_smoke_test_goes_back_to_the_release_that_served(app: Checkout) -> None:
    app.inv("deploy").must_end(0)
    served = app.stamp
    before = app.releases()[0]["id"]
    broken_home(app)
    app.commit()
    run = app.inv("deploy", "--json").must_end(1)
    error = run.of(app.target)["error"]
    assert "page:/" in error["what"]
    assert f"with the code of {before}" in error["state"]
    assert app.stamp == served
    assert app.get("/").status == 200
    assert run.of(app.target)["release"]["id"] == app.serving
    assert app.releases()[0]["note"] == f"rollback to {before}"
    assert "Traceback" in run.out, "what the app said is in the run's own events and log"
    app.git("reset", "-q", "--hard", "HEAD~1")


def test_a_first_deploy_that_fails_its_smoke_test_says_that_there_is_none_to_go_back_to(
    fresh: Checkout,
) -> None:
    broken_home(fresh)
    fresh.commit()
    run = fresh.inv("deploy").must_end(1)
    assert "v1 serves at http" in run.out
    assert "It is the first release: there is none to go back to." in run.out
    assert fresh.stamp == fresh.head


def test_a_release_whose_probe_fails_goes_back_when_it_changed_no_schema(app: Checkout) -> None:
    app.inv("deploy").must_end(0)
    served, before = app.stamp, app.releases()[0]["id"]
    # Who checks a worker before it serves is no browser.
    around(
        app,
        'if environ["PATH_INFO"].startswith("/-/") and "HTTP_USER_AGENT" in environ:\n'
        '    status = "500 Sorry"',
    )
    app.commit()
    run = app.inv("deploy", "--json").must_end(1)
    error = run.of(app.target)["error"]
    assert "probe: " in error["what"]
    assert f"with the code of {before}" in error["state"]
    assert app.stamp == served
    app.git("reset", "-q", "--hard", "HEAD~1")


def test_two_deploys_at_once_are_not_mixed(app: Checkout, tmp_path: Path) -> None:
    slow = tmp_path / "wait"
    slow.touch()
    at_boot(app, f"import os, time\n\nwhile os.path.exists({str(slow)!r}):\n    time.sleep(0.05)")
    app.commit()
    first = app.start("deploy")
    eventually(lambda: (app.folder / "run.holder").exists())
    second = app.inv("deploy").must_end(1)
    assert f"`inv deploy` (process {first.process.pid}," in second.text
    assert "Nothing was changed by this run." in second.text
    slow.unlink()
    first.wait().must_end(0)
    assert app.stamp == app.head


def test_a_failed_smoke_test_after_a_breaking_migration_needs_a_person(app: Checkout) -> None:
    add_column(app, 2)
    app.commit()
    app.inv("deploy").must_end(0)
    drop_column(app, 3)
    broken_home(app)
    app.commit()
    run = app.inv("deploy", "--json").must_end(3)
    error = run.of(app.target)["error"]
    assert "page:/" in error["what"]
    assert "leaderboard.0003_test" in error["what"]
    assert error["state"].startswith(f"{app.serving} serves at")
    assert "--accept=leaderboard.0003_test" in error["next"]
    assert app.stamp == app.head


def test_code_that_reads_the_database_as_it_loads_reads_what_was_migrated(app: Checkout) -> None:
    app.git("reset", "-q", "--hard", "HEAD~1")
    drop_column(app, 3)
    migration(app, 4, "")
    app.append("project/wsgi.py", READS_MIGRATIONS)
    page(app, "seen", "from project import wsgi\nreturn HttpResponse(str(wsgi.seen))")
    app.commit()
    app.inv("deploy").must_end(0)
    assert app.get("/seen").text == "True"


READS_MIGRATIONS = """

def _applied():
    from django.db.migrations.recorder import MigrationRecorder
    return MigrationRecorder.Migration.objects.filter(name="0004_test").exists()


seen = "CASTOFF_PROBE_TOKEN" in os.environ and _applied()
"""


def _style_sheet(app: Checkout) -> str:
    text = app.get("/").text
    start = text.index("/static/leaderboard/app.")
    return text[start : text.index('"', start)]


def _files(folder: Path) -> dict[str, bytes]:
    """What castoff keeps: not what PostgreSQL, gunicorn and the app write while they run."""
    own = ("database", "logs")
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if not set(own) & {*path.relative_to(folder).parts}
    }
