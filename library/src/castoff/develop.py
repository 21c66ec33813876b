"""``inv dev``: PostgreSQL, migrations, and a server that reloads."""

import os
from contextlib import suppress
from pathlib import Path

from invoke import Context

from castoff.errors import StepError
from castoff.project import private_folder
from castoff.run import signals_interrupt
from castoff.session import Session
from castoff.shell import CommandFailed, foreground
from castoff.steps.prepare import with_environment
from castoff.targets.local.control import Supervisor
from castoff.targets.local.held import Held
from castoff.targets.local.state import run_folder

DATABASE = "dev"
ENDED = (0, -2, 130)  # by Ctrl-C, as programs and shells put it


def develop(session: Session, port: int) -> None:
    """Serve the working tree for development until Ctrl-C.

    Args:
        session: the task's run.
        port: the server's port; the configured one when 0.

    Ctrl-C is how it ends, and no failure; SIGTERM and SIGHUP end it likewise.

    Raises:
        StepError: a migration failed, or the server could not be started.
    """
    with signals_interrupt(), suppress(KeyboardInterrupt):
        _develop(session, port)


def _develop(session: Session, port: int) -> None:
    project, terminal = session.project, session.terminal
    port = port or project.config.dev.port
    if project.dry:
        terminal.line(f"would start PostgreSQL, migrate, and serve http://localhost:{port}")
        return
    made = with_environment(project)
    assert made.environment is not None
    folder = private_folder(project.state / "dev")
    with Held(folder / "run.lock", "dev"):
        _serve(session, port, made.environment.python, Supervisor(folder, run_folder(folder)))


def _serve(session: Session, port: int, python: Path, supervisor: Supervisor) -> None:
    project, terminal = session.project, session.terminal
    supervisor.start()
    try:
        database = supervisor.database(name=DATABASE)
        env = os.environ | {"DATABASE_URL": database.url} | _settings(project.config.dev.settings)
        _manage(session, [python, "manage.py", "migrate", "--noinput"], env)
        terminal.line(f"http://localhost:{port}  (Ctrl-C ends it)", "bold")
        argv: list[str | Path] = [python, "manage.py", "runserver", f"localhost:{port}"]
        status = foreground(argv, project.root, env)
        if status not in ENDED:
            raise StepError(
                f"the development server ended with status {status}",
                "It and its PostgreSQL have ended; the development database is kept.",
                "Mend what the lines above say; `inv dev --port=…` takes another port.",
            )
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
