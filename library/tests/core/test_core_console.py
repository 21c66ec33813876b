"""What a person, a program and the log are shown; never a secret, whatever the stream does."""

import io
import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from castoff.console import JsonLines, Terminal
from castoff.events import (
    Bus,
    Event,
    Failed,
    Finished,
    Found,
    Note,
    Output,
    Planned,
    Smoked,
    Started,
)
from castoff.log_file import LogFile
from castoff.model import Finding, Level, Secret, SmokeCheck

AWKWARD = "q'uo\"te\\ \U0001f600 \u2028 \udcff [bold]tag[/] \x1b[31mred\x1b[0m\x07 :smile:"


def events(text: str) -> list[Event]:
    place = ("local", "build")
    return [
        Started(*place),
        Output(*place, text),
        Note(*place, text, True),
        Planned(*place, text, text),
        Found(*place, Finding("E101", Level.ERROR, text, text, f"{text}\n{text}")),
        Found(*place, Finding("W102", Level.WARNING, text, text, text, silenced=text)),
        Smoked(*place, SmokeCheck("stamp", False, text, 0.1)),
        Failed(*place, 1.0, text, text, text),
        Finished(*place, 1.0, text),
    ]


def everything(tmp_path: Path, text: str) -> tuple[str, str, str]:
    person, program = io.StringIO(), io.StringIO()
    log = LogFile(tmp_path / "logs", "deploy")
    terminal, lines = Terminal(person, ["local"], all_answers=True), JsonLines(program)
    bus = Bus(terminal, lines, log)
    with terminal:
        for event in events(text):
            bus(event)
        terminal.line(text)
        terminal.table(["head", "other"], [[text, "x"], ["y", text]])
    lines.write({"event": "result", "targets": {"local": {"error": {"what": text}}}})
    return person.getvalue(), program.getvalue(), log.path.read_text()


def test_in_a_pipe_it_is_plain_text_that_is_never_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "40")
    person, _, _ = everything(tmp_path, "word " * 100 + AWKWARD.replace("\u2028", ""))
    assert "\x1b" not in person
    assert "\x07" not in person
    assert "[bold]tag[/]" in person
    assert ":smile:" in person
    shown = [line for line in person.splitlines() if not line.startswith("head")]
    assert len(shown) == 10  # a step that told its plan has no second line
    assert all(line.count("word") >= 100 for line in shown)


def test_each_event_is_one_valid_json_object_a_line(tmp_path: Path) -> None:
    _, program, _ = everything(tmp_path, AWKWARD + '"},{"\nand\r\nmore\x00')
    lines = program.rstrip("\n").split("\n")
    objects = [json.loads(line) for line in lines]
    assert [one["event"] for one in objects] == [
        "started", "output", "note", "planned", "found", "found", "smoked", "failed", "finished",
        "result",
    ]  # fmt: skip
    assert objects[1]["line"].startswith("q'uo\"te\\ \U0001f600")
    assert objects[4]["finding"]["level"] == "error"
    assert objects[8] == {
        "event": "finished",
        "target": "local",
        "step": "build",
        "seconds": 1.0,
        "detail": objects[1]["line"],
        "changed": True,
    }


@pytest.mark.parametrize(
    "value",
    [
        "simple-secret-value",
        "q'uo\"te\\back`tick",
        "abcdef\\",
        '":{"targets":null}',
        "first-line\nsecond-line\nthird-line",
        "\u00a0nbsp\u2028separator\U0001f600",
        os.fsdecode(b"bytes\xff\xfe-of-no-text"),
        "esc\x1b[31mape-sequence",
    ],
)
def test_a_secret_reaches_none_of_the_three(value: str, tmp_path: Path) -> None:
    Secret("NAME", value)
    texts = everything(tmp_path, f"say \"{value}\" and '{value}' {value!r} {json.dumps(value)}")
    parts = [part for part in (value, *value.split("\n")) if len(part) >= 6]
    for shown in texts:
        assert shown.count("[redacted]") >= 8
        for part in parts:
            printed = part.encode("utf-8", "replace").decode()
            for form in (part, printed, json.dumps(printed)[1:-1], repr(printed)[1:-1]):
                assert form not in shown
    for line in texts[1].splitlines():
        json.loads(line)


def test_a_target_s_name_stays_even_when_a_secret_is_the_same_word(tmp_path: Path) -> None:
    Secret("WHERE", "heroku-eu")
    program = io.StringIO()
    JsonLines(program)(Note("heroku-eu", "build", "to heroku-eu"))
    assert json.loads(program.getvalue())["target"] == "heroku-eu"
    assert json.loads(program.getvalue())["text"] == "to [redacted]"


def test_with_several_targets_each_line_begins_with_its_own() -> None:
    person = io.StringIO()
    terminal = Terminal(person, ["fly", "heroku"])
    terminal(Finished("fly", "build", 1.25, "an image"))
    terminal(Finished("heroku", "build", 61.0, "a slug", changed=False))
    assert person.getvalue().splitlines() == [
        "fly     ✓ build       1.2 s  an image",
        "heroku  ✓ build      61.0 s  a slug",
    ]


def run(code: str, **options: Any) -> "subprocess.CompletedProcess[Any]":
    head = (
        "import sys; from pathlib import Path\n"
        "from castoff.console import *; from castoff.events import *\n"
        "from castoff.log_file import LogFile\n"
    )
    return subprocess.run([sys.executable, "-c", head + code], timeout=30, **options)


@pytest.mark.parametrize("kind", ["Terminal(sys.stdout, ['local'])", "JsonLines(sys.stdout)"])
def test_a_reader_that_goes_away_does_not_end_the_run(kind: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = (
        f"out = {kind}\n"
        "for _ in range(3): out(Note('local', 'build', 'x' * 100_000))\n"
        "sys.stderr.write('went on')"
    )
    done = run(code, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"went on")


@pytest.mark.parametrize("kind", ["Terminal(sys.stdout, ['local'])", "JsonLines(sys.stdout)"])
def test_a_full_disk_behind_the_output_is_told_once_and_does_not_end_the_run(kind: str) -> None:
    with open("/dev/full", "wb") as full:
        code = f"out = {kind}\nfor _ in 'ab': out(Note('a', 'b', 'c'))\nsys.stderr.write('went on')"
        done = run(code, stdout=full, stderr=subprocess.PIPE)
    told = b"castoff: stdout cannot be written: No space left on device; the run goes on\n"
    assert (done.returncode, done.stderr) == (0, told + b"went on")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_of_few_letters_is_no_obstacle(encoding: str) -> None:
    code = (
        "Terminal(sys.stdout, ['local'])(Finished('local', 'build', 1.0, 'größe \\U0001f600'))\n"
        "JsonLines(sys.stdout)(Note('a', 'b', 'größe'))"
    )
    done = run(code, env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["text"] == "größe"


def test_the_log_is_for_its_owner_and_the_fifty_newest_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    before = os.umask(0)
    try:
        logs = [LogFile(folder, "deploy") for _ in range(60)]
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    assert sorted(folder.iterdir()) == [log.path for log in logs[-50:]]


def test_a_log_on_a_full_disk_is_told_once_and_does_not_stop_the_run(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).returncode:
        pytest.skip("no right to mount here")
    try:
        code = (
            f"log = LogFile(Path({str(small)!r}, 'logs'), 'deploy')\n"
            "for _ in range(5): log(Output('a', 'b', 'x' * 50_000))\n"
            "print('went on')"
        )
        done = run(code, capture_output=True, text=True)
    finally:
        subprocess.run(["umount", small], check=True)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert done.stderr == "castoff: the log cannot be written: No space left on device\n"


def test_a_log_that_cannot_be_made_does_not_stop_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file stands in the way")
    log = LogFile(tmp_path / "logs", "deploy")
    log(Note("a", "b", "c"))
    assert capsys.readouterr().err == "castoff: the log cannot be written: File exists\n"


def test_on_a_terminal_it_shows_what_runs_and_cleans_up(tmp_path: Path) -> None:
    code = (
        "import time\nfrom castoff.model import Secret\nSecret('KEY', 'very-secret-value')\n"
        "with Terminal(sys.stdout, ['local']) as out:\n"
        "    out(Output('', 'prepare', 'getting ready'))\n    time.sleep(0.3)\n"
        "    out(Started('local', 'build'))\n"
        "    out(Output('local', 'build', 'half way [very-secret-value] \\x1b[2J'))\n"
        "    time.sleep(0.3)\n"
        "    out(Finished('local', 'build', 1.0, 'an artifact'))\n"
        "    time.sleep(0.2)\nprint('end')"
    )
    shown = on_a_terminal(code)
    for text in ("prepare  getting ready", "local build  half way [[redacted]]", "an artifact"):
        assert text in shown
    assert "very-secret" not in shown
    assert "\x1b[2J" not in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back
    after = shown[shown.rindex("\x1b[?25h") :]
    assert "build" not in after
    assert after.endswith("end\r\n")
    assert "prepare" not in shown[shown.index("local build") :]


def on_a_terminal(code: str) -> str:
    ours, theirs = pty.openpty()
    parts: list[bytes] = []

    def read() -> None:
        try:
            while chunk := os.read(ours, 65536):
                parts.append(chunk)
        except OSError:
            pass  # the other end is closed

    reader = threading.Thread(target=read)
    reader.start()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    done = run(code, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    reader.join(5)
    os.close(ours)
    shown = b"".join(parts).decode()
    assert done.returncode == 0, shown
    return shown
