"""The way of an image: built, audited, booted. Only one that has passed it all gets its tag."""

from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from castoff import checks, vault
from castoff.errors import Interrupted, StepError
from castoff.events import Found, Measured, Note, Output
from castoff.image import store
from castoff.image.engine import Engine
from castoff.image.model import Image
from castoff.lock import refresh_hint
from castoff.model import Environment, Finding, Secret, Source
from castoff.project import Project

if TYPE_CHECKING:
    from castoff.image.audit import Audit
    from castoff.image.boot import Booted, Trial

MADE_UP = "x" * 64  # a required name's value in the boot test, when nothing offers one


class Maker:
    """Makes the image of a project's source on an engine, and tells what is found.

    Args:
        engine: where it is made.
        project: the project.
        target: the target's name.
        step: the step's name, for what is told; ``make`` does it all in one step.
    """

    def __init__(self, engine: Engine, project: Project, target: str, step: str = "build") -> None:
        self._engine = engine
        self._project = project
        self._target = target
        self.step = step

    def find(self, source: Source) -> Image | None:
        """Return the image that was made of a source before, and has passed.

        Raises:
            StepError: the engine cannot be used.
        """
        return store.find(self._engine.require(), self._project.name, source.stamp)

    def make(self, source: Source, environment: Environment, in_use: Container[str] = ()) -> Image:
        """Build, audit, boot and accept the image of a source.

        Raises:
            StepError: one of them failed; no image was made, or it was taken away again.
            Interrupted: the run was cancelled.
        """
        image = self.build(source, environment)
        self.audit(image, environment)
        self.boot(image)
        return self.accept(image, in_use)

    def build(self, source: Source, environment: Environment) -> Image:
        """Build the image of a source; it has no tag yet.

        Raises:
            StepError: the lock is older than what it locks, or as ``build.build``.
        """
        from castoff.image.build import build

        if environment.stale and "E103" not in self._project.config.silence:
            raise StepError(
                f"E103: {environment.stale}: the image would have something else than what was "
                "tested",
                "No image was made; what served before still serves.",
                refresh_hint(environment.lock),
            )
        vault.offered(self._project)  # known from here on, so that no line of a step shows a value
        image = build(self._engine, source, name=self._project.name, say=self._say)
        self._measured({"image": image.size})
        return image

    def audit(self, image: Image, environment: Environment) -> "Audit":
        """Audit an image, tell every finding, and write its bill of materials.

        Raises:
            StepError: an error was found that is not silenced; the image was taken away.
        """
        from castoff.image.audit import audit

        config = self._project.config
        with self._away_unless_passed(image):
            found = audit(
                self._engine,
                image,
                secrets=vault.offered(self._project),
                locked=environment.packages,
                port=None,
                budget_mb=config.image.budget_mb,
                say=self._say,
            )
            self._measured(dict(list(found.largest.items())[:5]))
            findings = checks.silence(found.findings, config)
            for finding in findings:
                self._project.emit(Found(self._target, self.step, finding))
            if stops := [finding for finding in findings if finding.stops]:
                raise _refused(stops)
        self._write_bill(image, found)
        return found

    def boot(self, image: Image) -> "Booted":
        """Run an image as its platform will, with a database to throw away.

        Raises:
            StepError: it did not come up, or was lost under load; the image was taken away.
        """
        from castoff.image.boot import boot

        with self._away_unless_passed(image):
            cancelled = self._project.shell.cancelled
            booted = boot(self._engine, image, self._trial(), say=self._say, cancelled=cancelled)
        worker = booted.memory.worker_mb
        self._measured({"memory of a worker": int(worker * 2**20)} if worker else {})
        return booted

    def accept(self, image: Image, in_use: Container[str] = ()) -> Image:
        """Give an image that has passed its tag, and prune those before it.

        Args:
            image: has passed the audit and the boot test.
            in_use: ids or stamps of images that are kept beside the last few.

        Raises:
            StepError: it is gone.
        """
        store.accept(self._engine, image)
        for old in store.prune(self._engine, self._project.name, in_use=in_use):
            self._say(f"deleted {old}, older than the last {store.KEPT}")
        return image

    def _trial(self) -> "Trial":
        """How it is run: with what the app would have, and values made up where none is offered."""
        from castoff.image.boot import Trial

        config, settings = self._project.config, self._project.config.targets[self._target]
        offered = vault.offered(self._project)
        lacking = vault.missing(config, offered)
        if lacking:
            self._note(f"no value for {', '.join(lacking)}: the boot test makes one up")
        made_up = {name: Secret(name, MADE_UP, public=True) for name in lacking}
        module = Secret("DJANGO_SETTINGS_MODULE", config.settings, public=True)
        env = {**vault.generate(vault.GENERATED), **made_up, **offered, module.name: module}
        return Trial(
            project=self._project.name,
            env=env,
            memory_mb=config.image.memory_mb,
            smoke=config.smoke,
            boot_seconds=settings.boot_timeout,
            postgres=Path(settings.postgres) if settings.postgres else None,
        )

    def _write_bill(self, image: Image, found: "Audit") -> None:
        from castoff.image.sbom import render
        from castoff.report.folder import BILL, Folder

        content = render(image, found.packages, found.created)
        folder = Folder(self._project.state)
        self._project.private(folder.path)
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-image"
        path = folder.write(f"{run}{BILL}", content, run)
        self._note(f"bill of materials: {path}", warning=False)

    @contextmanager
    def _away_unless_passed(self, image: Image) -> Iterator[None]:
        """Take an image away when a step refuses it; after Ctrl-C the next run goes on with it."""
        try:
            yield
        except StepError as error:
            with suppress(Interrupted):
                store.refuse(self._engine, image)
            error.state = f"{error.state} The image was taken away again."
            raise

    def _say(self, line: str) -> None:
        self._project.emit(Output(self._target, self.step, line))

    def _note(self, text: str, warning: bool = True) -> None:
        self._project.emit(Note(self._target, self.step, text, warning))

    def _measured(self, sizes: dict[str, int]) -> None:
        if sizes:
            self._project.emit(Measured(self._target, self.step, sizes))


def _refused(stops: list[Finding]) -> StepError:
    return StepError(
        checks.counted(stops, " in the image"),
        "What served before still serves.",
        "Mend them as each one says, commit, and run it again. "
        f"{checks.how_to_silence(stops[0].id)}",
    )
