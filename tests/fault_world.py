"""A deployed checkout with data in it, to which a fault happens; and what must hold after it."""

import os
import re
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from typing import Self

from checkout import Background, Checkout, eventually, every_argv, get
from faults import MIGRATIONS, Holds, migration, page
from small_disk import SmallDisk

PLAYERS = ("Ada", "Blaise", "Carl", "Daphne")
# Where secrets belong: files of mode 0600 that the app is started from.
KEPT_IN = re.compile(r"config\.json|current\.json|releases/v\d+\.json")
# Unpacked code, and what other programs write their own way; all of it below a folder of mode 0700.
CODE = {"builds", "sources", "venvs", "database"}
MADE = re.compile(rb'"(?:SECRET_KEY|CASTOFF_PROBE_TOKEN)": "([^"]+)"')
# Runs in the checkout's folder, and prints no secret: the env file has it.
HOLD_SECRETS = "from project.hold import hold; hold('secrets')"
CLIENTS = 4
LOOK = 0.25  # seconds between two looks at everybody's arguments


@dataclass(frozen=True)
class Counted:
    """What the leaderboard shows."""

    players: int
    matches: int


class World:
    """A deployed checkout with data, whose code can be told to wait.

    Attributes:
        app: the checkout.
        holds: the places where its code waits; `secrets` is in the command that prints secrets,
            `late` in a page that the smoke test asks.
        disk: the disk of the state folder; None where it is the machine's.
        recorded: what was recorded so far, and must never be missing.
        before: the commit that served when the row began.
    """

    def __init__(self, app: Checkout, folder: Path) -> None:
        self.app = app
        self.disk: SmallDisk | None = None
        self.holds = Holds(app, folder)
        self.recorded = Counted(0, 0)
        self.before = ""
        self._payment_key = token_hex(20)

    @classmethod
    def cloned(cls, folder: Path, target: str, *, small_disk: bool = False) -> Self:
        """A checkout in which nothing was done yet."""
        world = cls(Checkout.clone(folder, target), folder / "flags")
        world.disk = SmallDisk(world.app.state_home) if small_disk else None
        world.app.write("secrets.env", f"PAYMENT_KEY={world._payment_key}\n")
        world.app.append(".gitignore", "secrets.env\n")
        world.app.configure(
            secrets={
                "env_file": "secrets.env",
                "command": [sys.executable, "-c", HOLD_SECRETS],
                "required": ["PAYMENT_KEY"],
            },
            smoke={"pages": ["/", "/last-30-days/"]},
        )
        page(
            world.app,
            "last-30-days/",
            'from project.hold import hold\n\nhold("late")\n'
            "from project.leaderboard.views import last_30_days\n\nreturn last_30_days(request)",
        )
        world.app.commit("Second")
        return world

    def deploy_first(self) -> None:
        """Deploy, and record the first matches."""
        self.app.first = self.app.inv("deploy").must_end(0)
        for winner, loser in pairwise(PLAYERS):
            self._record(winner, loser)
        self.recorded = Counted(len(PLAYERS), len(PLAYERS) - 1)

    def end(self) -> None:
        """End everything."""
        self.holds.open()
        self.app.end()
        if self.disk:
            self.disk.end()

    # What a row does

    def change(self) -> str:
        """Commit a change that a deploy has to take live, and return the commit."""
        self.app.append("project/templates/404.html", f"<!-- {token_hex(4)} -->")
        return self.app.commit()

    def record(self) -> None:
        """Record a match by the app's own pages."""
        self._record(*PLAYERS[:2])
        self.recorded = Counted(self.recorded.players, self.recorded.matches + 1)

    def start_and_reach(self, place: str, *words: str) -> Background:
        """Start an `inv`, and return when the code that it runs waits at a place."""
        reached = self.holds.close(place)
        run = self.app.start(*words)
        eventually(lambda: reached.exists() or run.process.poll() is not None, 120)
        assert reached.exists(), run.wait().text
        return run

    def add_migration(self, operations: str) -> str:
        """Commit the next migration, which may wait at places; return its file."""
        number = 2 + len([*(self.app.root / MIGRATIONS).glob("*_test.py")])
        migration(self.app, number, operations)
        path = f"{MIGRATIONS}/{number:04}_test.py"
        self.app.edit(path, "import time\n", "from project.hold import hold\n")
        self.app.commit()
        return path

    def add_waiting_migration(self) -> str:
        """Commit a migration that makes a table and then waits at `migrate`."""
        table = f"t{token_hex(4)}"
        self.add_migration(
            f'migrations.RunSQL("CREATE TABLE {table} (id int)", "DROP TABLE {table}"),\n'
            'migrations.RunPython(lambda apps, editor: hold("migrate")),',
        )
        return self.app.head

    def revert(self) -> None:
        """Take the last commit back, in a new one."""
        self.app.git("revert", "--no-edit", "HEAD")

    @property
    def parts(self) -> dict[str, int]:
        """The processes of the app's parts, as `inv --dry status` has them, by the part's name."""
        told = self.app.inv("--dry", "status", "--json").of(self.app.target)["parts"]
        found = {name: re.search(r"process (\d+)", text) for name, text in told.items()}
        return {name: int(match[1]) for name, match in found.items() if match}

    # What must hold

    @property
    def counted(self) -> Counted:
        """The players and the matches that the leaderboard shows."""
        answer = self.app.get("/")
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        played = re.findall(r"of&nbsp;(\d+)", answer.text)
        return Counted(len(played), sum(map(int, played)) // 2)

    def must_have_kept_all_data(self) -> None:
        """Nothing that was recorded is missing."""
        assert self.counted == self.recorded

    def must_have_leaked_nothing(self) -> None:
        """No secret is in what was printed, logged or kept; no file is there for others."""
        secrets = self.secrets
        printed = sorted(self.app.state_home.parent.glob("*-run-*"))
        for path in [*printed, *self._own_files()]:
            if not KEPT_IN.search(str(path)):
                with suppress(FileNotFoundError):
                    content = path.read_bytes()
                    assert not [one for one in secrets if one in content], path
        for path in [self.app.state, *self._own_files(folders=True)]:
            with suppress(FileNotFoundError):
                assert path.is_symlink() or not path.stat().st_mode & 0o077, path

    def must_have_left_nothing_running(self) -> None:
        """What runs is the app and nothing else."""
        parts = self.parts
        eventually(lambda: not self._beside(parts), 90)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the block runs, no process has a secret in its arguments."""
        over, seen = threading.Event(), set[bytes]()

        def look() -> None:
            while not over.wait(LOOK):
                secrets = self.secrets
                seen.update(argv for _, argv in every_argv() if any(one in argv for one in secrets))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert not seen

    @property
    def secrets(self) -> list[bytes]:
        """The values that nobody may see: the user's own, and those that castoff made."""
        configs = self.app.state_home.glob("castoff/*/targets/*/config.json")
        made = [value for path in configs for value in MADE.findall(path.read_bytes())]
        return [self._payment_key.encode(), *made]

    @property
    def processes(self) -> list[int]:
        """The processes that have to do with the checkout, by arguments, environment or folder."""
        return [pid for pid in _everybody() if self._is_mine(pid)]

    def _beside(self, parts: dict[str, int]) -> list[int]:
        """Those that are no part of what serves, nor a worker of one."""
        known = {*parts.values()}
        # What else the supervisor has started is of a release that is over.
        masters = known - {parts.get("supervisor", 0)}
        found = [pid for pid in self.processes if pid not in known]
        return [pid for pid in found if not masters & {*_parents(pid)}]

    def _is_mine(self, pid: int) -> bool:
        place = os.fsencode(self.app.root.parent)
        with suppress(OSError):
            folder = Path(f"/proc/{pid}")
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            return place in told or place in os.fsencode(os.readlink(folder / "cwd"))
        return False

    def _own_files(self, folders: bool = False) -> list[Path]:
        top = self.app.state
        return [
            path
            for path in top.rglob("*")
            if not CODE & {*path.relative_to(top).parts} and (path.is_file() or folders)
        ]

    def _record(self, winner: str, loser: str) -> None:
        browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        )
        url = f"{self.app.url}/record/"
        page = browser.open(url, timeout=20).read().decode()
        fields = dict(re.findall(r'name="(csrfmiddlewaretoken|entry)" value="([^"]+)"', page))
        kind = re.findall(r'name="kind"[^>]* value="([^"]+)"', page)[0]
        fields |= {"winner": winner, "loser": loser, "kind": kind, "points": "10"}
        answer = browser.open(url, urllib.parse.urlencode(fields).encode(), timeout=20)
        assert "Match recorded." in answer.read().decode()


class Load:
    """Clients that ask the home page one after another, each on a new connection, in a block.

    Attributes:
        wrong: what they were answered instead of the page.
    """

    def __init__(self, world: World) -> None:
        self.wrong: list[str] = []
        self._url = f"{world.app.url}/"
        self._over = threading.Event()
        self._good = 0
        self._clients = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        self.go_on()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for client in self._clients:
            client.join()

    def go_on(self) -> None:
        """Wait until some more pages came as they should."""
        enough = self._good + 10 * CLIENTS
        eventually(lambda: self._good >= enough, 60)

    def _ask(self) -> None:
        while not self._over.is_set():
            answer = get(self._url)
            if answer.status == 200:
                self._good += 1
            else:
                self.wrong.append(f"{answer.status}: {answer.text[:200]}")


def _everybody() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that run."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _parents(pid: int) -> Iterator[int]:
    with suppress(OSError):
        while pid > 1:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            pid = int(stat.rpartition(")")[2].split()[1])
            yield pid
