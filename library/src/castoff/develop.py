"""``inv dev``: PostgreSQL, migrations, and a server that reloads."""

import os
from pathlib import Path

from invoke import Context

from castoff.errors import StepError
from castoff.project import private_folder
from castoff.session import Session
from castoff.shell import CommandFailed, foreground
from castoff.steps.prepare import with_environment
from castoff.targets.local.control import Supervisor
from castoff.targets.local.state import run_folder

DATABASE = "dev"


def develop(session: Session, port: int) -> None:
    """Serve the working tree for development until Ctrl-C.

    Args:
        session: the task's run.
        port: the server's port; the configured one when 0.

    Raises:
        StepError: a migration failed, or the server could not be started.
    """
    project, terminal = session.project, session.terminal
    port = port or project.config.dev.port
    if project.dry:
        terminal.line(f"would start PostgreSQL, migrate, and serve http://localhost:{port}")
        return
    made = with_environment(project)
    assert made.environment is not None
    supervisor = _supervisor(project.state)
    supervisor.start()
    try:
        database = supervisor.database(name=DATABASE)
        env = os.environ | {"DATABASE_URL": database.url} | _settings(project.config.dev.settings)
        python = made.environment.python
        _manage(session, [python, "manage.py", "migrate", "--noinput"], env)
        terminal.line(f"http://localhost:{port}  (Ctrl-C ends it)", "bold")
        foreground([python, "manage.py", "runserver", f"localhost:{port}"], project.root, env)
    finally:
        supervisor.stop()


def app_python(context: Context) -> Path:
    """Return the interpreter of the lock's virtualenv, for a task of the project's own.

    Args:
        context: the task's context.

    Raises:
        StepError: the virtualenv cannot be made.
    """
    made = with_environment(Session(context, "app-python", [], False).project)
    assert made.environment is not None
    return made.environment.python


def _supervisor(state: Path) -> Supervisor:
    folder = private_folder(state / "dev")
    return Supervisor(folder, run_folder(folder))


def _settings(module: str) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": module} if module else {}


def _manage(session: Session, argv: list[str | Path], env: dict[str, str]) -> None:
    project = session.project
    try:
        project.shell.run(argv, cwd=project.root, env=env, on_line=session.terminal.line)
    except CommandFailed as error:
        raise StepError(
            f"manage.py {argv[2]} {error.reason}",
            "The development database is as the lines above say; nothing else was changed.",
            "Mend what they name, and run `inv dev` again.",
        ) from None
