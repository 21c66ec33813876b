"""One boot test, from the scratch database to the server's end."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import msgspec

from castoff.config import SmokeConfig
from castoff.image.boot import verdict
from castoff.image.boot.come_up import Wanted, wait_until_up
from castoff.image.boot.database import Database, scratch_database
from castoff.image.boot.ending import Ended, end_under_load
from castoff.image.boot.load import Load
from castoff.image.boot.memory import Memory
from castoff.image.boot.network import Network, private_network
from castoff.image.container import Container, Spec, running
from castoff.image.engine import Engine
from castoff.image.leftovers import sweep
from castoff.image.model import Image
from castoff.model import Secret, SmokeCheck
from castoff.smoke import ask
from castoff.targets.base import Say

HOST = "localhost"
URL = f"http://{HOST}"
RELEASE = ("python", "manage.py", "release")
RELEASE_SECONDS = 600.0
# Nobody answers in a closed network: looking up a host fails after 1 s, and not after 10.
IN_VAIN = ("timeout:1", "attempts:1")
LATE = 5.0  # seconds that a client waits beyond the server's last moment


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How an image is run in its boot test.

    Attributes:
        project: the project's name.
        env: config vars as the app has them on its target. What leads to the test itself is set
            in their place: PORT, DATABASE_URL, PUBLIC_URLS, CASTOFF_PROBE_TOKEN.
        memory_mb: MiB of memory, the whole of the platform's machine.
        smoke: the pages and forms to ask.
        port: the port in PORT.
        health_path: where it answers health checks.
        boot_seconds: how long it may take until it is healthy.
        stop_seconds: how long it may take to end after SIGTERM.
        postgres: the folder of PostgreSQL's programs; found when left out.
    """

    project: str
    env: Mapping[str, Secret] = field(default_factory=dict)
    memory_mb: int = 256
    smoke: SmokeConfig = field(default_factory=SmokeConfig)
    port: int = 8000
    health_path: str = "/healthz"
    boot_seconds: float = 60.0
    stop_seconds: float = 30.0
    postgres: Path | None = None


class Booted(msgspec.Struct, frozen=True):
    """An image that passed its boot test.

    Attributes:
        prepare_seconds: what the network and the scratch database took.
        release_seconds: what the release command took.
        boot_seconds: from the server's start to its first answer.
        ask_seconds: what the questions took.
        load_seconds: how long it was asked by many at once, its end left out.
        stop_seconds: from SIGTERM to its end.
        memory: what its processes took after some requests.
        checks: the questions, with their answers.
        answered: requests that were answered under load.
        turned_away: requests that it had not begun when it was told to end.
        wrote: the line of its log that tells of an attempt to write to the read-only root, without
            which it went on; empty when there is none.
    """

    prepare_seconds: float
    release_seconds: float
    boot_seconds: float
    ask_seconds: float
    load_seconds: float
    stop_seconds: float
    memory: Memory
    checks: tuple[SmokeCheck, ...]
    answered: int
    turned_away: int
    wrote: str = ""


def boot(
    engine: Engine, image: Image, trial: Trial, *, say: Say, cancelled: Event | None = None
) -> Booted:
    """Run an image as a platform does: hardened, and with nothing to reach but a real PostgreSQL.

    Args:
        engine: the engine that has the image.
        image: the image.
        trial: how it is run.
        say: takes lines of progress.
        cancelled: set, from another thread, when nobody wants to know any more.

    Raises:
        StepError: it did not pass; the error has its last lines, and nothing is left of it.
        Interrupted: it was cancelled.
    """
    client, lap = engine.client, _Laps()
    for name in sweep(client, trial.project):
        say(f"taken away: {name}, which a run that was killed had left")
    with (
        private_network(client, trial.project) as network,
        scratch_database(client, trial.postgres) as database,
    ):
        test = _Test(image, trial, network, database, cancelled)
        prepared = lap()
        say(f"a scratch PostgreSQL is up after {prepared:.1f} s")
        with running(client, test.spec("release", RELEASE)) as command:
            test.release(command)
        released = lap()
        say(f"the release command took {released:.1f} s")
        with running(client, test.spec("server")) as server:
            up = wait_until_up(server, test.wanted, cancelled)
            lap()
            checks = test.ask(server)
            asked = lap()
            say(f"it answered after {up:.1f} s, and {len(checks)} questions as it should")
            ended = test.end(server)
            wrote = verdict.writes(server.logs(verdict.LOOKED_AT).splitlines())
    if wrote:
        say(f"the app went on without a file that it could not write: {wrote}")
    say(f"it ended {ended.seconds:.1f} s after SIGTERM, and lost none of {ended.answered} requests")
    return Booted(
        prepare_seconds=prepared,
        release_seconds=released,
        boot_seconds=up,
        ask_seconds=asked,
        load_seconds=ended.load_seconds,
        stop_seconds=ended.seconds,
        memory=ended.memory,
        checks=tuple(checks),
        answered=ended.answered,
        turned_away=ended.turned_away,
        wrote=wrote,
    )


class _Laps:
    """A clock that tells the seconds since it was asked before."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def __call__(self) -> float:
        now = time.monotonic()
        spent, self._since = now - self._since, now
        return spent


class _Test:
    """What the containers of one test have in common."""

    def __init__(
        self,
        image: Image,
        trial: Trial,
        network: Network,
        database: Database,
        cancelled: Event | None,
    ) -> None:
        self._image, self._trial = image, trial
        self._network, self._database = network, database
        self._cancelled = cancelled
        self._id = secrets.token_hex(4)
        self._token = Secret("CASTOFF_PROBE_TOKEN", secrets.token_urlsafe(32))
        self.wanted = Wanted(
            trial.port, trial.health_path, HOST, trial.boot_seconds, network.closed
        )

    def spec(self, role: str, command: tuple[str, ...] = ()) -> Spec:
        """Return what runs: the image's own command, or another one in its place."""
        trial, published = self._trial, not command and not self._network.closed
        return Spec(
            image=self._image.id,
            project=trial.project,
            name=f"castoff-{trial.project}-{role}-{self._id}",
            command=command,
            env=self._env(),
            memory_mb=trial.memory_mb,
            network=self._network.name,
            ports={trial.port: 0} if published else {},
            mounts=self._database.mounts,
            hosts=self._database.hosts,
            dns=IN_VAIN,
        )

    def release(self, command: Container) -> None:
        """Wait for the end of the release command.

        Raises:
            StepError: it did not end with 0.
        """
        ended = command.wait(RELEASE_SECONDS, self._cancelled)
        if ended.running or ended.exit_code:
            raise verdict.release_failed(command, ended, " ".join(RELEASE))

    def ask(self, server: Container) -> list[SmokeCheck]:
        """Ask what smoke asks of a release.

        Raises:
            StepError: an answer was wrong.
        """
        trial = self._trial
        checks = ask(
            URL,
            stamp=self._image.stamp,
            token=self._token,
            options=trial.smoke,
            admin=None if trial.smoke.admin == "none" else trial.smoke.admin,
            health_path=trial.health_path,
            address=server.address(trial.port),
            on_check=lambda check: None,
            cancelled=self._cancelled,
        )
        if wrong := [check for check in checks if not check.ok]:
            raise verdict.answers_wrongly(server, wrong)
        return checks

    def end(self, server: Container) -> Ended:
        """Let it end while it is asked; see ``end_under_load``."""
        trial = self._trial
        address, paths = server.address(trial.port), trial.smoke.pages[:1] or (trial.health_path,)
        load = Load(address, HOST, paths, trial.stop_seconds + LATE)
        here = self._network.closed
        return end_under_load(
            server, load, trial.stop_seconds, here=here, cancelled=self._cancelled
        )

    def _env(self) -> dict[str, str]:
        trial = self._trial
        return {name: secret.reveal() for name, secret in trial.env.items()} | {
            "PORT": str(trial.port),
            "PUBLIC_URLS": URL,
            "DATABASE_URL": self._database.url.reveal(),
            "CASTOFF_PROBE_TOKEN": self._token.reveal(),
        }
