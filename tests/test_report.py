"""The report of a run, and `inv report`: what a user finds after a run, however it ended."""

import html
import re
import signal
from pathlib import Path

from checkout import Checkout, Run, eventually
from faults import broken_home

SUBJECT = "<script>alert(1)</script> & more"


def page_of(run: Run) -> Path:
    """The report that a run says it has."""
    [line] = [line for line in run.text.splitlines() if line.startswith("Report: ")]
    return Path(line.removeprefix("Report: "))


def text_of(page: Path) -> str:
    """What a reader of a page sees, on one line."""
    content = page.read_text().partition("</style>")[2]
    content = re.sub("</?(span|strong|code|a)[^>]*>", "", content)
    return html.unescape(" ".join(re.sub("<[^>]*>", " ", content).split()))


def test_the_line_before_the_url_names_a_page_that_tells_the_whole_deploy(app: Checkout) -> None:
    line, url = app.first.out.splitlines()[-2:]
    page = Path(line.removeprefix("Report: "))
    text = text_of(page)
    for told in (
        "deploy of rummy ✓ done",
        url,
        app.head,
        "Subject First",
        "✓ done: v1 is live: the first release",
        "✓ right: 200",
        "release folder",
        "static files",
        "database",
        "PostgreSQL",
    ):
        assert told in text, told
    assert page.stat().st_mode & 0o777 == 0o600
    assert page.parent.stat().st_mode & 0o777 == 0o700
    assert page.parent.parent == app.state


def test_no_config_var_of_the_app_is_in_it(app: Checkout) -> None:
    values = app.folder.joinpath("config.json").read_text()
    secret = re.search(r'"SECRET_KEY": "([^"]+)"', values)
    assert secret
    for file in (app.state / "reports").iterdir():
        assert secret[1] not in html.unescape(file.read_text())


def test_what_a_commit_says_stays_text(app: Checkout) -> None:
    app.append("project/templates/404.html", "<!-- subject -->")
    app.commit(SUBJECT)
    page = page_of(app.inv("deploy").must_end(0))
    for file in (page, page.with_name("index.html")):
        assert "<script" not in file.read_text()
        assert SUBJECT in text_of(file)


def test_a_deploy_that_failed_has_the_three_parts_of_its_error_and_its_log(app: Checkout) -> None:
    broken_home(app)
    app.commit("Break it")
    run = app.inv("deploy").must_end(1)
    text = text_of(page_of(run))
    for told in (
        "deploy of rummy ✗ failed",
        "What failed",
        "✗ wrong: / answered 500, expected 200",
        "the home page is broken",  # what the app said, in the log
        "✓ done: v4 is live, with the code of v2",
    ):
        assert told in text, told
    assert "Log: " in run.out
    app.git("revert", "--no-edit", "HEAD")


def test_a_run_that_could_not_prepare_has_one_too(app: Checkout) -> None:
    (app.root / ".git/HEAD").rename(app.root / ".git/HEAD.kept")
    try:
        run = app.inv("check").must_end(1)
    finally:
        (app.root / ".git/HEAD.kept").rename(app.root / ".git/HEAD")
    assert "is not in a git repository" in text_of(page_of(run))


def test_a_run_that_is_killed_leaves_a_log_and_no_half_page(app: Checkout) -> None:
    before = set((app.state / "reports").iterdir())
    logs = set((app.state / "logs").iterdir())
    run = app.start("deploy")
    eventually(lambda: run.printed)
    run.interrupt(signal.SIGKILL)
    run.process.wait()
    assert set((app.state / "reports").iterdir()) == before
    assert set((app.state / "logs").iterdir()) - logs
    app.inv("deploy").must_end(0)


def test_smoke_and_stop_say_which_code_it_was_about(app: Checkout) -> None:
    for task in ("smoke", "stop"):
        text = text_of(page_of(app.inv(task).must_end(0)))
        assert f"{task} of rummy ✓ done" in text
        assert 'Revert "Break it"' in text
    app.inv("deploy").must_end(0)


def test_the_history_lists_every_run_with_the_newest_first(app: Checkout) -> None:
    newest = page_of(app.inv("check").must_end(0))
    run = app.inv("report", "--history", "--path").must_end(0)
    links = re.findall(r'href="([^"]+)"', Path(run.out.strip()).read_text())
    assert links[0] == newest.name
    assert sorted(links, reverse=True) == links
    assert set(links) == {page.name for page in newest.parent.glob("2*.html")}


def test_the_newest_report_is_opened_in_the_browser_and_told(app: Checkout, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o700)
    newest = page_of(app.inv("check").must_end(0))
    env = {"BROWSER": f"{browser} %s", "DISPLAY": ""}
    assert app.inv("report", "--path", env=env).must_end(0).out == f"{newest}\n"
    assert not opened.exists()
    assert app.inv("report", env=env).must_end(0).out == f"{newest}\n"
    assert opened.read_text() == newest.as_uri()


def test_without_a_display_it_is_only_told(app: Checkout) -> None:
    env = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    run = app.inv("report", env=env).must_end(0)
    assert Path(run.out.strip()).exists()


def test_before_the_first_run_it_says_so(fresh: Checkout) -> None:
    assert "there is no report yet" in fresh.inv("report").must_end(1).err
