"""The reports' folder and the history page: whole files, the newest runs, whoever writes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from core_report import Page, account

from castoff.log_file import LogFile
from castoff.model import Secret
from castoff.project import private_folder
from castoff.report import history
from castoff.report.folder import KEPT, Folder
from castoff.report.page import render

HOSTILE = "<script>alert(1)</script>\"'\x1b[31m"
WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from core_report import account
from castoff.report import history
from castoff.report.folder import Folder
from castoff.report.page import render

folder, told = Folder(Path(sys.argv[2])), account(sys.argv[4] * int(sys.argv[5]))
for number in range(int(sys.argv[6])):
    run = f"20261121T12{number:04}.{sys.argv[3]}-deploy"
    folder.write(f"{run}.html", render(told, "index.html").encode(), run)
    folder.write(f"{run}.json", history.record(told), run)
    history.rewrite(folder, run)
"""


def name(number: int) -> str:
    return f"20261121T122302.{number:06}-deploy"


def run(folder: Folder, name: str, text: str = "words") -> None:
    """What a run writes at its end."""
    told = account(text)
    folder.write(f"{name}.html", render(told, "index.html").encode(), name)
    folder.write(f"{name}.json", history.record(told), name)
    folder.prune(name)
    history.rewrite(folder, name)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "state")
    private_folder(made.path)
    return made


def writer(folder: Folder, who: str, *, words: int, runs: int) -> "subprocess.Popen[bytes]":
    """Another process that ends one run after another."""
    place, state = str(Path(__file__).parent), str(folder.path.parent)
    argv = [sys.executable, "-c", WRITER, place, state, who, "word ", str(words), str(runs)]
    return subprocess.Popen(argv)


def listed(folder: Folder) -> list[str]:
    """The runs on the history page, as they stand there."""
    links = Page(folder.history.read_text()).all("a")
    return [link["href"].removesuffix(".html") for link in links]


def test_the_files_are_for_their_owner_only(folder: Folder) -> None:
    before = os.umask(0)
    try:
        run(folder, name(1))
    finally:
        os.umask(before)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    files = list(folder.path.iterdir())
    assert len(files) == 3
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)


def test_the_last_fifty_runs_are_kept_each_with_its_log(tmp_path: Path, folder: Folder) -> None:
    logs = tmp_path / "state/logs"
    names = []
    for _ in range(KEPT + 5):
        log = LogFile(logs, "deploy")
        names.append(log.path.stem)
        run(folder, names[-1])
    assert [page.stem for page in folder.pages()] == names[-KEPT:]
    assert [record.stem for record in folder.records()] == names[-KEPT:]
    assert [log.stem for log in sorted(logs.iterdir())] == names[-KEPT:]
    assert len(listed(folder)) == KEPT


def test_the_logs_of_runs_without_a_report_do_not_push_those_out(
    tmp_path: Path, folder: Folder
) -> None:
    logs = tmp_path / "state/logs"
    deploy = LogFile(logs, "deploy").path
    run(folder, deploy.stem)
    for _ in range(60):
        LogFile(logs, "status")
    assert deploy.exists()
    assert len(list(logs.iterdir())) == 51


def test_a_clock_that_was_set_back_does_not_cost_the_run_its_report(folder: Folder) -> None:
    for number in range(KEPT):
        run(folder, name(number))
    run(folder, "20200101T000000.000000-deploy")
    assert len(folder.pages()) == KEPT
    assert folder.pages()[0].stem == "20200101T000000.000000-deploy"


def test_the_newest_run_is_first_in_the_table_and_last_in_the_chart(folder: Folder) -> None:
    told = account("words")
    runs = []
    for number, task in enumerate(("check", "deploy", "rollback")):
        began = told.began + timedelta(hours=number)
        one = msgspec.structs.replace(told, task=task, began=began, seconds=number + 1.0)
        runs.append((name(number), msgspec.json.decode(history.record(one), type=history.Record)))
    page = Page(history.render(runs))
    assert [link["href"] for link in page.all("a")] == [f"{name(n)}.html" for n in (2, 1, 0)]
    places = [float(bar["x"][:-1]) for bar in page.all("rect")]
    heights = [float(bar["height"]) for bar in page.all("rect")]
    assert places == sorted(places)
    assert heights == sorted(heights)
    assert page.text.index("check fly, heroku") > page.text.index("rollback fly, heroku")


def test_what_a_commit_says_stays_text_and_no_secret_is_in_it(folder: Folder) -> None:
    Secret("KEY", "very-secret-value")
    run(folder, name(1), HOSTILE + "very-secret-value")
    for file in folder.path.iterdir():
        content = file.read_text()
        assert "very-secret" not in content
        assert "<script" not in content or file.suffix == ".json"
    assert "<script>alert(1)</script>" in Page(folder.history.read_text()).text


def test_a_damaged_record_is_left_out(folder: Folder) -> None:
    run(folder, name(1))
    (folder.path / f"{name(2)}.json").write_bytes(b'{"task": "depl')
    (folder.path / f"{name(3)}.json").write_bytes(b'{"verdict": "of a later castoff"}')
    run(folder, name(4))
    assert listed(folder) == [name(4), name(1)]


def test_runs_that_end_at_the_same_time_are_all_in_the_history(folder: Folder) -> None:
    writers = [writer(folder, who, words=1, runs=20) for who in ("000001", "000002", "000003")]
    assert [one.wait(120) for one in writers] == [0, 0, 0]
    assert len(listed(folder)) == 60
    assert not list(folder.path.glob(".*"))


def test_a_run_that_is_killed_leaves_no_half_page(folder: Folder) -> None:
    for later in (0.0, 0.01, 0.02, 0.04):  # seconds: anywhere in a page
        killed = writer(folder, "000001", words=20_000, runs=10_000)
        until(lambda: bool(folder.pages()))
        time.sleep(later)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        for page in [*folder.pages(), *folder.path.glob("index.html")]:
            assert page.read_text().endswith("</html>\n"), page
        for record in folder.records():
            msgspec.json.decode(record.read_bytes(), type=history.Record)
        for file in folder.pages():
            file.unlink()


def test_what_a_killed_run_left_goes_with_the_runs_of_its_time(folder: Folder) -> None:
    left = folder.path / f".{name(1)}-abc"
    left.write_text("half")
    for number in range(2, KEPT + 3):
        run(folder, name(number))
    assert not left.exists()
    assert not [file for file in folder.path.iterdir() if not re.match("2026|index", file.name)]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
