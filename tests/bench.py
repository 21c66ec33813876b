"""The bench: castoff against the bare commands, medians and ratios of the same run.

    nox -s bench            or            python tests/bench.py [--runs N]

Each pair is timed in turn, A B A B …, as whole processes; what counts is the ratio, because the
machine's speed drifts. It prints a table, and is never a test.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from readme import fresh_clone

from castoff import scratch_database

BIN = Path(sys.executable).parent
PORT = 8765
Work = Callable[[], object]


def main() -> None:
    """Time every figure, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5, help="counted runs of each command")
    runs = options.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="castoff-bench-") as folder:
        home = Path(folder)
        clone = fresh_clone(home / "clone")
        os.environ["XDG_STATE_HOME"] = str(home / "state")
        rows = [_list(home, clone, runs), *_deploys(home, clone, runs)]
    print(f"\n| {'figure':<34} | castoff s | bare s | ratio |")
    print(f"|{'-' * 36}|-----------|--------|-------|")
    for name, ours, bare in rows:
        ratio = median(a / b for a, b in zip(ours, bare, strict=True))
        print(f"| {name:<34} | {median(ours):9.2f} | {median(bare):6.2f} | {ratio:5.2f} |")


Row = tuple[str, list[float], list[float]]


def _list(home: Path, clone: Path, runs: int) -> Row:
    """`inv --list`, against a bare Invoke's of as many tasks."""
    bare = home / "bare"
    bare.mkdir()
    names = "build check secrets attach deploy smoke rollback dev status releases logs stop test"
    tasks = [f'@task\ndef {name}(c):\n    """A task."""\n' for name in names.split()]
    (bare / "tasks.py").write_text("from invoke import task\n" + "\n".join(tasks))
    ours, theirs = _in_turn(lambda: _inv(clone, "--list"), lambda: _inv(bare, "--list"), runs * 3)
    return "inv --list / a bare Invoke's", ours, theirs


def _deploys(home: Path, clone: Path, runs: int) -> list[Row]:
    """Warm deploys and rollbacks, against the guides' commands one after another."""
    _inv(clone, "deploy")
    try:
        with _guide(home, clone) as by_hand:
            deploys, bare = _in_turn(lambda: _inv(clone, "deploy"), by_hand, runs, _edit(clone))
            rollbacks = []
            for _ in range(runs):
                rollbacks.append(_timed(lambda: _inv(clone, "rollback")))
                _inv(clone, "deploy")  # forward again, or the next one would go further back
    finally:
        _inv(clone, "stop")
    return [
        ("inv deploy, code changed / the guides'", deploys, bare),
        ("inv rollback / the guides' deploy", rollbacks, bare),
    ]


def _edit(clone: Path) -> Work:
    """Return what changes one line of code and commits it."""
    urls = clone / "project" / "urls.py"
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]

    def edit() -> None:
        urls.write_text(urls.read_text() + f"# {time.time_ns()}\n")
        subprocess.run(["git", *who, "commit", "-qam", "edit"], cwd=clone, check=True)

    return edit


@contextmanager
def _guide(home: Path, clone: Path) -> Iterator[Work]:
    """The guides' commands: archive, install, check, collectstatic, migrate, start, wait for 200.

    They share castoff's virtualenv and its package cache, so that only the commands differ.
    """
    folder = home / "by-hand"
    python = next((home / "state").glob("castoff/*/venvs/*/bin/python"))
    requirements = python.parent.parent / "indexed.txt"
    server: list[subprocess.Popen[bytes]] = []
    with scratch_database() as url:
        env = os.environ | {
            "DATABASE_URL": url,
            "SECRET_KEY": "bench-" * 12,
            "PUBLIC_URLS": f"http://localhost:{PORT}",
            "DJANGO_SETTINGS_MODULE": "project.settings.production",
        }

        def run(*words: str | Path) -> None:
            subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True)

        def commands() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            archive = subprocess.run(
                ["git", "archive", "HEAD"], cwd=clone, check=True, capture_output=True
            )
            subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
            uv = [BIN / "uv", "pip", "install", "--python", python]
            run(*uv, "--require-hashes", "-r", requirements)
            run(python, "manage.py", "check", "--deploy")
            run(python, "manage.py", "collectstatic", "--noinput")
            run(python, "manage.py", "migrate", "--noinput")
            _end(server)
            argv = [python, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{PORT}"]
            server.append(
                subprocess.Popen(
                    [*argv, "--workers", "2"], cwd=folder, env=env, stderr=subprocess.DEVNULL
                )
            )
            _until_200(f"http://localhost:{PORT}/")

        try:
            yield commands
        finally:
            _end(server)


def _end(server: list[subprocess.Popen[bytes]]) -> None:
    while server:
        process = server.pop()
        process.send_signal(signal.SIGTERM)
        process.wait()


def _until_200(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.02)
    raise SystemExit(f"{url} did not answer")


def _inv(folder: Path, *words: str) -> None:
    result = subprocess.run(
        [BIN / "inv", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise SystemExit(f"inv {' '.join(words)}:\n{result.stdout}{result.stderr}")


def _in_turn(
    ours: Work, bare: Work, runs: int, before: Work = lambda: None
) -> tuple[list[float], list[float]]:
    """Time both in turn, after one run of each that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        before()
        for work, kept in zip((ours, bare), times, strict=True):
            seconds = _timed(work)
            if number:
                kept.append(seconds)
    return times


def _timed(work: Work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
