"""The driver of the local target: the protocol, in release folders, PostgreSQL and gunicorn."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from castoff import app_env, environment, vault
from castoff.errors import CastoffError, Interrupted, StepError
from castoff.model import (
    Artifact,
    Attachment,
    Environment,
    Finding,
    Release,
    Secret,
    Source,
    Status,
    current_of,
    digest,
)
from castoff.project import Project, private_folder
from castoff.shell import CommandFailed, Result
from castoff.targets.base import Say
from castoff.targets.local.builds import KEPT, Build, Builds, share_static, used_homes
from castoff.targets.local.control import Supervisor, SwitchFailed
from castoff.targets.local.follow import follow_file
from castoff.targets.local.held import Held
from castoff.targets.local.records import Records, who
from castoff.targets.local.serving import Spec
from castoff.targets.local.sockets import FIRST_PORT, first_free
from castoff.targets.local.state import State, run_folder, tail, write_json

DATABASE = "app"
# gunicorn drains this long; the release command waits longer than that for its lock.
RELEASE_TIMEOUT = 3600.0
CANCEL_LOOK = 0.1  # seconds between two looks for a Ctrl-C
SHOWN = 200  # lines of the log


class LocalTarget:
    """Production shape on one machine, with nothing to install.

    Args:
        project: the project that is deployed.
        name: the target's name in the configuration.
    """

    accepts_dirty = True
    asks_before_create = False
    database_name = "DATABASE_URL"

    def __init__(self, project: Project, name: str) -> None:
        self.name = name
        self.project = project
        self.settings = project.config.targets[name]
        self.folder = project.private(project.state / "targets" / name)
        self.state = State(self.folder)
        self.records = Records(self.state)
        self.builds = Builds(self.folder / "builds", project)
        self.supervisor = Supervisor(self.folder, run_folder(self.folder))

    # Where it is

    @property
    def url(self) -> str:
        """``http://localhost:PORT``: the port configured, kept, or the next free one."""
        port = self._port() or _free_port()
        return f"http://localhost:{port}"

    @property
    def domains(self) -> tuple[str, ...]:
        """Custom domains, as full URLs."""
        return self.settings.domains

    def preflight(self) -> list[Finding]:
        """Nothing has to be there before; what is missing is made."""
        return []

    def exists(self) -> bool:
        """Whether the supervisor runs and holds the port."""
        return self.supervisor.running() and self.supervisor.status().port == self._port()

    def create(self, say: Say) -> str:
        """Start the supervisor, which binds the port without listening yet."""
        self.supervisor.start()
        reserved = self.supervisor.reserve(self.settings.port)
        self.records.set_port(reserved.port)
        if reserved.moved_from:
            return f"port {reserved.port}, because {reserved.moved_from} is taken now"
        if reserved.port != FIRST_PORT and not self.settings.port:
            return f"port {reserved.port}, kept for later deploys"
        return f"port {reserved.port}"

    # Build

    def find(self, source: Source, environment: Environment) -> Artifact | None:
        """Return the release folder of a source, if it was made before."""
        build = self.builds.find(self.builds.name(source, environment))
        return build.artifact if build else None

    def build(self, source: Source, environment: Environment, say: Say) -> Artifact:
        """Unpack the source into a release folder and collect its static files."""
        urls = (self.url, *self.domains)
        return self.builds.make(source, environment, urls, say).artifact

    # Config and database

    def config(self) -> dict[str, str]:
        """Return the names that are set, each with a digest."""
        return {name: digest(name, value) for name, value in self.records.config().items()}

    def configure(self, values: Mapping[str, Secret]) -> None:
        """Set config vars; the next release takes them."""
        new = {name: value.reveal() for name, value in values.items()}
        self.records.set_config(self.records.config() | new)

    def database(self) -> Attachment | None:
        """Return the embedded database if it is attached and runs."""
        if self.database_name not in self.records.config() or not self.supervisor.running():
            return None
        if self.supervisor.status().postgres is None:
            return None
        return Attachment(self.database_name, "PostgreSQL runs")

    def attach(self, say: Say) -> Attachment:
        """Start the embedded PostgreSQL, made first if need be, with one database."""
        self.supervisor.start()
        configured = Path(self.settings.postgres) if self.settings.postgres else None
        made = self.supervisor.database(configured, name=DATABASE)
        self.configure({self.database_name: Secret(self.database_name, made.url, public=True)})
        return Attachment(self.database_name, f"PostgreSQL {made.major} ({made.origin})", True)

    # Releases

    def outdated(self, artifact_id: str) -> str:
        """Say why a release of the artifact would change what serves."""
        current = self._current()
        if current is None:
            return "the first release"
        if current.artifact != artifact_id:
            return f"{current.id} runs other code"
        build = self._built(artifact_id)
        wanted, running = self._spec(current.id, build), self._spec_of(current.id)
        changed = [name for name in _names(wanted, running) if _differs(name, wanted, running)]
        if changed:
            return f"{', '.join(changed)} changed"
        if replace(wanted, env={}) != replace(running, env={}):
            return "how it is served changed"
        return "" if self._serves(current) else f"{current.id} does not run"

    def release(self, artifact: Artifact, say: Say) -> Release:
        """Run the release command, then let the new code take over from the old."""
        build = self._built(artifact.id)
        with self._begun(build) as begun:
            spec = self._spec(begun.id, build)
            self._migrate(spec, say)
            return self._switch(begun, spec, build, say)

    def releases(self) -> list[Release]:
        """Return the releases, newest first."""
        return self.records.releases()

    def rollback(self, release: Release, say: Say) -> Release:
        """Put an earlier release's folder live, with today's config vars."""
        build = self._built(release.artifact)
        self.supervisor.start()
        with self._begun(build, f"rollback to {release.id}") as begun:
            return self._switch(begun, self._spec(begun.id, build), build, say)

    # While it runs

    def run(self, argv: Sequence[str], say: Say) -> Result:
        """Run a command in the current release's folder, virtualenv and environment."""
        current = self._current()
        if current is None:
            raise StepError("nothing was released yet", "Nothing was run.", "`inv deploy` first.")
        spec = self._spec_of(current.id)
        words = [spec.python if argv[0] == "python" else argv[0], *argv[1:]]
        return self.project.shell.run(words, cwd=Path(spec.cwd), env=spec.env, on_line=say)

    def logs(self, follow: bool) -> Iterator[str]:
        """Yield the app's last 200 lines, and with ``follow`` those to come, until Ctrl-C."""
        self.records.config()  # so that no line shows a secret
        log = self.state.app_log
        if follow:
            yield from follow_file(log, SHOWN, self.project.shell.cancelled)
        else:
            yield from tail(log, SHOWN).splitlines()

    def status(self, revive: bool) -> Status:
        """Say what runs; bring back what died, but not what was stopped."""
        before = self.supervisor.status()
        problems = [*before.problems]
        current = self._current()
        if revive and current and not before.stopped and before.supervisor is None:
            self.supervisor.start()
            problems.append("the supervisor was dead; it runs again, and with it what it kept")
        now = self.supervisor.status()
        parts = {
            "supervisor": _pid(now.supervisor),
            "PostgreSQL": _pid(now.postgres),
            "gunicorn": _pid(now.gunicorn),
            "state": str(self.folder),
        }
        serving = current is not None and now.gunicorn is not None
        # A port that was configured since is not where it serves.
        url = f"http://localhost:{now.port}" if serving else self.url
        return Status(serving, current, url, parts, tuple(problems))

    def probe_token(self) -> Secret | None:
        """Return the token that the current release was started with."""
        current = self._current()
        value = self._spec_of(current.id).probe_token if current else ""
        return Secret(vault.PROBE_TOKEN, value) if value else None

    def stop(self, say: Say) -> bool:
        """Stop gunicorn, when its requests are done, then PostgreSQL."""
        return self.supervisor.stop()

    def lock(self, what: str) -> Held:
        """Keep two runs from changing the target at once."""
        return Held(self.folder / "run.lock", what)

    # Inside

    def _port(self) -> int | None:
        return self.settings.port or self.records.port()

    def _current(self) -> Release | None:
        return current_of(self.releases())

    def _serves(self, release: Release) -> bool:
        if not self.supervisor.running():
            return False
        now = self.supervisor.status()
        return now.release == release.id and now.gunicorn is not None

    def _built(self, id_: str) -> Build:
        build = self.builds.find(id_)
        if build is None or not build.python.exists():
            raise StepError(
                f"the release folder {id_} is gone",
                "What served before still serves.",
                "Check out its commit and `inv deploy` it; the last "
                f"{KEPT} releases keep their folders.",
            )
        return build

    def _spec(self, id_: str, build: Build) -> Spec:
        config = self.project.config
        values = self.records.config()
        port = self._port() or FIRST_PORT
        return Spec(
            id=id_,
            stamp=build.artifact.stamp,
            python=str(build.python),
            cwd=str(build.root),
            wsgi=config.wsgi or build.wsgi,
            env=app_env.run_time(config, {**values, "PORT": str(port)}),
            workers=self.settings.workers,
            threads=self.settings.threads,
            probe_token=values.get(vault.PROBE_TOKEN, ""),
            boot_seconds=self.settings.boot_timeout,
        )

    def _spec_path(self, id_: str) -> Path:
        return self.folder / "releases" / f"{id_}.json"

    def _spec_of(self, id_: str) -> Spec:
        return Spec.read(self._spec_path(id_))

    @contextmanager
    def _begun(self, build: Build, note: str = "") -> Iterator[Release]:
        """Write a release down before it begins, and what became of it when it failed."""
        begun = self.records.begin(build.artifact, note)
        try:
            yield begun
        except CastoffError as error:
            self.records.end(begun, "failed", error.what.partition("\n")[0].rstrip(":"))
            raise

    def _migrate(self, spec: Spec, say: Say) -> None:
        argv = [spec.python, "-m", "django", "release"]
        env = spec.env | {"CASTOFF_BY": who()}
        said: list[str] = []

        def hear(line: str) -> None:
            said.append(line)
            say(line)

        try:
            self.project.shell.run(
                argv, cwd=Path(spec.cwd), env=env, timeout=RELEASE_TIMEOUT, on_line=hear
            )
        except Interrupted:
            raise self._interrupted("\n".join(said)) from None
        except CommandFailed as error:
            raise StepError(
                f"the release command failed:\n{error.result.last_lines or error.reason}",
                self._still_serves(),
                "Mend it, commit, and deploy again.",
            ) from None

    def _switch(self, begun: Release, spec: Spec, build: Build, say: Say) -> Release:
        before = self._current()
        old = self.builds.find(before.artifact) if before else None
        if old and old.artifact.id != build.artifact.id:
            share_static(build, old)
        path = self._spec_path(spec.id)
        private_folder(path.parent)
        write_json(path, spec.as_json())
        try:
            with self._giving_up_when_cancelled():
                self.supervisor.switch(path, say)
        except SwitchFailed as error:
            if self.project.shell.cancelled.is_set():
                raise self._interrupted("") from None
            log = "\n".join(error.log.splitlines()[-15:])
            raise StepError(f"{error.what}\n{log}", self._still_serves(), error.next) from None
        released = self.records.end(begun, "current")
        self._prune()
        return released

    @contextmanager
    def _giving_up_when_cancelled(self) -> Iterator[None]:
        """Tell the supervisor of a Ctrl-C, because it would go on with the switch."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(CANCEL_LOOK):
                if self.project.shell.cancelled.is_set():
                    return self.supervisor.give_up()

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def _interrupted(self, said: str) -> Interrupted:
        """Where the database stands, if the release command told, and what serves."""
        _, told, stands = said.partition("The database now:")
        lines = stands.partition("This command stopped nothing")[0] if told else ""
        return Interrupted(
            state=f"{self._still_serves()}{f' The database now:{lines}' if told else ''}".rstrip(),
            next="The same command again goes on from here.",
        )

    def _still_serves(self) -> str:
        found = self.status(revive=False)
        if found.serving and found.release:
            return f"{found.release.id} still serves at {found.url}."
        return "Nothing serves, as before."

    def _prune(self) -> None:
        served = [one for one in self.releases() if one.status != "failed"]
        keep = list(dict.fromkeys(one.artifact for one in served))[:KEPT]
        self.builds.prune(keep)
        specs = {f"{one.id}.json" for one in served if one.artifact in keep}
        for spec in self._spec_path("v0").parent.iterdir():
            if spec.name not in specs:  # it has the secrets of its day
                spec.unlink()
        environment.prune(self.project.state / "venvs", used_homes(self.folder.parent))


def _free_port() -> int:
    """The port that would be reserved now: a guess, until it is."""
    with closing(first_free()) as listeners:
        return listeners.port


def _names(wanted: Spec, running: Spec) -> list[str]:
    return sorted((wanted.env.keys() | running.env.keys()) - set(app_env.PASSED))


def _differs(name: str, wanted: Spec, running: Spec) -> bool:
    return wanted.env.get(name) != running.env.get(name)


def _pid(pid: int | None) -> str:
    return f"runs (process {pid})" if pid else "does not run"
