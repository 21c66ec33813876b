"""How each release is run: its spec, in a file of mode 0600 beside the others."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from castoff import app_env, vault
from castoff.config import TargetConfig
from castoff.errors import StepError
from castoff.project import Project, private_folder
from castoff.targets.local.builds import Build
from castoff.targets.local.records import Records
from castoff.targets.local.serving import Spec
from castoff.targets.local.sockets import FIRST_PORT
from castoff.targets.local.state import write_json

# What leads to the engine, and nothing of what else such variables may hold.
ENGINE = (
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"),
    *("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
)
INSIDE_PORT = "8000"  # of a container: nobody else is in it


class Specs:
    """The run specs of one local target.

    Args:
        folder: where they are kept.
        project: the project that is served.
        settings: the target's part of the configuration.
        records: where its config vars and its port are.
    """

    def __init__(
        self, folder: Path, project: Project, settings: TargetConfig, records: Records
    ) -> None:
        self._folder = folder
        self._project = project
        self._settings = settings
        self._records = records

    @property
    def port(self) -> int | None:
        """The port that is configured, or was reserved before."""
        return self._settings.port or self._records.port()

    def make(self, id_: str, build: Build) -> Spec:
        """Return how a build is to be run as the release ``id_``, with today's config vars."""
        config, values = self._project.config, self._records.config()
        return Spec(
            id=id_,
            stamp=build.artifact.stamp,
            python=str(build.python),
            cwd=str(build.root),
            wsgi=config.wsgi or build.wsgi,
            env=self._inside(values) if build.image else self._beside(values),
            workers=self._settings.workers,
            threads=self._settings.threads,
            worker_memory=self._settings.worker_memory or _share(self._settings.workers),
            probe_token=values.get(vault.PROBE_TOKEN, ""),
            boot_seconds=self._settings.boot_timeout,
            **(self._of_image(build.image) if build.image else {}),
        )

    def _of_image(self, image: str) -> dict[str, Any]:
        """What a container needs beside the rest."""
        memory = self._project.config.image.memory_mb
        engine = {name: os.environ[name] for name in ENGINE if name in os.environ}
        return {
            "image": image,
            "project": self._project.name,
            "memory_mb": memory,
            "engine": engine,
        }

    def _beside(self, values: dict[str, str]) -> dict[str, str]:
        """The environment of an app that is a process of this machine."""
        port = str(self.port or FIRST_PORT)
        return app_env.run_time(self._project.config, {**values, "PORT": port})

    def _inside(self, values: dict[str, str]) -> dict[str, str]:
        """The environment of an app in a container, over that of its image."""
        return {
            "DJANGO_SETTINGS_MODULE": self._project.config.settings,
            "WEB_CONCURRENCY": str(self._settings.workers),
            **values,
            "PORT": INSIDE_PORT,
        }

    def of(self, id_: str) -> Spec:
        """Return how a release is run.

        Raises:
            StepError: its file is gone or damaged, and it is not the current one.
        """
        try:
            return Spec.read(self._path(id_))
        except StepError:
            live = self._records.live()
            if live.get("id") != id_:
                raise
            return Spec.from_json(live)

    def write(self, spec: Spec) -> Path:
        """Keep a release's spec, and return its file."""
        path = self._path(spec.id)
        private_folder(path.parent)
        write_json(path, spec.as_json())
        return path

    def prune(self, keep: set[str]) -> None:
        """Delete those of other releases: they have the secrets of their day."""
        for path in self._folder.glob("*.json"):
            if path.stem not in keep:
                with suppress(OSError):
                    path.unlink()

    def _path(self, id_: str) -> Path:
        return self._folder / f"{id_}.json"


def _share(workers: int) -> int:
    """A worker's part of three quarters of the machine's memory, in MiB."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, machine * 3 // 4 // workers // 2**20)
