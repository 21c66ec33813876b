"""Completion: the real bash, zsh and fish are asked, in a project with several targets."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from checkout import INV, eventually

SHELLS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": []}
ORDERS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|[\x07\r]")
# What is typed, and what it becomes: the same in every shell.
TYPED = {
    "inv depl": "inv deploy",
    "inv --dry depl": "inv --dry deploy",
    "inv see": "inv seed",
    "inv deploy --cr": "inv deploy --create",
    "inv rollback --acc": "inv rollback --accept",
    "inv deploy --target=fl": "inv deploy --target=fly",
    "inv deploy --target fl": "inv deploy --target fly",
    "inv deploy -t fl": "inv deploy -t fly",
    "inv deploy --target=fly,her": "inv deploy --target=fly,heroku",
    "inv deploy --target fly,her": "inv deploy --target fly,heroku",
    "inv deploy --json --target=local,fly,her": "inv deploy --json --target=local,fly,heroku",
    "inv --dry deploy --target=fly --target=her": "inv --dry deploy --target=fly --target=heroku",
    "inv build deploy -t her": "inv build deploy -t heroku",
    "invoke status --target=loc": "invoke status --target=local",
}


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three targets and a task of its own."""
    folder = tmp_path_factory.mktemp("a project")
    own = "from invoke import task\n@task\ndef seed(c, target='x'):\n    pass\n"
    end = "import castoff\nns = castoff.collection(__file__, seed)\n"
    (folder / "tasks.py").write_text(own + end)
    (folder / "invoke.yaml").write_text("castoff: {targets: {local: {}, fly: {}, heroku: {}}}\n")
    return folder


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user with a home of their own and nothing configured."""
    home = tmp_path_factory.mktemp("home")
    path = f"{INV.parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "TERM": "dumb", "PS1": "$ ", "LC_ALL": "C.UTF-8"}


def script(shell: str, project: Path, env: dict[str, str]) -> Path:
    """Install the script as a user does."""
    made = subprocess.run(
        [INV, "completion", f"--shell={shell}"], cwd=project, env=env, check=True, text=True,
        capture_output=True,
    )  # fmt: skip
    path = Path(env["HOME"], f"inv.{shell}")
    path.write_text(made.stdout)
    return path


class Typed:
    """A shell on a terminal, and what stands on that."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = ""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._descriptor, text.encode())

    @property
    def screen(self) -> str:
        """What was printed since the last ``clear``, without what moves the cursor."""
        while select.select([self._descriptor], [], [], 0)[0]:
            try:
                self._shown += os.read(self._descriptor, 65536).decode("utf-8", "replace")
            except OSError:  # the shell has ended
                break
        return ORDERS.sub("", self._shown)

    def clear(self) -> None:
        """Forget what was printed."""
        assert self.screen is not None
        self._shown = ""

    def run(self, command: str) -> str:
        """Run a command, and return what was printed until its end."""
        self.type(f"{command}; echo en''ded\n")
        eventually(lambda: "ended" in self.screen)
        return self.screen


@contextmanager
def terminal(shell: str, folder: Path, env: dict[str, str]) -> Iterator[Typed]:
    """A shell on a terminal of its own."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(shell, [shell, *SHELLS[shell]], env)
    try:
        yield Typed(descriptor)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(descriptor)


@pytest.mark.parametrize("shell", [pytest.param(one, marks=needs(one)) for one in ("bash", "zsh")])
def test_a_tab_completes_tasks_options_and_targets(
    shell: str, project: Path, env: dict[str, str]
) -> None:
    path = script(shell, project, env)
    with terminal(shell, project, env) as typed:
        typed.run(f". {path}")
        for text, becomes in TYPED.items():
            typed.clear()
            typed.type(f"{text}\t")
            eventually(lambda becomes=becomes: f"{becomes} " in typed.screen)  # type: ignore[misc]
            typed.type("\x15")  # Ctrl-U: the line is not to be run


@needs("fish")
def test_fish_completes_tasks_options_and_targets(project: Path, env: dict[str, str]) -> None:
    asks = "\n".join(f"echo '> {text}'; complete -C '{text}'" for text in TYPED)
    said = _fish(f"source {script('fish', project, env)}\n{asks}", project, env)
    answers = [part.split("\n") for part in said.strip().split("> ")[1:]]
    became = {text: [f"{text.rpartition(' ')[0]} {one}" for one in rest if one]
              for text, *rest in answers}  # fmt: skip
    assert became == {text: [becomes] for text, becomes in TYPED.items()}


def _fish(program: str, folder: Path, env: dict[str, str]) -> str:
    argv = ["fish", "--no-config", "-c", program]
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", [pytest.param(one, marks=needs(one)) for one in ("bash", "zsh")])
def test_in_a_folder_without_tasks_a_tab_is_silent(
    shell: str, project: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    path = script(shell, project, env)
    with terminal(shell, tmp_path, env) as typed:
        typed.run(f". {path}")
        typed.clear()
        typed.type("inv depl\t\x15")
        said = typed.run("true")
    assert "collection" not in said
    assert "Traceback" not in said
    assert "deploy" not in said


@needs("fish")
def test_in_a_folder_without_tasks_fish_is_silent(
    project: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    path = script("fish", project, env)
    assert _fish(f"source {path}; complete -C 'inv depl'", tmp_path, env) == ""


def _asked(project: Path, *words: str) -> list[str]:
    argv = [INV, "--complete", "--", "inv", *words]
    return subprocess.run(argv, cwd=project, capture_output=True, text=True).stdout.split()


def test_a_target_that_is_named_already_is_not_offered_again(project: Path) -> None:
    left = ["--target=fly,local", "--target=fly,heroku"]
    assert _asked(project, "deploy", "--target=fly,") == left
    assert _asked(project, "deploy", "-t", "") == ["local", "fly", "heroku"]


def test_targets_are_offered_for_castoffs_tasks_only(project: Path) -> None:
    assert "local" not in " ".join(_asked(project, "seed", "--target="))
    assert "local" not in " ".join(_asked(project, "seed", "--target", ""))
    assert "local" not in " ".join(_asked(project, "deploy", "--target", "fly", ""))


def test_without_targets_in_the_configuration_local_is_offered(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("import castoff\nns = castoff.collection(__file__)\n")
    assert _asked(tmp_path, "deploy", "--target=") == ["--target=local"]


@pytest.mark.parametrize("typed", ["--target=", "--ta"])
def test_completion_imports_nothing_heavy(project: Path, typed: str) -> None:
    program = "import sys; from invoke.main import program; sys.argv[0] = 'inv'; program.run()"
    argv = [INV.with_name("python"), "-X", "importtime", "-c", program]
    words = ["--complete", "--", "inv", "deploy", typed]
    done = subprocess.run([*argv, *words], cwd=project, capture_output=True, text=True)
    assert "--target" in done.stdout
    imported = set(re.findall(r"\|\s+([\w.]+)$", done.stderr, re.MULTILINE))
    assert "castoff.command_line" in imported
    assert imported & {"django", "docker", "httpx", "msgspec", "rich"} == set()
