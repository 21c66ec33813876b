"""The Docker engine: the program that builds with BuildKit, and the SDK for all the rest."""

import os
import re
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from castoff.errors import StepError
from castoff.shell import CommandFailed, OnLine, Result, Shell

if TYPE_CHECKING:
    from docker import DockerClient

OLDEST = (1, 41)  # the API of engine 20.10, the first whose BuildKit does all that is used here
ALONE = 23  # from this version on the program builds only with the plugin buildx
# What the extra `docker` installs: each package with a module of it.
EXTRA = {
    "docker": "docker",
    "kingfisher-secret-scanner": "kingfisher_sdk",
    "cyclonedx-python-lib": "cyclonedx",
}
UNTOUCHED = "Nothing was built; what served before still serves."
INSTALL = "https://docs.docker.com/engine/install/"


class Server(msgspec.Struct, frozen=True, rename="pascal"):
    """The engine, as ``docker version`` tells of it.

    Attributes:
        version: its version.
        api_version: the newest API that it speaks.
        os: what its containers run on, as ``linux``.
        arch: the architecture they run on, as ``amd64``.
    """

    version: str = ""
    api_version: str = "0"
    os: str = "linux"
    arch: str = ""


class Program(msgspec.Struct, frozen=True, rename="pascal"):
    """The docker program's own part of ``docker version``."""

    version: str = "0"


class Versions(msgspec.Struct, frozen=True, rename="pascal"):
    """What ``docker version`` prints."""

    client: Program = Program()
    server: Server | None = None


class Engine:
    """The engine that the docker program of this machine speaks to.

    Args:
        shell: runs the docker program.

    Attributes:
        shell: runs the docker program.
        env: the environment of the docker program.
    """

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self._told: dict[str, tuple[Versions, str]] = {}
        # A builder that somebody chose for another project may not hand the image to the engine;
        # an attestation would change the image's id with each build.
        env = {name: value for name, value in os.environ.items() if name != "BUILDX_BUILDER"}
        self.env = env | {
            "DOCKER_BUILDKIT": "1",
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "DOCKER_CLI_HINTS": "false",
            "LC_ALL": "C",
        }

    def require(self) -> "Engine":
        """Look whether an image can be built and looked through here.

        Raises:
            StepError: a package is lacking, or there is no docker program, none that can do
                BuildKit, no engine, no right to use it, or it is too old.
        """
        lacking = [name for name, module in EXTRA.items() if find_spec(module) is None]
        if lacking:
            raise _lacking(
                f"{' and '.join(lacking)} {'are' if len(lacking) > 1 else 'is'} not installed",
                "`pip install 'castoff[deploy,docker]'`",
            )
        _ = self.program, self.server
        return self

    def argv(self, *words: str | Path) -> list[str]:
        """Return the words of a command of the docker program."""
        return [self.program, *map(str, words)]

    def docker(
        self,
        *words: str | Path,
        env: Mapping[str, str] | None = None,
        timeout: float = 120.0,
        on_line: OnLine | None = None,
    ) -> Result:
        """Run the docker program to its end.

        Args:
            words: its command, as ``image``, ``rm`` and an id.
            env: environment beside its usual one.
            timeout: seconds after which it is ended.
            on_line: takes each line of both its streams.

        Raises:
            CommandFailed: it failed, or took too long.
            Interrupted: the run was cancelled.
        """
        env = {**self.env, **(env or {})}
        return self.shell.run(self.argv(*words), env=env, timeout=timeout, on_line=on_line)

    @cached_property
    def program(self) -> str:
        """The path of the first docker program that can do BuildKit.

        Raises:
            StepError: there is none.
        """
        found = _programs(self.env.get("PATH", ""))
        if not found:
            raise _lacking(
                "there is no docker program on the PATH",
                f"Install Docker ({INSTALL}); on Debian: `sudo apt-get install docker.io`.",
            )
        able = next((one for one in found if self._builds(one)), None)
        if able is None:
            raise _lacking(
                f"{found[0]} cannot build with BuildKit: buildx is missing",
                "Install that plugin (Debian calls it docker-buildx, Docker's own packages "
                "docker-buildx-plugin), and run it again.",
            )
        return able

    @cached_property
    def server(self) -> Server:
        """The engine.

        Raises:
            StepError: it does not run, it may not be used, or it is too old.
        """
        versions, said = self._versions(self.program)
        if versions.server is None:
            raise self._silent(said)
        if _numbers(versions.server.api_version) < OLDEST:
            raise _lacking(
                f"the Docker engine is too old: {versions.server.version}, expected 20.10 or newer",
                f"Bring it up to date ({INSTALL}), and run it again.",
            )
        return versions.server

    @property
    def platform(self) -> str:
        """What the engine's containers run on, as ``linux/amd64``."""
        return f"{self.server.os}/{self.server.arch}"

    @cached_property
    def client(self) -> "DockerClient":
        """The Docker SDK's client of the same engine; ``close`` ends it.

        Raises:
            StepError: as ``require``.
        """
        self.require()
        from docker import from_env

        return from_env(use_ssh_client=True, timeout=60)

    def close(self) -> None:
        """End the client's connections, if it was used."""
        if "client" in self.__dict__:
            self.client.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _versions(self, program: str) -> tuple[Versions, str]:
        """What a docker program says of itself and the engine, and its last words; asked once."""
        if program not in self._told:
            self._told[program] = self._ask(program)
        return self._told[program]

    def _ask(self, program: str) -> tuple[Versions, str]:
        argv = [program, "version", "--format", "{{json .}}"]
        try:
            result = self.shell.run(argv, env=self.env, timeout=30, check=False)
            return msgspec.json.decode(result.stdout, type=Versions), result.stderr.strip()
        except CommandFailed as error:
            return Versions(), error.reason
        except msgspec.MsgspecError:  # another program of that name
            return Versions(), result.last_lines

    def _builds(self, program: str) -> bool:
        versions, _ = self._versions(program)
        if _numbers(versions.client.version) < (ALONE,):
            return True
        argv = [program, "buildx", "version"]
        try:
            return not self.shell.run(argv, env=self.env, timeout=30, check=False).status
        except CommandFailed:
            return False

    def _silent(self, said: str) -> StepError:
        """What to tell of an engine that does not answer."""
        if "permission denied" in said.lower():
            return _lacking(
                f"this user may not use the Docker engine:\n{said}",
                "`sudo usermod -aG docker $USER`, and log in again; who is in that group is as "
                "good as root here.",
            )
        return _lacking(
            f"the Docker engine does not answer:\n{said}",
            "Start it (`sudo systemctl start docker`, or Docker Desktop); `docker info` shows "
            "whether it runs. An engine elsewhere is named by DOCKER_HOST or `docker context use`.",
        )


def _programs(path: str) -> list[str]:
    """Every docker program on a PATH, each once."""
    folders = (Path(folder) for folder in path.split(os.pathsep) if folder)
    there = (folder / "docker" for folder in folders)
    able = (str(one) for one in there if one.is_file() and os.access(one, os.X_OK))
    return list({os.path.realpath(one): one for one in reversed(list(able))}.values())[::-1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _lacking(what: str, next_: str) -> StepError:
    return StepError(what, UNTOUCHED, next_)
