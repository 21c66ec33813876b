"""A checkout of this repository in a folder of its own, and what a user does in it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

REPOSITORY = Path(__file__).parents[1]
INV = Path(sys.executable).with_name("inv")
PATIENCE = 180.0  # seconds that any `inv` may take on a busy machine
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
# What the machine that runs the tests has set must not reach the tested `inv`.
FOREIGN = re.compile(r"(GIT|INVOKE|CASTOFF|DJANGO|PUBLIC|SECRET|DATABASE|VIRTUAL|PYTEST|XDG)_.*")

OUTPUT = '{"event":"output"'

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What the app answered over HTTP."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def release(self) -> str:
        """The commit that the release stamps its answers with."""
        return self.headers.get("x-release", "")


@dataclass(frozen=True)
class Run:
    """How an `inv` ended."""

    words: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that it printed."""
        return self.out + self.err

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of `--json`: each must be one JSON object."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        """The last line of `--json`."""
        last = self.events[-1]
        assert last["event"] == "result"
        return last

    def of(self, target: str) -> dict[str, Any]:
        """A target's part of the result."""
        found: dict[str, Any] = self.result["targets"][target]
        return found

    def must_end(self, status: int) -> "Run":
        """Fail with everything that it printed when it ended with another exit code."""
        self.must_end_with_traceback(status)
        assert "Traceback" not in self._own_text, self.text
        return self

    def must_end_with_traceback(self, status: int) -> "Run":
        """The same where the app's own last words belong to the answer."""
        assert self.status == status, f"inv {' '.join(self.words)}: {self.status}\n{self.text}"
        return self

    @property
    def _own_text(self) -> str:
        """What it says itself: with `--json` what the app's programs print comes as events."""
        kept = (line for line in self.out.splitlines() if not line.startswith(OUTPUT))
        return "\n".join(kept) + self.err


class Background:
    """An `inv` that runs, in a process group of its own, as a terminal would have it."""

    def __init__(self, words: tuple[str, ...], process: subprocess.Popen[bytes], out: Path) -> None:
        self.words = words
        self.process = process
        self._out = out

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._out.read_text("utf-8", "replace")

    def interrupt(self, number: int = signal.SIGINT, *, group: bool = False) -> None:
        """Send a signal to it, or to its process group as Ctrl-C on a terminal does."""
        (os.killpg if group else os.kill)(self.process.pid, number)

    def wait(self, seconds: float = PATIENCE) -> Run:
        """Wait for its end."""
        status = self.process.wait(seconds)
        err = self._out.with_suffix(".err").read_text("utf-8", "replace")
        return Run(self.words, status, self.printed, err)


class Checkout:
    """A clone with its own state folder.

    Attributes:
        root: the project's folder.
        target: the target that is tested.
        env: the environment of every `inv`.
        first: its first deploy, where a fixture has made it.
    """

    first: Run

    def __init__(self, root: Path, target: str, state: Path) -> None:
        self.root = root
        self.target = target
        self.state_home = state
        kept = {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
        self.env = {
            **kept,
            "XDG_STATE_HOME": str(state),
            "PATH": f"{INV.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._runs = 0
        self._url = ""

    @classmethod
    def clone(cls, folder: Path, target: str, name: str = "app") -> "Checkout":
        """Copy what git would clone, with what is not committed yet, and commit it."""
        checkout = cls(folder / name, target, folder / "state")
        copy_repository(checkout.root)
        if target != "local":
            checkout.configure(target=target)
        checkout.git("init", "-q", "-b", "main")
        checkout.commit("First")
        return checkout

    # What a user does

    def inv(self, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Run:
        """Run `inv` to its end."""
        return self.start(*words, cwd=cwd, env=env).wait()

    def start(
        self, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> Background:
        """Start `inv`."""
        self._runs += 1
        self.state_home.mkdir(exist_ok=True)
        out = self.state_home.parent / f"{self.root.name}-run-{self._runs}.out"
        with out.open("wb") as stdout, out.with_suffix(".err").open("wb") as stderr:
            process = subprocess.Popen(
                [str(INV), *words],
                cwd=cwd or self.root,
                env=self.env | (env or {}),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        return Background(words, process, out)

    def git(self, *words: str) -> str:
        """Run git."""
        argv = ["git", *IDENTITY, *words]
        return subprocess.run(
            argv, cwd=self.root, env=self.env, check=True, text=True, capture_output=True
        ).stdout.strip()

    def commit(self, message: str = "Change") -> str:
        """Commit everything, and return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def write(self, path: str, text: str) -> None:
        """Write a file of the checkout."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def append(self, path: str, text: str) -> None:
        """Add to a file of the checkout."""
        self.write(path, self.read(path) + text)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace the one place of a text in a file."""
        text = self.read(path)
        assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}"
        self.write(path, text.replace(old, new))

    def read(self, path: str) -> str:
        """Return a file's text."""
        return (self.root / path).read_text(encoding="utf-8")

    def configure(self, **keys: Any) -> None:
        """Put keys into invoke.yaml, under `castoff:`; JSON is YAML."""
        lines = [f"  {name}: {json.dumps(value)}" for name, value in keys.items()]
        kept = re.sub(
            rf"^  (?:{'|'.join(keys)}):.*\n(?:    .*\n)*", "", self.read("invoke.yaml"), flags=re.M
        )
        self.write("invoke.yaml", kept.rstrip("\n") + "\n" + "\n".join(lines) + "\n")

    def forget_url(self) -> None:
        """Look up anew where the app answers."""
        self._url = ""

    # What there is

    @property
    def state(self) -> Path:
        """The project's state folder."""
        return next((self.state_home / "castoff").iterdir())

    @property
    def folder(self) -> Path:
        """The target's state folder."""
        return self.state / "targets" / self.target

    @property
    def url(self) -> str:
        """Where the app answers, as `inv status` has it; it keeps its place."""
        self._url = self._url or str(self.inv("status", "--json").of(self.target)["url"])
        return self._url

    @property
    def serving(self) -> str:
        """The id of the current release, proven by the stamp that answers."""
        status = self.inv("status", "--json").of(self.target)
        release = status["release"]
        assert status["url"] == self.url
        assert self.stamp == release["commit"]
        return str(release["id"])

    @property
    def stamp(self) -> str:
        """The commit that answers."""
        return self.get("/healthz").release

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def releases(self) -> list[dict[str, Any]]:
        """What `inv releases` lists, newest first."""
        found: list[dict[str, Any]] = self.inv("releases", "--json").of(self.target)["releases"]
        return found

    def get(self, path: str = "/", url: str = "") -> Answer:
        """Ask the app; -1 is the status where nothing answers."""
        return get((url or self.url) + path)

    def end(self) -> None:
        """Stop everything, whatever a test has left behind."""
        with suppress(subprocess.TimeoutExpired):
            self.inv("stop")
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.state_home, ignore_errors=True)

    def processes(self, word: str = "") -> list[int]:
        """The processes whose arguments name the checkout or its state, and the word."""
        places = (os.fsencode(self.state_home), os.fsencode(self.root))
        return [
            pid
            for pid, argv in every_argv()
            if any(place in argv for place in places) and word.encode() in argv
        ]


def get(url: str) -> Answer:
    """Ask a URL; -1 is the status where nothing answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=20) as got:
            headers = {name.lower(): value for name, value in got.headers.items()}
            return Answer(got.status, got.read().decode("utf-8", "replace"), headers)
    except urllib.error.HTTPError as error:
        headers = {name.lower(): value for name, value in error.headers.items()}
        return Answer(error.code, error.read().decode("utf-8", "replace"), headers)
    except OSError as error:
        return Answer(-1, str(error), {})


def every_argv() -> Iterator[tuple[int, bytes]]:
    """Each process's number and arguments."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield int(path.parent.name), path.read_bytes()


def eventually(what: Callable[[], T], seconds: float = 30.0) -> T:
    """Return what is asked for as soon as it is true."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"not true after {seconds:g} s"
        time.sleep(0.05)
    return found


def copy_repository(root: Path) -> None:
    """Copy what a commit of this repository's working tree would have."""
    for name in _names():
        source = REPOSITORY / name
        if source.is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, root / name)


def set_umask(root: Path, umask: int) -> None:
    """Give the files of a clone the modes that they have when it is made under a umask."""
    for path in root.rglob("*"):
        if ".git" not in path.parts and not path.is_symlink():
            path.chmod((0o777 if path.stat().st_mode & 0o100 else 0o666) & ~umask)


def uncached(dockerfile: str) -> str:
    """A Dockerfile of which no command was run yet, and whose cache mounts are empty.

    A build with ``--no-cache`` beside another one ends older engines: moby/buildkit#2303.
    """
    token = token_hex(8)
    cold = re.sub("^FROM .*:.*", rf"\g<0>\nENV COLD={token}", dockerfile, flags=re.MULTILINE)
    return cold.replace("type=cache,", f"type=cache,id={token},")


@cache
def _names() -> tuple[str, ...]:
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True).stdout
    return tuple(name.decode() for name in listed.split(b"\0") if name)


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that another program listens at."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])
