"""The driver of the local target: the protocol, in release folders, PostgreSQL and gunicorn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from castoff import app_env, vault
from castoff.errors import StepError
from castoff.model import (
    Artifact,
    Attachment,
    Environment,
    Finding,
    Release,
    Secret,
    Source,
    Status,
    Tool,
    digest,
)
from castoff.project import Project
from castoff.shell import Result
from castoff.targets.base import Say
from castoff.targets.local import contained, postgres
from castoff.targets.local.builds import Builds
from castoff.targets.local.commands import run
from castoff.targets.local.control import Supervisor
from castoff.targets.local.follow import follow_file
from castoff.targets.local.held import Held
from castoff.targets.local.processes import since
from castoff.targets.local.records import Records
from castoff.targets.local.releasing import Releasing
from castoff.targets.local.serving import Spec
from castoff.targets.local.sockets import FIRST_PORT, first_free
from castoff.targets.local.specs import Specs
from castoff.targets.local.state import State, read_json, require_format, run_folder, tail

DATABASE = "app"
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
        self.folder = project.private(project.private(project.state / "targets") / name)
        require_format(self.folder, write=not project.dry)
        self.state = State(self.folder)
        self.records = Records(self.state)
        self.contained = self.settings.runtime == "container"
        self.builds = self._builds()
        self.supervisor = Supervisor(self.folder, run_folder(self.folder, make=not project.dry))
        self.specs = Specs(self.folder / "releases", project, self.settings, self.records)
        self.releasing = Releasing(project, self.records, self.builds, self.specs, self.supervisor)

    # Where it is

    @property
    def url(self) -> str:
        """``http://localhost:PORT``: the port configured, kept, or the next free one."""
        port = self.specs.port or _free_port()
        return f"http://localhost:{port}"

    @property
    def domains(self) -> tuple[str, ...]:
        """Custom domains, as full URLs."""
        return self.settings.domains

    def preflight(self) -> list[Finding]:
        """Nothing has to be there before; what is missing is made."""
        return []

    def tools(self) -> list[Tool]:
        """PostgreSQL, of the version that made the data where there is some.

        Raises:
            StepError: none fits.
        """
        configured = Path(self.settings.postgres) if self.settings.postgres else None
        found = postgres.find(configured, major=postgres.data_version(self.state.data))
        tools = [Tool("PostgreSQL", str(found.major), f"{found.folder} ({found.origin})")]
        return [*tools, self._engine()] if self.contained else tools

    def exists(self) -> bool:
        """Whether the supervisor runs and holds the port."""
        return self.supervisor.running() and self.supervisor.status().port == self.specs.port

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
        url = self.records.config().get(self.database_name)
        if url is None or not self.supervisor.running():
            return None
        if (url == contained.URL) is not self.contained:
            return None  # of another runtime: attaching says what to do
        if self.supervisor.status().postgres is None:
            return None
        wanted = self.settings.postgres
        if wanted and wanted != read_json(self.state.database).get("bin"):
            return None  # PostgreSQL's own programs are others now: see whether they fit the data
        return Attachment(self.database_name, "PostgreSQL runs", sizes=self._database_size())

    def attach(self, say: Say) -> Attachment:
        """Start the embedded PostgreSQL, made first if need be, with one database."""
        self.supervisor.start()
        configured = Path(self.settings.postgres) if self.settings.postgres else None
        owner = contained.ROLE if self.contained else postgres.USER
        made = self.supervisor.database(configured, name=DATABASE, owner=owner)
        url = contained.URL if self.contained else made.url
        self.configure({self.database_name: Secret(self.database_name, url, public=True)})
        detail = f"PostgreSQL {made.major} ({made.origin})"
        return Attachment(self.database_name, detail, True, self._database_size())

    # Releases

    def outdated(self, artifact_id: str) -> str:
        """Say why a release of the artifact would change what serves."""
        current = self.records.current()
        if current is None:
            return "the first release"
        if current.artifact != artifact_id:
            return f"{current.id} runs other code"
        build = self.builds.required(artifact_id)
        wanted = self.specs.make(current.id, build)
        try:
            running = self.specs.of(current.id)
        except StepError:  # damaged, or of a castoff that had other ones
            return f"it is not known how {current.id} is run"
        changed = [name for name in _names(wanted, running) if _differs(name, wanted, running)]
        if changed:
            return f"{', '.join(changed)} changed"
        if replace(wanted, env={}) != replace(running, env={}):
            return "how it is served changed"
        return "" if self._serves(current) else f"{current.id} does not run"

    def release(self, artifact: Artifact, say: Say) -> Release:
        """Run the release command, then let the new code take over from the old."""
        return self.releasing.release(artifact, say)

    def releases(self) -> list[Release]:
        """Return the releases, newest first."""
        return self.records.releases()

    def rollback(
        self, release: Release, say: Say, may: Callable[[], None] = lambda: None
    ) -> Release:
        """Put an earlier release's folder live, with today's config vars."""
        return self.releasing.rollback(release, say, may)

    # While it runs

    def run(self, argv: Sequence[str], say: Say) -> Result:
        """Run a command in the current release's folder, virtualenv and environment."""
        current = self.records.current()
        if current is None:
            raise StepError("nothing was released yet", "Nothing was run.", "`inv deploy` first.")
        database = self.supervisor.run_folder
        spec, shell = self.specs.of(current.id), self.project.shell
        return run(spec, argv, shell=shell, database=database, on_line=say)

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
        current = self.records.current()
        revived = revive and current and not before.stopped and before.supervisor is None
        if revived:
            self.supervisor.start()
            problems.append("the supervisor was dead; it runs again, and with it what it kept")
        now = self.supervisor.status()
        problems += now.problems if revived else []
        parts = {
            "supervisor": _pid(now.supervisor),
            "PostgreSQL": _pid(now.postgres),
            "container" if self.contained else "gunicorn": _pid(now.gunicorn),
            "state": str(self.folder),
        }
        serving = current is not None and now.gunicorn is not None
        # A port that was configured since is not where it serves.
        url = f"http://localhost:{now.port}" if serving else self.url
        return Status(serving, current, url, parts, tuple(problems))

    def probe_token(self) -> Secret | None:
        """Return the token that the current release was started with."""
        current = self.records.current()
        value = ""
        with suppress(StepError):  # nobody has it then; what asks without one is told so
            value = self.specs.of(current.id).probe_token if current else ""
        return Secret(vault.PROBE_TOKEN, value) if value else None

    def stop(self, say: Say) -> bool:
        """Stop gunicorn, when its requests are done, then PostgreSQL."""
        ran = self.supervisor.stop()
        if self.contained:
            self._sweep()
        return ran

    def lock(self, what: str) -> Held:
        """Keep two runs from changing the target at once."""
        return Held(self.folder / "run.lock", what, self.releasing.wait_until_tidy)

    # Inside

    def _sweep(self) -> None:
        """Take away the containers of processes that were killed."""
        from castoff.image.engine import Engine
        from castoff.image.leftovers import sweep

        with suppress(StepError), Engine(self.project.shell) as engine:
            sweep(engine.client, self.project.name)

    def _engine(self) -> Tool:
        from castoff.image.engine import Engine

        engine = Engine(self.project.shell).require()
        return Tool("Docker", engine.server.version, engine.program)

    def _builds(self) -> Builds:
        folder = self.folder / "builds"
        if not self.contained:
            return Builds(folder, self.project)
        from castoff.targets.local.contained.images import Images

        return Images(folder, self.project, self.name)

    def _database_size(self) -> dict[str, int]:
        size = postgres.size(run_folder(self.folder), DATABASE)
        return {"database": size} if size is not None else {}

    def _serves(self, release: Release) -> bool:
        if not self.supervisor.running():
            return False
        now = self.supervisor.status()
        return now.release == release.id and now.gunicorn is not None


def _free_port() -> int:
    """The port that would be reserved now: a guess, until it is."""
    with closing(first_free()) as listeners:
        return listeners.port


def _names(wanted: Spec, running: Spec) -> list[str]:
    return sorted((wanted.env.keys() | running.env.keys()) - set(app_env.PASSED))


def _differs(name: str, wanted: Spec, running: Spec) -> bool:
    return wanted.env.get(name) != running.env.get(name)


def _pid(pid: int | None) -> str:
    if not pid:
        return "does not run"
    began = since(pid)
    return f"runs (process {pid}){f' since {began:%Y-%m-%d %H:%M}' if began else ''}"
