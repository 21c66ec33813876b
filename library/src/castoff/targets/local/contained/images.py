"""Releases that are images: what is known of each in a folder, and the images on the engine."""

from contextlib import suppress
from pathlib import Path

import msgspec

from castoff.errors import StepError
from castoff.image import store
from castoff.image.engine import Engine
from castoff.image.make import Maker
from castoff.model import Artifact, Environment, Source
from castoff.project import Project
from castoff.shell import OnLine
from castoff.targets.local.builds import RECORD, Build, Builds


class Images(Builds):
    """The folder of what is known of a target's images.

    Args:
        folder: where it is kept.
        project: the project.
        target: the target's name.
    """

    def __init__(self, folder: Path, project: Project, target: str) -> None:
        super().__init__(folder, project)
        self._target = target

    def name(self, source: Source, environment: Environment) -> str:
        """Return the artifact's id: another than that of a folder of the same source."""
        return f"{super().name(source, environment)}-image"

    def find(self, id_: str) -> Build | None:
        """Return the image of that name, if it is known here and the engine has it.

        Raises:
            StepError: the engine cannot be used.
        """
        build = self.read(self._folder / id_)
        if build is None:
            return None
        with Engine(self._project.shell) as engine:
            engine.require()
            with suppress(StepError):
                return build if store.inspect(engine, build.image) else None
        return None

    def make(
        self, source: Source, environment: Environment, urls: tuple[str, ...], say: OnLine
    ) -> Build:
        """Make the image of a source, with its audit and its boot test, unless there is one.

        Raises:
            StepError: it cannot be built, or did not pass.
        """
        folder = self._folder / self.name(source, environment)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with Engine(self._project.shell) as engine:
            maker = Maker(engine, self._project, self._target)
            image = maker.find(source) or maker.make(source, environment, self._in_use())
        detail = f"{image.tag}, {image.size / 1e6:.1f} MB"
        sizes = {"image": image.size}
        build = Build(
            artifact=Artifact(folder.name, source.stamp, image.id, detail, sizes=sizes),
            root=folder,
            python=environment.python,
            static_root="",
            static=(),
            wsgi="",
            image=image.id,
        )
        (folder / RECORD).write_bytes(msgspec.json.encode(build, enc_hook=str))
        return build

    def prune(self, keep: list[str]) -> None:
        """Forget all images but those named; the engine drops what no kept release is of."""
        super().prune(keep)
        with suppress(StepError), Engine(self._project.shell) as engine:
            store.prune(engine.require(), self._project.name, in_use=self._in_use())

    def _in_use(self) -> set[str]:
        return images_in_use(self._project.state / "targets")


def images_in_use(targets: Path) -> set[str]:
    """Return the ids of the images of every build of every target in a folder of their states."""
    builds = (Builds.read(record.parent) for record in targets.glob(f"*/builds/*/{RECORD}"))
    return {build.image for build in builds if build and build.image}
