"""Commands of a release that is an image: each in a container of its own, gone afterwards."""

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from castoff.errors import StepError
from castoff.image.container import Container, running
from castoff.image.container import Spec as ContainerSpec
from castoff.image.engine import Engine
from castoff.shell import CommandFailed, OnLine, Result, Shell
from castoff.targets.local.contained import INSIDE, door
from castoff.targets.local.serving import Spec

LONGEST = 86_400.0  # seconds
GRACE = 5.0  # seconds in which a command that is cancelled ends by itself


def run(
    spec: Spec,
    argv: Sequence[str],
    database: Path,
    *,
    shell: Shell,
    on_line: OnLine,
    env: Mapping[str, str],
    timeout: float | None,
) -> Result:
    """Run a command in the release's image and environment, beside what serves.

    Args:
        spec: the release.
        argv: the command.
        database: the folder of PostgreSQL's socket.
        shell: tells when the run is cancelled.
        on_line: takes each line that it prints.
        env: environment beside the release's.
        timeout: seconds after which it is ended.

    Raises:
        CommandFailed: it failed, or took too long.
        StepError: it could not be started.
        Interrupted: the run was cancelled.
    """
    name = f"castoff-{spec.project}-{spec.id}-command-{secrets.token_hex(4)}"
    began = time.monotonic()
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        on_line(line)

    with Engine(shell) as engine, door.open_beside(database) as way:
        wanted = ContainerSpec(
            image=spec.image,
            project=spec.project,
            name=name,
            memory_mb=spec.memory_mb,
            command=tuple(argv),
            env={**spec.env, **env},
            mounts={way: INSIDE},
        )
        with running(engine.client, wanted) as container:
            hearing = threading.Thread(target=_hear, args=(container, hear), daemon=True)
            hearing.start()
            try:
                ended = container.wait(timeout or LONGEST, shell.cancelled)
            finally:
                container.stop(GRACE)  # what still runs may say where it stands
                hearing.join(GRACE)
    status = -1 if ended.running else ended.exit_code
    result = Result(tuple(argv), status, "\n".join(said), "", time.monotonic() - began)
    if ended.running:
        raise CommandFailed(result, f"took longer than {timeout:g} s")
    if status:
        raise CommandFailed(result)
    return result


def _hear(container: Container, hear: OnLine) -> None:
    with suppress(StepError):
        for line in container.follow(1000):
            hear(line)
