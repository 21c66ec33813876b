"""Runs the README's first command in a fresh clone and a fresh virtualenv, as a new user would.

    python tests/readme.py

The line that it runs is read out of README.md, so that the two cannot disagree.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
MINUTES = 15


def main() -> None:
    """Run it, ask the app that it leaves behind, and stop that again."""
    command = first_command((ROOT / "README.md").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="castoff readme ") as folder:
        home = Path(folder)
        clone = fresh_clone(home / "clone")
        env = fresh_environment(home)
        try:
            print(f"$ {command}", flush=True)
            printed = run(["bash", "-euc", command], clone, env)
            url = printed.rstrip().splitlines()[-1]
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.status == 200, f"{url} answers {answer.status}"
            print(f"{url} answers 200", flush=True)
        finally:
            run(["bash", "-euc", "inv stop"], clone, env)


def first_command(readme: str) -> str:
    """Return the first block of shell lines in the README."""
    found = re.search(r"```(?:sh|shell|bash|console)\n(.*?)```", readme, re.DOTALL)
    assert found, "README.md has no block of shell lines"
    return found[1].strip()


def fresh_clone(folder: Path) -> Path:
    """Commit what git tracks here, as it is now, to a repository of its own."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    who = ["-c", "user.name=README", "-c", "user.email=readme@example.invalid"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "a fresh clone"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def fresh_environment(home: Path) -> dict[str, str]:
    """Make a virtualenv with nothing in it but pip, and an environment that has it active."""
    subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL_ENV")}
    return {
        **kept,
        "PATH": f"{home / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "XDG_STATE_HOME": str(home / "state"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def run(argv: list[str], cwd: Path, env: dict[str, str]) -> str:
    """Run a program, show what it prints, and return it.

    Raises:
        SystemExit: it failed.
    """
    result = subprocess.run(
        argv, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE, timeout=MINUTES * 60, check=False
    )
    print(result.stdout, end="", flush=True)
    if result.returncode:
        raise SystemExit(f"{argv[-1]} ended with status {result.returncode}")
    return result.stdout


if __name__ == "__main__":
    main()
