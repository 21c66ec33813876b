"""A run's end: what a person and a program are told, and that a report is always there."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from core_report import Page
from invoke import Config, Context

from castoff.errors import CastoffError, StepError
from castoff.project import Project
from castoff.report.show import show
from castoff.session import Session
from castoff.steps import Job, Made

TARGETS = {"local": {}, "other": {"platform": "local"}}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """What Invoke hands to a task of a project with two targets."""
    castoff = {"project": "shop", "settings": "shop.settings", "targets": TARGETS}
    values = {"castoff": castoff, "castoff_root": str(tmp_path)}
    return Context(Config(overrides=values))


def nothing(job: Job, made: Made) -> Made:
    return made


def refuses(project: Project) -> Made:
    raise StepError("there is no commit", "Nothing was changed.", "Commit it.")


def page_of(printed: str) -> Path:
    """The report that a run says it has."""
    [line] = [line for line in printed.splitlines() if line.startswith("Report: ")]
    return Path(line.removeprefix("Report: "))


def test_what_hinders_every_target_is_told_once_and_is_in_the_report(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(context, "check", ["local", "other"], json=False)
    results = session.perform(nothing, prepare=refuses)
    assert [one.ok for one in results.values()] == [False, False]
    printed = capsys.readouterr().out
    for part in ("there is no commit", "State: Nothing was changed.", "Next: Commit it."):
        assert printed.count(part) == 1, printed
    report = Page(page_of(printed).read_text()).text
    assert "check of shop ✗ failed" in report
    assert "✗ failed: there is no commit" in report  # in the timeline
    assert "prepare failed" in report  # in the log


def test_what_hinders_one_target_only_is_told_with_its_name(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(job: Job, made: Made) -> Made:
        if job.target.name == "other":
            raise StepError("it has no port", "", "")
        return made

    Session(context, "check", ["local", "other"], json=False).perform(work)
    assert "other: it has no port" in capsys.readouterr().out


def interrupt(project: Project) -> Made:
    raise KeyboardInterrupt


def unforeseen(project: Project) -> Made:
    raise ZeroDivisionError("never thought of")


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (interrupt, "check of shop – interrupted"),
        (unforeseen, "castoff met an error of its own: ZeroDivisionError"),
    ],
)
def test_a_run_that_was_interrupted_or_broke_has_a_report_too(
    context: Context,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Project], Made],
    told: str,
) -> None:
    Session(context, "check", [], json=False).perform(nothing, prepare=prepare)
    assert told in Page(page_of(capsys.readouterr().out).read_text()).text


def test_with_json_the_result_names_the_report(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    Session(context, "smoke", [], json=True).perform(nothing)
    shown = capsys.readouterr()
    result = json.loads(shown.out.splitlines()[-1])
    assert Path(result["report"]) == page_of(shown.err)


@pytest.mark.parametrize("task", ["status", "releases"])
def test_a_task_that_only_looks_has_no_report(
    context: Context, capsys: pytest.CaptureFixture[str], task: str
) -> None:
    session = Session(context, task, [], json=True)
    session.perform(nothing)
    assert json.loads(capsys.readouterr().out)["report"] is None
    assert not (session.project.state / "reports").exists()


def test_a_dry_run_has_no_report(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    context.config.run.dry = True
    session = Session(context, "deploy", [], json=True)
    session.perform(nothing)
    assert json.loads(capsys.readouterr().out)["report"] is None
    assert not session.project.state.exists()


def test_a_report_that_cannot_be_written_changes_nothing_of_how_the_run_ended(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(context, "check", [], json=False)
    (session.project.state / "reports").write_text("a file stands in the way")
    assert session.perform(nothing)["local"].ok
    printed = capsys.readouterr().out
    assert "castoff: the report cannot be written: " in printed
    assert "Report:" not in printed


# `inv report`


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_it_tells_where_the_newest_report_and_the_history_are(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    for task in ("check", "deploy"):
        Session(context, task, [], json=False).perform(nothing)
    newest = Path(capsys.readouterr().out.splitlines()[-1].removeprefix("Report: "))
    show(context, history=False, only_path=False)
    show(context, history=True, only_path=True)
    assert capsys.readouterr().out.splitlines() == [
        str(newest),
        str(newest.with_name("index.html")),
    ]
    assert newest.stem.endswith("-deploy")


def test_before_the_first_report_it_says_what_writes_one(context: Context) -> None:
    with pytest.raises(CastoffError, match="there is no report yet"):
        show(context, history=False, only_path=False)


@pytest.fixture
def main_thread_is_deaf() -> Iterator[None]:
    """Let another thread take SIGINT, as the kernel does when that one happens to run."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.usefixtures("main_thread_is_deaf")
def test_ctrl_c_is_heard_although_another_thread_took_the_signal(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(job: Job, made: Made) -> Made:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        os.kill(os.getpid(), signal.SIGINT)
        heard.append(job.project.shell.cancelled.wait(10))
        return made

    heard: list[bool] = []
    Session(context, "check", ["local"], json=False).perform(work)
    assert heard == [True]
