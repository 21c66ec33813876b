"""The command line: what every task has, and `dev status releases logs stop`."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from checkout import Background, Checkout, Run, copy_repository, eventually, taken_port

STEPS = ("build", "check", "secrets", "attach", "deploy", "smoke", "rollback")
OTHERS = ("status", "releases", "stop")


# What every task has


def test_the_list_has_every_task_with_its_sentence(app: Checkout) -> None:
    run = app.inv("--list").must_end(0)
    for name in (*STEPS, *OTHERS, "dev", "logs", "test"):
        assert re.search(rf"^  {name} +[A-Z]", run.out, re.MULTILINE), run.out


@pytest.mark.parametrize("words", [("status",), ("releases",), ("check",), ("build",)])
def test_with_json_stdout_is_json_and_text_for_people_is_on_stderr(
    app: Checkout, words: tuple[str, ...]
) -> None:
    run = app.inv(*words, "--json").must_end(0)
    assert run.result["ok"] is True
    assert run.of("local")["release"]["id"] == "v1"
    assert run.err


def test_status_and_releases_carry_the_same_release(app: Checkout) -> None:
    status = app.inv("status", "--json").of("local")
    releases = app.inv("releases", "--json").of("local")
    assert status["release"] == releases["release"] == releases["releases"][0]
    assert status["release"].keys() >= {"id", "commit", "status"}
    assert status["serving"] is True
    assert status["problems"] == []


def test_a_task_works_in_a_folder_below_the_project(app: Checkout) -> None:
    run = app.inv("deploy", cwd=app.root / "project/leaderboard").must_end(0)
    assert "nothing to do" in run.out


# Wrong words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("deploy", "--target=locl"), "Did you mean `local`?"),
        (("status", "--target=local,other"), "there is no target `other`"),
    ],
)
def test_an_unknown_target_is_answered_with_the_nearest(
    app: Checkout, words: tuple[str, ...], told: str
) -> None:
    assert told in app.inv(*words).must_end(2).err
    run = app.inv(*words, "--json").must_end(2)
    assert run.result["ok"] is False
    assert "there is no target" in run.result["error"]["what"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("castoff: [", "invoke.yaml cannot be read"),
        ("- castoff", "invoke.yaml is a list, expected a mapping"),
        ("castoff: {smoke: {pags: [/]}}", "castoff.smoke.pags: there is no such key"),
        ("castoff: {targets: {local: {port: high}}}", "castoff.targets.local.port"),
        ("castoff: {targets: {local: {prt: 1}}}", "castoff.targets.local.prt"),
        ("castoff: {targets: {items: {platform: local}}}", "castoff.targets.items: not a name"),
        ("castoff: {targets: {local: {platform: moon}}, settings: a}", "local.platform: no driver"),
        ("castoff: {project: rummy}", "castoff.settings: is not set"),
        ("castoff: {settings: a.b, silence: {E999: a reason}}", "castoff.silence.E999"),
    ],
)
def test_a_wrong_key_or_value_is_named_by_its_whole_path(
    app: Checkout, content: str, told: str
) -> None:
    kept = app.read("invoke.yaml")
    try:
        app.write("invoke.yaml", content)
        assert told in app.inv("check").must_end(2).text
        run = app.inv("check", "--json").must_end(2)
        assert run.result["ok"] is False
        assert told in run.out
    finally:
        app.write("invoke.yaml", kept)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TARGETS_LOCAL_WORKERS", "many", "castoff.targets.local.workers"),
        ("TARGETS_LOCAL_WORKRS", "3", "INVOKE_CASTOFF_TARGETS_LOCAL_WORKRS: there is no such key"),
        ("SMOKE_TIMEOUT", "long", "castoff.smoke.timeout"),
    ],
)
def test_a_wrong_variable_is_answered_like_the_file(
    app: Checkout, name: str, value: str, told: str
) -> None:
    run = app.inv("status", env={f"INVOKE_CASTOFF_{name}": value}).must_end(2)
    assert told in run.err


def test_a_variable_takes_the_place_of_the_files_value(app: Checkout) -> None:
    run = app.inv("--dry", "deploy", env={"INVOKE_CASTOFF_TARGETS_LOCAL_WORKERS": "1"})
    assert "how it is served changed" in run.must_end(0).out


# Names of secrets


def test_secrets_alone_shows_where_each_name_comes_from_and_what_became_of_it(
    fresh: Checkout,
) -> None:
    fresh.write("app.env", "FROM_FILE=kept in a file\n")
    fresh.configure(
        secrets={
            "required": ["FROM_HERE"],
            "env_file": "app.env",
            "command": ["echo", "FROM_PROGRAM='told by a program'"],
        }
    )
    env = {"FROM_HERE": "of the environment"}
    dry = _secrets(fresh.inv("--dry", "secrets", env=env))
    assert dry["FROM_HERE"] == ("environment", "to be set")
    assert dry["SECRET_KEY"] == ("made now", "to be set")
    first = fresh.inv("secrets", "--json", env=env).must_end(0)
    assert _secrets(first) == {
        "CASTOFF_PROBE_TOKEN": ("made now", "set"),
        "DJANGO_SETTINGS_MODULE": ("castoff", "set"),
        "FROM_FILE": ("app.env", "set"),
        "FROM_HERE": ("environment", "set"),
        "FROM_PROGRAM": ("echo", "set"),
        "PUBLIC_URLS": ("castoff", "set"),
        "SECRET_KEY": ("made now", "set"),
    }
    listed = {one["name"]: (one["origin"], one["state"]) for one in first.of("local")["secrets"]}
    assert listed == _secrets(first)
    again = _secrets(fresh.inv("secrets", env={"FROM_HERE": "of another day"}))
    assert again["FROM_HERE"] == ("environment", "changed")
    assert again["FROM_FILE"] == ("app.env", "unchanged")
    assert again["SECRET_KEY"] == ("set before", "unchanged")
    assert not re.search("kept in a file|told by a program|of the environment", first.text)


def _secrets(run: Run) -> dict[str, tuple[str, str]]:
    """The table: each name with its origin and what became of it."""
    _, _, table = run.must_end(0).text.partition("name  ")
    rows = re.findall(r"^([A-Z_]+)  +(\S.*?)  +(\S.*)$", table, re.MULTILINE)
    return {name: (origin, state) for name, origin, state in rows}


# Several targets


def test_several_targets_are_served_and_one_that_fails_does_not_stop_the_others(
    fresh: Checkout,
) -> None:
    with taken_port() as port:
        fresh.configure(
            targets={
                "local": {"platform": "local"},
                "second": {"platform": "local"},
                "third": {"platform": "local", "port": port},
            }
        )
        fresh.commit()
        run = fresh.inv("deploy", "--target=local,second", "--target=third", "--json").must_end(1)
    ended = run.result["targets"]
    assert {name: one["ok"] for name, one in ended.items()} == {
        "local": True,
        "second": True,
        "third": False,
    }
    assert f"Port {port} is taken" in ended["third"]["error"]["what"]
    assert "Nothing serves" in ended["third"]["error"]["state"]
    urls = {ended[name]["url"] for name in ("local", "second")}
    assert len(urls) == 2
    assert {fresh.get("/", url).status for url in urls} == {200}
    assert re.search(r"^third +failed", run.err, re.MULTILINE)
    assert re.search(r"^local +done", run.err, re.MULTILINE)
    _prefixes(run)
    fresh.inv("stop", "--target=local,second,third").must_end(0)


def _prefixes(run: Run) -> None:
    steps = [line for line in run.err.splitlines() if re.search(r"[✓✗] \w+ +\d", line)]
    assert all(re.match(r"(local|second|third) ", line) for line in steps)


# status, stop, logs


def test_before_the_first_deploy_status_says_so(fresh: Checkout) -> None:
    run = fresh.inv("status").must_end(0)
    assert "nothing was released yet" in run.out
    assert fresh.inv("releases", "--json").must_end(0).of("local")["releases"] == []
    assert "nothing was running" in fresh.inv("stop").must_end(0).out


def test_a_stop_ends_every_process_and_a_deploy_serves_again_at_the_same_port(
    app: Checkout,
) -> None:
    url = app.url
    dry = app.inv("--dry", "stop").must_end(0)
    assert "would stop the app" in dry.out
    assert app.get("/", url).status == 200
    assert "data and releases are kept" in app.inv("stop").must_end(0).out
    assert app.get("/", url).status == -1
    assert app.processes() == []
    assert "Nothing serves: v1 does not run." in app.inv("status").must_end(0).out
    assert app.get("/", url).status == -1
    app.inv("deploy").must_end(0)
    assert app.get("/", url).status == 200


@pytest.mark.parametrize("dead", [("supervisor",), ("supervisor", "gunicorn", "PostgreSQL")])
def test_status_brings_back_what_was_killed(app: Checkout, dead: tuple[str, ...]) -> None:
    app.inv("deploy").must_end(0)
    release = app.serving
    pids = _pids(app)
    for name in dead:
        os.kill(pids[name], signal.SIGKILL)
    run = app.inv("status").must_end(0)
    assert f"{release} serves at" in run.out
    assert "dead" in run.out
    assert app.serving == release
    assert app.inv("smoke").must_end(0)


def test_logs_show_the_last_lines_and_follow_those_to_come(app: Checkout) -> None:
    app.inv("deploy").must_end(0)
    app.get("/before-the-logs/")
    assert "/before-the-logs/" in app.inv("logs").must_end(0).out
    following = app.start("logs", "--follow")
    eventually(lambda: "/before-the-logs/" in following.printed)
    app.get("/while-they-are-followed/")
    eventually(lambda: "/while-they-are-followed/" in following.printed)
    following.interrupt(group=True)
    following.wait(10).must_end(0)


def test_a_reader_that_goes_away_does_not_stop_a_deploy(app: Checkout) -> None:
    app.append("project/templates/404.html", "<!-- piped -->")
    commit = app.commit()
    command = "set -o pipefail; inv deploy | head -1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=app.root, env=app.env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert app.stamp == commit


# A project in a folder of its repository


def test_a_project_below_its_repository_is_deployed(tmp_path: Path) -> None:
    top = Checkout(tmp_path / "repository with ünïcode", "local", tmp_path / "state of Zoë")
    below = Checkout(top.root / "apps" / "le jeu", "local", top.state_home)
    copy_repository(below.root)
    top.write("README", "The repository's own.")
    top.git("init", "-q", "-b", "main")
    commit = top.commit()
    try:
        below.inv("deploy").must_end(0)
        assert below.stamp == commit
        assert below.get("/").status == 200
        assert "nothing to do" in below.inv("deploy").must_end(0).out
    finally:
        below.end()


# dev


def test_dev_serves_the_working_tree_with_reload_until_ctrl_c(app: Checkout) -> None:
    dev, url = _dev(app)
    assert app.get("/", url).status == 200
    app.edit("project/urls.py", 'path("admin/"', 'path("renamed/"')
    eventually(lambda: app.get("/renamed/login/", url).status == 200, 60)
    dev.interrupt(group=True)
    run = dev.wait(30).must_end(0)
    assert "Ctrl-C ends it" in run.out
    _dev_has_ended(app, url)
    app.git("checkout", "-q", ".")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_dev_ends_its_server_and_postgresql_when_it_alone_is_told(
    app: Checkout, number: signal.Signals
) -> None:
    dev, url = _dev(app)
    dev.interrupt(number)
    dev.wait(30).must_end(0)
    _dev_has_ended(app, url)


def test_dev_says_that_its_port_is_taken(app: Checkout) -> None:
    with taken_port() as port:
        run = app.inv("dev", f"--port={port}").must_end(1)
    assert "already in use" in run.text
    assert "inv dev --port" in run.text
    _dev_has_ended(app, "")


def _dev(app: Checkout) -> tuple[Background, str]:
    with taken_port() as port:
        pass
    dev = app.start("dev", f"--port={port}")
    url = f"http://localhost:{port}"
    eventually(lambda: dev.process.poll() is not None or app.get("/", url).status == 200, 60)
    return dev, url


def _dev_has_ended(app: Checkout, url: str) -> None:
    eventually(lambda: app.processes("runserver") + app.processes("/dev/database") == [])
    assert not url or app.get("/", url).status == -1


def _pids(app: Checkout) -> dict[str, int]:
    parts = re.findall(r"^  (\S+) +runs \(process (\d+)\)", app.inv("status").out, re.MULTILINE)
    return {name: int(pid) for name, pid in parts}
