"""Commands in a release's environment: beside it on this machine, or in a container."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from castoff.shell import OnLine, Result, Shell
from castoff.targets.local.serving import Spec


def run(
    spec: Spec,
    argv: Sequence[str],
    *,
    shell: Shell,
    database: Path,
    on_line: OnLine,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Result:
    """Run a command in a release's code, packages and environment.

    Args:
        spec: the release.
        argv: the command; ``python`` is the release's.
        shell: runs it.
        database: the folder of PostgreSQL's socket.
        on_line: takes each line that it prints.
        env: environment beside the release's.
        timeout: seconds after which it is ended.

    Raises:
        CommandFailed: it failed, or took too long.
        StepError: it could not be started.
        Interrupted: the run was cancelled.
    """
    more = env or {}
    if spec.image:
        from castoff.targets.local.contained import commands

        return commands.run(
            *(spec, argv, database), shell=shell, on_line=on_line, env=more, timeout=timeout
        )
    words = [spec.python if argv[0] == "python" else argv[0], *argv[1:]]
    return shell.run(
        words, cwd=Path(spec.cwd), env={**spec.env, **more}, timeout=timeout, on_line=on_line
    )
