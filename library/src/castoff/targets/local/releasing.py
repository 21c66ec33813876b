"""Takes a build live: the release command, the switch, and what is kept afterwards."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from castoff import environment
from castoff.errors import CastoffError, Interrupted, StepError, headline
from castoff.model import Artifact, Release
from castoff.person import user
from castoff.project import Project
from castoff.shell import CommandFailed
from castoff.targets.base import Say
from castoff.targets.local import static_files
from castoff.targets.local.builds import KEPT, Build, Builds, used_homes
from castoff.targets.local.commands import run
from castoff.targets.local.control import Supervisor, SwitchFailed
from castoff.targets.local.records import Records
from castoff.targets.local.serving import Spec
from castoff.targets.local.specs import Specs

# gunicorn drains this long; the release command waits longer than that for its lock.
RELEASE_TIMEOUT = 3600.0
CANCEL_LOOK = 0.1  # seconds between two looks for a Ctrl-C
# How `manage.py release` ends when it applied nothing; any other end may have changed the schema.
NOTHING_APPLIED = re.compile(r"nothing to do: |0 migrations applied\b")


class _Refused(Exception):
    """A release may not go on.

    Attributes:
        why: what to tell.
    """

    def __init__(self, why: CastoffError) -> None:
        self.why = why


def _already_asked() -> None:
    pass


def _ask(may: Callable[[], None]) -> None:
    try:
        may()
    except CastoffError as why:
        raise _Refused(why) from None


class Releasing:
    """Puts builds live on one local target.

    Args:
        project: the project that is served.
        records: the target's releases and config vars.
        builds: its release folders.
        specs: how each of its releases is run.
        supervisor: what serves them.
    """

    def __init__(
        self,
        project: Project,
        records: Records,
        builds: Builds,
        specs: Specs,
        supervisor: Supervisor,
    ) -> None:
        self._project = project
        self._records = records
        self._builds = builds
        self._specs = specs
        self._supervisor = supervisor
        self._tidying: threading.Thread | None = None

    def release(self, artifact: Artifact, say: Say) -> Release:
        """Run the release command while the new code loads, then let it take over from the old.

        Code that has loaded before migrations were applied is loaded anew: it may have read what
        they have changed.

        Raises:
            StepError: the release command failed, or the new code may not serve.
            Interrupted: by Ctrl-C; says where the database stands.
        """
        build = self._builds.required(artifact.id)
        self._supervisor.start()
        with self._begun(build) as begun:
            spec = self._prepared(begun, build)
            with self._supervisor.ahead(spec):
                migrated = self._migrate(Spec.read(spec), say)
                self._switch(spec, say, ahead=not migrated)
            return self._end(begun, migrated)

    def rollback(self, release: Release, say: Say, may: Callable[[], None]) -> Release:
        """Put an earlier release's folder live, with today's config vars.

        Its code loads while it is asked whether it may.

        Raises:
            StepError: its folder is gone, or its code may not serve; or as ``may``.
        """
        build = self._builds.required(release.artifact)
        if not self._supervisor.running():
            may()  # to start it would change something
            may = _already_asked
        self._supervisor.start()
        with self._begun(build, f"rollback to {release.id}") as begun:
            spec = self._prepared(begun, build)
            with self._supervisor.ahead(spec):
                _ask(may)
                self._switch(spec, say, ahead=True)
            return self._end(begun, migrated=False)

    def wait_until_tidy(self) -> None:
        """Wait until what the last releases need no more is deleted."""
        if self._tidying:
            self._tidying.join()

    @contextmanager
    def _begun(self, build: Build, note: str = "") -> Iterator[Release]:
        """Write a release down before it begins, and what became of it when it failed.

        One that was refused leaves no trace.
        """
        begun = self._records.begin(build.artifact, note)
        try:
            yield begun
        except _Refused as refusal:
            self._records.forget(begun)
            raise refusal.why from None
        except CastoffError as error:
            with suppress(OSError):  # what has begun and did not end reads as failed too
                self._records.end(begun, "failed", headline(error.what))
            raise

    def _prepared(self, begun: Release, build: Build) -> Path:
        """Write down how the release is run; its server looks for static files as it starts."""
        for old in self._builds.whole():
            static_files.share(build, old)
        return self._specs.write(self._specs.make(begun.id, build))

    def _migrate(self, spec: Spec, say: Say) -> bool:
        """Run the release command; return whether it may have changed the schema."""
        argv = ["python", "-m", "django", "release"]
        said: list[str] = []

        def hear(line: str) -> None:
            said.append(line)
            say(line)

        try:
            run(
                *(spec, argv),
                shell=self._project.shell,
                database=self._supervisor.run_folder,
                on_line=hear,
                env={"CASTOFF_BY": user()},
                timeout=RELEASE_TIMEOUT,
            )
        except Interrupted:
            raise self._interrupted("\n".join(said)) from None
        except CommandFailed as error:
            raise StepError(
                f"the release command failed:\n{error.result.last_lines or error.reason}",
                self._still_serves(),
                "Mend it, commit, and deploy again.",
            ) from None
        return not any(NOTHING_APPLIED.match(line) for line in said)

    def _switch(self, spec: Path, say: Say, *, ahead: bool = False) -> None:
        try:
            with self._giving_up_when_cancelled():
                self._supervisor.switch(spec, say, ahead=ahead)
        except SwitchFailed as error:
            if self._project.shell.cancelled.is_set():
                raise self._interrupted("") from None
            log = "\n".join(error.log.splitlines()[-15:])
            raise StepError(f"{error.what}\n{log}", self._still_serves(), error.next) from None

    @contextmanager
    def _giving_up_when_cancelled(self) -> Iterator[None]:
        """Tell the supervisor of a Ctrl-C, because it would go on with the switch."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(CANCEL_LOOK):
                if self._project.shell.cancelled.is_set():
                    return self._supervisor.give_up()

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
        now, current = self._supervisor.status(), self._records.current()
        if current and now.gunicorn is not None:
            return f"{current.id} still serves at http://localhost:{now.port}."
        return "Nothing serves, as before."

    def _end(self, begun: Release, migrated: bool) -> Release:
        released = self._records.end(begun, "current", migrated=migrated)
        self.wait_until_tidy()
        served = [one for one in self._records.releases() if one.status != "failed"]
        # Beside the smoke test; what a run leaves that is killed, the next one deletes.
        self._tidying = threading.Thread(target=self._tidy, args=(served,), daemon=True)
        self._tidying.start()
        return released

    def _tidy(self, served: list[Release]) -> None:
        """Delete what no kept release needs."""
        keep = list(dict.fromkeys(one.artifact for one in served))[:KEPT]
        self._specs.prune({one.id for one in served if one.artifact in keep})
        with suppress(OSError):  # what cannot be deleted only takes room
            self._builds.prune(keep)
            state = self._project.state
            environment.prune(state / "venvs", used_homes(state / "targets"))
