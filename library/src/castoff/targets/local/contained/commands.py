"""Commands of a release that is an image: each in a container of its own, gone afterwards."""

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from castoff.image.container import Container, running
from castoff.image.container import Spec as ContainerSpec
from castoff.image.engine import Engine
from castoff.shell import CommandFailed, OnLine, Result, Shell
from castoff.targets.local.contained import INSIDE, door
from castoff.targets.local.serving import Spec

LONGEST = 86_400.0  # seconds


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
    folder, began = database / f"door-{secrets.token_hex(4)}", time.monotonic()
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        on_line(line)

    wanted = ContainerSpec(
        image=spec.image,
        project=spec.project,
        name=name,
        memory_mb=spec.memory_mb,
        command=tuple(argv),
        env={**spec.env, **env},
        mounts={folder: INSIDE},
    )
    with (
        Engine(shell) as engine,
        door.open_beside(database, folder),
        running(engine.client, wanted) as container,
    ):
        hearing = threading.Thread(target=_hear, args=(container, hear), daemon=True)
        hearing.start()
        ended = container.wait(timeout or LONGEST, shell.cancelled)
        if not ended.running:
            hearing.join(10)
    status = -1 if ended.running else ended.exit_code
    result = Result(tuple(argv), status, "\n".join(said), "", time.monotonic() - began)
    if ended.running:
        raise CommandFailed(result, f"took longer than {timeout:g} s")
    if status:
        raise CommandFailed(result)
    return result


def _hear(container: Container, hear: OnLine) -> None:
    for line in container.follow(1000):
        hear(line)
