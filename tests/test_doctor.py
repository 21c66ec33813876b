"""`inv doctor`: what is here, what runs and what is lacking, most of all when things are broken."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from checkout import Checkout, Run, taken_port

from castoff.targets.local.state import run_folder

Broken = AbstractContextManager[dict[str, str]]  # gives variables for `inv`
GARBAGE = "\0 not what it was \n"


def only_local(checkout: Checkout) -> Checkout:
    """Take away the target that lacks Docker on some machines, which is told and ends with 1."""
    checkout.configure(targets={"local": {"platform": "local"}})
    checkout.commit("Only local")
    return checkout


@pytest.fixture(scope="module")
def app(app: Checkout) -> Checkout:
    """The deployed checkout."""
    return only_local(app)


@pytest.fixture
def fresh(fresh: Checkout) -> Checkout:
    """The fresh clone."""
    return only_local(fresh)


def problems(run: Run, target: str = "") -> list[dict[str, str]]:
    """What is to be mended: for all targets, or at one."""
    found = run.result["targets"][target]["problems"] if target else run.result["problems"]
    return [one for one in found if one["code"]]


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder below one, with its time and size; a log grows by itself."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in folder.rglob("*")
        if "database" not in path.parts and path.suffix != ".log"
    }


# What is there


def test_it_tells_what_is_installed_what_runs_and_where_state_lives(app: Checkout) -> None:
    run = app.inv("doctor").must_end(0)
    for name in ("castoff", "Python", "git", "uv", "Poetry", "PostgreSQL"):
        assert re.search(rf"^  {name} +\d+", run.out, re.MULTILINE), run.out
    assert f"v1 serves at {app.url}, released 20" in run.out
    assert f"commit {app.head[:9]}" in run.out
    assert str(app.state) in run.out
    assert re.search(r"^  targets/local +\d+ MB$", run.out, re.MULTILINE), run.out
    assert "Every target can be deployed to." in run.out
    assert "✗" not in run.out


def test_its_json_has_the_same(app: Checkout) -> None:
    run = app.inv("doctor", "--json").must_end(0)
    result, local = run.result, run.of("local")
    assert result["ok"] is True
    assert {"castoff", "Python", "git", "uv"} <= {one["name"] for one in result["installed"]}
    assert result["commit"].startswith(app.head)
    assert result["lock"] == "poetry.lock"
    assert result["state"]["path"] == str(app.state)
    assert result["state"]["size"] >= sum(result["state"]["parts"].values()) > 1_000_000
    assert local["ok"] is local["serving"] is True
    assert local["release"] == app.inv("status", "--json").of("local")["release"]
    assert local["tools"][0]["name"] == "PostgreSQL"
    assert "Installed" in run.err


def test_it_names_a_secret_that_is_lacking_and_shows_no_value(app: Checkout) -> None:
    with changed(app, "invoke.yaml"):
        app.configure(secrets={"required": ["MAIL_URL", "PAYMENT_KEY"]})
        run = app.inv("doctor", env={"PAYMENT_KEY": "kept-to-itself"}).must_end(1)
        assert "✗ no value for MAIL_URL" in run.out
        assert "castoff.secrets.env_file" in run.out
        assert "kept-to-itself" not in run.text
        assert "PAYMENT_KEY" not in run.out
        asked = app.root / "asked"
        app.configure(secrets={"required": ["MAIL_URL"], "command": ["touch", str(asked)]})
        assert "! MAIL_URL: not set yet" in app.inv("doctor").must_end(0).out
        assert not asked.exists(), "a password manager is not to be opened by a look"


def test_with_several_targets_each_has_its_own(app: Checkout) -> None:
    with changed(app, "invoke.yaml"), taken_port() as port:
        app.configure(
            targets={"local": {}, "spare": {"platform": "local", "port": port}, "moon": {}}
        )
        run = app.inv("doctor", "--json").must_end(2)
        assert run.of("local")["ok"] is run.of("spare")["ok"] is True
        assert run.of("spare")["release"] is None
        assert "no driver for the platform `moon`" in problems(run, "moon")[0]["what"]


# It changes nothing


def test_a_look_before_the_first_deploy_leaves_nothing_behind(fresh: Checkout) -> None:
    run = fresh.inv("doctor").must_end(0)
    assert "nothing was released yet" in run.out
    assert snapshot(fresh.state_home) == {}
    place = re.findall(r"^  state +(.*)$", run.out, re.MULTILINE)[0]
    assert not run_folder(Path(place), make=False).exists()
    assert fresh.git("status", "--porcelain") == ""
    assert fresh.processes() == []


def test_what_is_dead_is_told_and_left_dead(app: Checkout) -> None:
    before = snapshot(app.state_home)
    pid = int(re.findall(r"supervisor +runs \(process (\d+)", app.inv("doctor").out)[0])
    assert snapshot(app.state_home) == before
    os.kill(pid, signal.SIGKILL)
    try:
        run = app.inv("doctor").must_end(0)
        assert "! supervisor is dead" in run.out
        assert "inv status --target=local" in run.out
        assert "supervisor is dead" in app.inv("--dry", "doctor").must_end(0).out
    finally:
        assert "the supervisor was dead" in app.inv("status").must_end(0).out


# It works when things are broken


@contextmanager
def changed(app: Checkout, *names: str) -> Iterator[None]:
    """Keep files, and put them back."""
    kept = {path: path.read_bytes() for path in (app.root / name for name in names)}
    try:
        yield
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


@contextmanager
def written(app: Checkout, name: str, content: str) -> Iterator[dict[str, str]]:
    with changed(app, name):
        app.write(name, content)
        yield {}


@contextmanager
def moved(path: Path) -> Iterator[dict[str, str]]:
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    try:
        yield {}
    finally:
        aside.rename(path)


@contextmanager
def file_for(folder: Path) -> Iterator[dict[str, str]]:
    with moved(folder):
        folder.touch()
        try:
            yield {}
        finally:
            folder.unlink()


@contextmanager
def with_variables(**variables: str) -> Iterator[dict[str, str]]:
    yield variables


def yaml(app: Checkout, text: str) -> Broken:
    return written(app, "invoke.yaml", text)


def damaged(app: Checkout, name: str) -> Broken:
    return written(app, str(app.folder / name), GARBAGE)


def keys(app: Checkout, text: str) -> Broken:
    """The configuration with other keys; the project keeps its name."""
    settings = "settings: project.settings.production"
    return written(app, "invoke.yaml", f"castoff: {{project: rummy, {settings}, {text}}}")


EMPTY = "/usr/share/man"  # a folder without programs
OTHER = "targets: {local: {}, other: {platform: local, prt: 1}}"
NO_POSTGRES = f"targets: {{local: {{postgres: {EMPTY}}}}}"
BROKEN: dict[str, tuple[Callable[[Checkout], Broken], int, str, str]] = {
    "no repository": (lambda app: moved(app.root / ".git"), 1, "git repository", "git init"),
    "no git": (lambda _: with_variables(PATH=EMPTY), 1, "git is not", "Install"),
    "no YAML": (lambda app: yaml(app, "castoff: ["), 2, "cannot be read", "Mend"),
    "YAML of another shape": (lambda app: yaml(app, "- a"), 2, "a list", "Put"),
    "castoff is text": (lambda app: yaml(app, "castoff: a"), 2, "expected a mapping", "Mend"),
    "castoff is empty": (lambda app: yaml(app, "castoff:"), 2, "got nothing", "take"),
    "no settings": (lambda app: yaml(app, "castoff: {project: rummy}"), 2, "is not set", "Add"),
    "a wrong key": (lambda app: keys(app, "smoke: {pags: [/]}"), 2, "smoke.pags", "`pages`"),
    "a wrong value": (lambda app: keys(app, "dev: {port: high}"), 2, "castoff.dev.port", "Mend"),
    "a wrong target": (lambda app: keys(app, OTHER), 2, "other.prt", "`port`"),
    "a wrong variable": (
        lambda _: with_variables(INVOKE_CASTOFF_TRAGET="x"),
        2,
        "INVOKE_CASTOFF_TRAGET",
        "`INVOKE_CASTOFF_TARGET`",
    ),
    "no lock": (lambda app: moved(app.root / "poetry.lock"), 1, "no lock file", "poetry lock"),
    "a lock that is none": (
        lambda app: written(app, "poetry.lock", GARBAGE),
        1,
        "poetry.lock cannot be parsed",
        "again",
    ),
    "a state folder that is a file": (
        lambda app: with_variables(XDG_STATE_HOME=str(app.root / "manage.py")),
        1,
        "cannot be used",
        "XDG_STATE_HOME",
    ),
    "no PostgreSQL": (lambda app: keys(app, NO_POSTGRES), 1, "was made by", "Install"),
    "damaged releases": (lambda app: damaged(app, "releases.json"), 1, "releases.json", "copy"),
    "damaged config vars": (lambda app: damaged(app, "config.json"), 1, "config.json", "copy"),
    "a target's folder that is a file": (lambda app: file_for(app.folder), 1, "", ""),
}


STILL_KNOWN = ("no", "YAML", "castoff is", "a wrong", "a lock")  # v1 serves on, and it says so


@pytest.mark.parametrize("name", BROKEN)
def test_with_something_broken_it_says_what_and_what_to_type_and_shows_the_rest(
    app: Checkout, name: str
) -> None:
    make, code, what, next_ = BROKEN[name]
    with make(app) as env:
        shown = app.inv("doctor", env=env).must_end(code)
        run = app.inv("doctor", "--json", env=env).must_end(code)
        dry = app.inv("--dry", "doctor", env=env).must_end(code)
    assert run.result["ok"] is False
    found = problems(run) + [one for name in run.result["targets"] for one in problems(run, name)]
    assert found
    assert all(one["what"] and one["next"] for one in found), found
    assert any(what in one["what"] and next_ in one["next"] for one in found), found
    assert "an error of its own" not in run.out
    for text in (shown.out, dry.out):
        assert f"✗ {found[0]['what'].splitlines()[0]}" in text
        assert re.search(r"^  castoff +\d", text, re.MULTILINE)
    if name.startswith(STILL_KNOWN):
        assert f"v1 serves at {app.url}" in shown.out
    assert app.get("/").status == 200


def test_lines_for_a_file_have_no_colour_and_a_terminal_may_do_without(app: Checkout) -> None:
    assert "\x1b" not in app.inv("doctor", env={"FORCE_COLOR": "1"}).text
