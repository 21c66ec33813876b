"""Programs are started, listened to and ended, whatever they do."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from castoff import shell as shells
from castoff.errors import Interrupted
from castoff.shell import CommandFailed, Shell

AWKWARD = [
    "a b",
    "'\"",
    "$HOME `id` \\",
    "line\nfeed",
    "\t\r",
    "é \U0001f600 \u2028 \u00a0",
    "",
    "-x",
]
PYTHON = sys.executable


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def gone(pid: int) -> bool:
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return content.rpartition(")")[2].split()[0] in "ZX"


def soon(true: Callable[[], bool], seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> object:
    threads, before = threading.active_count(), descriptors()
    yield
    assert threading.active_count() == threads
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_each_argument_arrives_as_it_was_given(shell: Shell) -> None:
    code = "import os, sys; [os.write(1, os.fsencode(word) + b'\\0') for word in sys.argv[1:]]"
    printed = shell.run([PYTHON, "-c", code, *AWKWARD]).stdout
    assert printed.split("\0")[:-1] == AWKWARD


def test_bytes_of_the_environment_that_are_no_utf8_arrive(shell: Shell) -> None:
    env = {"VALUE": os.fsdecode(b"\xff\xfe")}
    code = "import os; print(os.environb[b'VALUE'])"
    assert shell.run([PYTHON, "-c", code], env=env).stdout.strip() == r"b'\xff\xfe'"


def test_starting_a_program_costs_a_few_milliseconds(shell: Shell) -> None:
    def seconds() -> float:
        began = time.monotonic()
        shell.run(["true"])
        return time.monotonic() - began

    assert min(seconds() for _ in range(10)) < 0.02


@pytest.mark.parametrize("end", ["", "\n"])
def test_thirty_megabytes_arrive_whole(shell: Shell, end: str) -> None:
    code = f"for number in range(300): print('x' * 99_999, end={end!r})"
    lines: list[str] = []
    result = shell.run([PYTHON, "-c", code], on_line=lines.append)
    assert len(result.stdout) == 300 * (99_999 + len(end))
    assert sum(map(len, lines)) == 300 * 99_999


def test_of_very_many_lines_the_last_are_kept(shell: Shell) -> None:
    result = shell.run(["seq", "150000"])
    assert result.stdout.endswith("\n149999\n150000\n")
    assert len(result.stdout.splitlines()) == 100_000


def test_both_streams_are_read_at_once(shell: Shell) -> None:
    code = (
        "import sys\n"
        "for _ in range(200): sys.stderr.write('e' * 9999); sys.stdout.write('o' * 9999)"
    )
    result = shell.run([PYTHON, "-c", code], timeout=30)
    assert (len(result.stdout), len(result.stderr)) == (200 * 9999, 200 * 9999)


def test_a_line_is_handed_on_as_soon_as_it_comes(shell: Shell) -> None:
    seen: list[float] = []
    argv = ["sh", "-c", "echo one; sleep 0.5; printf two"]
    shell.run(argv, on_line=lambda line: seen.append(time.monotonic()))
    assert len(seen) == 2
    assert seen[1] - seen[0] > 0.3


def test_output_that_is_no_text_is_still_answered(shell: Shell) -> None:
    result = shell.run(["head", "-c", "100000", "/dev/urandom"])
    assert result.status == 0
    assert result.stdout


def test_input_longer_than_a_pipe_arrives_and_comes_back(shell: Shell) -> None:
    data = b"z" * 3_000_000
    assert len(shell.run(["cat"], stdin=data).stdout) == len(data)


def test_input_that_nobody_reads_does_no_harm(shell: Shell) -> None:
    assert shell.run(["true"], stdin=b"z" * 3_000_000).status == 0


def test_without_input_a_program_reads_an_end_at_once(shell: Shell) -> None:
    assert shell.run(["cat"], timeout=5).stdout == ""


def test_a_failure_carries_status_and_last_lines(shell: Shell) -> None:
    with pytest.raises(CommandFailed, match="sh ended with status 3") as caught:
        shell.run(["sh", "-c", "echo out; echo why >&2; exit 3"])
    assert caught.value.result.last_lines == "why"
    assert shell.run(["false"], check=False).status == 1


def test_an_end_by_a_signal_is_told_by_its_name(shell: Shell) -> None:
    with pytest.raises(CommandFailed, match="was ended by SIGKILL"):
        shell.run(["sh", "-c", "kill -9 $$"])


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["no-such-program"], "No such file or directory"),
        (["/etc/passwd"], "Permission denied"),
        (["echo", "a\0b"], "null byte"),
        (["echo", "x" * 3_000_000], "Argument list too long"),
    ],
)
def test_what_cannot_be_started_says_why(shell: Shell, argv: list[str], reason: str) -> None:
    with pytest.raises(CommandFailed, match=f"could not be started: .*{reason}"):
        shell.run(argv)


def test_a_missing_folder_is_not_taken_for_a_missing_program(shell: Shell) -> None:
    with pytest.raises(CommandFailed, match="there is no folder /nowhere"):
        shell.run(["true"], cwd=Path("/nowhere"))


def test_a_time_limit_ends_the_children_of_the_program_too(shell: Shell, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    stubborn = f"trap '' TERM; echo $$ > {pid}; while :; do sleep 0.1; done"
    began = time.monotonic()
    with pytest.raises(CommandFailed, match=r"took longer than 0\.5 s"):
        shell.run(["sh", "-c", f'sh -c "{stubborn}" & exec sleep 60'], timeout=0.5)
    assert time.monotonic() - began < 4
    assert soon(lambda: gone(int(pid.read_text())))


def test_a_program_that_ignores_the_request_to_end_is_killed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shells.end_group, "__defaults__", (0.5,))
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN)\n"
        "print('on', flush=True); time.sleep(60)"
    )
    began = time.monotonic()
    with pytest.raises(CommandFailed) as caught:
        shell.run([PYTHON, "-c", code], timeout=0.5)
    assert time.monotonic() - began < 4
    assert caught.value.result.stdout == "on\n"


def test_a_grandchild_that_holds_the_pipes_neither_hangs_it_nor_loses_output(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shells, "GRACE", 1.0)
    pid = tmp_path / "pid"
    began = time.monotonic()
    result = shell.run(["sh", "-c", f"sleep 60 & echo $! > {pid}; sleep 0.2; echo done"])
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert result.stdout == "done\n"
    assert time.monotonic() - began < 3


def test_cancel_ends_everything_and_each_run_says_interrupted(shell: Shell) -> None:
    ended: list[str] = []

    def run() -> None:
        try:
            shell.run(["sleep", "60"])
        except Interrupted:
            ended.append("interrupted")

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert soon(lambda: len(shell._running) == 3)
    began = time.monotonic()
    shell.cancel()
    for thread in threads:
        thread.join(5)
    assert ended == ["interrupted"] * 3
    assert time.monotonic() - began < 4
    with pytest.raises(Interrupted):
        shell.run(["true"])


def test_an_exception_in_the_listener_leaves_no_program_behind(shell: Shell) -> None:
    pids: list[int] = []

    def fail(line: str) -> None:
        pids.append(int(line))
        raise RuntimeError("the listener failed")

    with pytest.raises(RuntimeError):
        shell.run(["sh", "-c", "echo $$; exec sleep 60"], on_line=fail)
    assert gone(pids[0])


def test_ctrl_c_in_the_main_thread_leaves_no_program_behind(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "from pathlib import Path\nfrom castoff.shell import Shell\n"
        f"heard = Path({str(pid)!r}).write_text\n"
        "Shell().run(['sh', '-c', 'echo $$; exec sleep 60'], on_line=heard)"
    )
    with subprocess.Popen([PYTHON, "-c", code], stderr=subprocess.DEVNULL) as program:
        assert soon(lambda: pid.exists() and bool(pid.read_text()))
        program.send_signal(signal.SIGINT)
        assert program.wait(10)
    assert soon(lambda: gone(int(pid.read_text())))


@pytest.mark.parametrize("told", [True, False])
def test_ctrl_c_ends_a_program_in_the_foreground(told: bool, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    inner = (
        "import time, pathlib\ntry:\n"
        f"    pathlib.Path({str(ready)!r}).write_text('x'); time.sleep(60)\n"
        "except KeyboardInterrupt: raise SystemExit(7)"
    )
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom castoff.shell import foreground\n"
        f"sys.exit(foreground([sys.executable, '-c', {inner!r}], Path('/'), os.environ))"
    )
    with subprocess.Popen([PYTHON, "-c", code], start_new_session=True) as program:
        assert soon(ready.exists, 10)
        time.sleep(0.1)
        if told:
            os.killpg(program.pid, signal.SIGINT)
        else:
            program.send_signal(signal.SIGINT)
        assert program.wait(10) == 7


def test_the_log_of_a_spawned_program_is_for_its_owner(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = shells.spawn(["echo", "hello"], cwd=tmp_path, env=os.environ, log=log)
    assert process.wait(5) == 0
    assert log.read_text() == "hello\n"
    assert log.stat().st_mode & 0o777 == 0o600
