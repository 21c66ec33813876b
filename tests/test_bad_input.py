"""What a user can get wrong: each is answered with what failed, what serves, and what to do."""

import re
import signal
from pathlib import Path

import pytest
from checkout import Checkout, Run, copy_repository, eventually, taken_port
from faults import add_column, at_boot, migration

FIRST = "v1"


def parts(run: Run, target: str) -> tuple[str, str, str]:
    """The three parts of a target's error, none of them empty."""
    error = run.of(target)["error"]
    assert all(error[part] for part in ("what", "state", "next"))
    return error["what"], error["state"], error["next"]


def fails(app: Checkout, *words: str) -> tuple[str, str, str]:
    """Run a step that must fail while what served goes on serving; the error's parts."""
    before, stamp = app.releases(), app.stamp
    run = app.inv(*(words or ("deploy",)), "--json").must_end(1)
    what, state, next_ = parts(run, app.target)
    assert app.stamp == stamp, "what served must still serve"
    assert app.get("/").status == 200
    served = [one for one in before if one["status"] == "current"]
    assert [one for one in app.releases() if one["status"] == "current"] == served
    return what, state, next_


@pytest.fixture
def changed(app: Checkout) -> Checkout:
    """The deployed checkout, without what the test before has put into it."""
    app.git("reset", "-q", "--hard", app.stamp)
    app.git("clean", "-fdq")
    return app


# The repository


def test_no_repository(tmp_path: Path, target: str) -> None:
    checkout = Checkout(tmp_path / "app", target, tmp_path / "state")
    copy_repository(checkout.root)
    try:
        run = checkout.inv("deploy", "--json").must_end(1)
        what, state, next_ = parts(run, target)
        assert "is not in a git repository" in what
        assert state == "Nothing was changed."
        assert "git init" in next_
        checkout.git("init", "-q")
        run = checkout.inv("deploy", "--json").must_end(1)
        what, state, next_ = parts(run, target)
        assert "no commit yet" in what
        assert "git commit" in next_
    finally:
        checkout.end()


# The lock


def test_a_missing_lock_is_a_finding(changed: Checkout) -> None:
    changed.git("rm", "-q", "poetry.lock")
    changed.commit()
    what, _, _ = fails(changed)
    assert "E103" in what
    assert "no lock file" in changed.inv("build", "--json").must_end(1).out


def test_a_stale_lock_is_a_finding(changed: Checkout) -> None:
    changed.edit("pyproject.toml", '    "jinja2>=3.1",\n', '    "jinja2>=3.1.1",\n')
    changed.commit()
    what, _, _ = fails(changed)
    assert "E103" in what


def test_a_dependency_that_does_not_exist(changed: Checkout) -> None:
    lock = changed.read("poetry.lock")
    edited = re.sub(r'(name = "whitenoise"\nversion = )"[^"]+"', r'\1"99.99.99"', lock, count=1)
    assert edited != lock
    changed.write("poetry.lock", edited)
    changed.commit()
    what, _, next_ = fails(changed)
    assert "the packages of poetry.lock cannot be installed" in what
    assert re.search("whitenoise.*99.99.99", what)
    assert "does not exist" in next_


def test_a_package_whose_content_is_not_what_was_locked(changed: Checkout) -> None:
    lock = changed.read("poetry.lock")
    start = lock.index('name = "whitenoise"')
    head, rest = lock[:start], lock[start:]
    section, end, after = rest.partition("\n[[package]]")
    changed.write("poetry.lock", head + re.sub("sha256:....", "sha256:0000", section) + end + after)
    changed.commit()
    what, _, _ = fails(changed)
    assert "hash" in what.lower()
    assert "whitenoise" in what


# The code


def test_settings_with_a_syntax_error(changed: Checkout) -> None:
    changed.append("project/settings/production.py", "\nthis is no Python\n")
    changed.commit()
    what, _, _ = fails(changed)
    assert "E201" in what


def test_code_that_crashes_on_boot(changed: Checkout) -> None:
    at_boot(changed, 'raise RuntimeError("it crashes on boot")')
    changed.commit()
    what, state, _ = fails(changed)
    assert "it crashes on boot" in what
    assert state == f"{changed.serving} still serves at {changed.url}."


def test_code_that_hangs_on_boot(changed: Checkout) -> None:
    at_boot(changed, "import time\n\ntime.sleep(600)")
    changed.configure(targets={"local": {"platform": "local", "boot_timeout": 3}})
    changed.commit()
    what, state, _ = fails(changed)
    assert "0 of 2 workers were ready after 3 s" in what
    assert "still serves" in state


def test_code_that_answers_500_on_its_health_check(changed: Checkout) -> None:
    at_boot(
        changed,
        "inner = application\n\n\n"
        "def application(environ, start_response):\n"
        '    if environ["PATH_INFO"] == "/healthz":\n'
        '        start_response("500 Internal Server Error", [])\n'
        '        return [b""]\n'
        "    return inner(environ, start_response)",
    )
    changed.commit()
    what, state, _ = fails(changed)
    assert "/healthz answered 500 instead of 200" in what
    assert "still serves" in state


def test_a_failed_release_is_listed_and_never_gone_back_to(changed: Checkout) -> None:
    failed = [one for one in changed.releases() if one["status"] == "failed"]
    assert failed
    run = changed.inv("rollback", f"--to={failed[0]['id']}").must_end(2)
    assert "no such release that served" in run.text


def test_a_migration_that_fails_half_way_says_where_the_database_stands(
    changed: Checkout,
) -> None:
    add_column(changed, 2)
    migration(
        changed,
        3,
        'migrations.RunSQL("CREATE TABLE half_way (id int)"),\nmigrations.RunSQL("SELECT 1 / 0"),',
    )
    changed.commit()
    what, state, next_ = fails(changed)
    assert "the release failed in leaderboard.0003_test: division by zero" in what
    assert "applied by this run and kept: leaderboard.0002_test" in what
    assert "leaderboard.0003_test: rolled back whole" in what
    assert "still serves" in state
    assert next_
    changed.edit(
        "project/leaderboard/migrations/0003_test.py", "SELECT 1 / 0", "DROP TABLE half_way"
    )
    changed.commit()
    changed.inv("deploy").must_end(0)
    assert changed.stamp == changed.head


# The machine


def test_a_configured_port_that_is_taken(changed: Checkout) -> None:
    with taken_port() as port:
        changed.configure(targets={"local": {"platform": "local", "port": port}})
        what, state, next_ = fails(changed)
        assert f"Port {port} is taken" in what
        assert f"{changed.serving} still serves" in state
        assert "`port`" in next_
    changed.inv("deploy").must_end(0)
    changed.forget_url()
    assert changed.url == f"http://localhost:{port}"
    changed.commit()
    changed.inv("deploy").must_end(0)


def test_a_state_folder_that_cannot_be_used(app: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    run = app.inv("deploy", "--json", env={"XDG_STATE_HOME": str(file)}).must_end(1)
    assert "cannot be used" in run.result["error"]["what"]
    assert "XDG_STATE_HOME" in run.result["error"]["next"]


# A run that is cut off


def test_a_run_that_was_killed_is_finished_by_the_next(changed: Checkout, tmp_path: Path) -> None:
    slow = tmp_path / "wait"
    slow.touch()
    at_boot(
        changed,
        f"import os, time\n\nwhile os.path.exists({str(slow)!r}):\n    time.sleep(0.05)",
    )
    commit = changed.commit()
    before = changed.stamp
    deploy = changed.start("deploy")
    eventually(lambda: _candidates(changed))
    deploy.interrupt(signal.SIGKILL)
    assert deploy.wait().status == -signal.SIGKILL
    assert changed.stamp == before
    slow.unlink()
    changed.inv("deploy").must_end(0)
    assert changed.stamp == commit
    assert changed.serving == changed.releases()[0]["id"]


def test_what_a_killed_run_has_switched_to_is_what_status_tells(
    changed: Checkout, tmp_path: Path
) -> None:
    slow = tmp_path / "wait"
    slow.touch()
    at_boot(
        changed,
        f"import os, time\n\nwhile os.path.exists({str(slow)!r}):\n    time.sleep(0.05)",
    )
    commit = changed.commit()
    deploy = changed.start("deploy", "--json")
    eventually(lambda: "is booting" in deploy.printed)  # from here on the supervisor goes on alone
    deploy.interrupt(signal.SIGKILL)
    deploy.wait()
    slow.unlink()
    eventually(lambda: changed.stamp == commit)
    assert changed.inv("status", "--json").of(changed.target)["release"]["commit"] == commit
    assert "nothing to do" in changed.inv("deploy").must_end(0).out


def _candidates(app: Checkout) -> bool:
    import json

    left = json.loads((app.folder / "supervisor.json").read_text())
    return any(one["role"] == "candidate" for one in left["gunicorns"])
