"""The Invoke tasks: each parses its arguments, calls one step, and shows the result."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from invoke import Collection, Context, Exit, Task, task

from castoff import config as configuration
from castoff.errors import CastoffError

if TYPE_CHECKING:
    from castoff.model import Release
    from castoff.run import TargetResult
    from castoff.session import Session
    from castoff.steps import Job, Made

TARGET = "Where to: a target's name from invoke.yaml, or several: --target=fly,heroku."
JSON = "One JSON object a line on stdout; text for people goes to stderr."
HELP = {"target": TARGET, "json": JSON}
LIST = ["target"]


@task(iterable=LIST, help=HELP)
def build(c: Context, target: list[str], json: bool = False) -> None:
    """Make the artifact of the commit, stamped with it; release nothing."""
    from castoff.steps.build import build as step
    from castoff.steps.prepare import with_environment

    _steps(c, "build", target, json, (step,), prepare=with_environment)


@task(iterable=LIST, help=HELP)
def check(c: Context, target: list[str], json: bool = False) -> None:
    """Find what would break, before anything is changed."""
    from castoff.steps.check import check as step
    from castoff.steps.prepare import prepare

    def findings(result: "TargetResult") -> dict[str, object]:
        return {"findings": result.made.findings}

    _steps(c, "check", target, json, (step,), prepare=prepare, fields=findings)


@task(iterable=LIST, help=HELP | {"create": "Make the app on the platform if it is missing."})
def secrets(c: Context, target: list[str], json: bool = False, create: bool = False) -> None:
    """Set what is required and missing, from the source of secrets; show names only."""
    from castoff.steps.create import create as make
    from castoff.steps.secrets import secrets as step

    _steps(c, "secrets", target, json, (make, step), create=create)


@task(iterable=LIST, help=HELP | {"create": "Make the app on the platform if it is missing."})
def attach(c: Context, target: list[str], json: bool = False, create: bool = False) -> None:
    """Make a PostgreSQL database and attach it; attaching twice is one attachment."""
    from castoff.steps.attach import attach as step
    from castoff.steps.create import create as make

    _steps(c, "attach", target, json, (make, step), create=create)


@task(iterable=LIST, help=HELP | {"create": "Make the app on the platform if it is missing."})
def deploy(c: Context, target: list[str], json: bool = False, create: bool = False) -> None:
    """Take the commit live: check, build, secrets, attach, release, smoke.

    Examples: inv deploy; inv deploy --target=fly,heroku; inv --dry deploy.

    A release that fails its smoke test is rolled back by itself. With nothing changed nothing
    is done.
    """
    from castoff.steps import Options
    from castoff.steps.deploy import deploy as work
    from castoff.steps.prepare import prepare

    with _Answered(json):
        session = _session(c, "deploy", target, json)
        results = session.perform(work, prepare=prepare, options=Options(create=create))
        _last_lines(session, results)
        session.end(results)


@task(iterable=LIST, help=HELP)
def smoke(c: Context, target: list[str], json: bool = False) -> None:
    """Prove that the released code serves: health, stamp, pages, static files, forms, database."""
    from castoff.steps.smoke import smoke as step

    def checks(result: "TargetResult") -> dict[str, object]:
        return {"checks": result.made.smoke}

    _steps(c, "smoke", target, json, (step,), fields=checks)


@task(
    iterable=LIST,
    help=HELP
    | {
        "to": "The release to go back to, as in `inv releases`; the one before when left out.",
        "accept": "Migrations, with commas, that the older code is to live with all the same.",
    },
)
def rollback(
    c: Context, target: list[str], to: str = "", accept: str = "", json: bool = False
) -> None:
    """Go back to the code of an earlier release, where the schema allows it."""
    from castoff.steps import Options, run
    from castoff.steps.rollback import rollback as step
    from castoff.steps.smoke import smoke as prove

    def work(job: "Job", made: "Made") -> "Made":
        with job.target.lock("rollback"):
            return run(((step,), (prove,)), job, made)

    options = Options(to=to, accept=tuple(name for name in accept.split(",") if name))
    with _Answered(json):
        session = _session(c, "rollback", target, json)
        results = session.perform(work, options=options)
        _last_lines(session, results)
        session.end(results)


@task(iterable=LIST, help=HELP)
def status(c: Context, target: list[str], json: bool = False) -> None:
    """Say what serves, and bring back what died by itself."""
    from castoff.steps.observe import status as work

    with _Answered(json):
        session = _session(c, "status", target, json)
        session.end(session.perform(work(session)))


@task(iterable=LIST, help=HELP)
def releases(c: Context, target: list[str], json: bool = False) -> None:
    """List what was released, newest first."""
    from castoff.steps.observe import releases as work

    found: dict[str, list[Release]] = {}
    with _Answered(json):
        session = _session(c, "releases", target, json)
        results = session.perform(
            work(session, found), fields=lambda result: {"releases": found.get(result.name, [])}
        )
        session.end(results)


@task(iterable=LIST, help={"target": TARGET, "follow": "Go on until Ctrl-C."})
def logs(c: Context, target: list[str], follow: bool = False) -> None:
    """Show the app's log."""
    from castoff.steps.observe import logs as work

    with _Answered(False):
        session = _session(c, "logs", target, False)
        session.end(session.perform(work(session, follow)))


@task(iterable=LIST, help=HELP)
def stop(c: Context, target: list[str], json: bool = False) -> None:
    """Stop serving; data, releases and port are kept for the next deploy."""
    from castoff.steps.observe import stop as work

    with _Answered(json):
        session = _session(c, "stop", target, json)
        session.end(session.perform(work(session)))


@task(help={"port": "The development server's port."})
def dev(c: Context, port: int = 0) -> None:
    """Develop: PostgreSQL, migrations, and a server that reloads, in one command."""
    from castoff.develop import develop

    with _Answered(False):
        develop(_session(c, "dev", [], False), port)


TASKS = (
    build, check, secrets, attach, deploy, smoke, rollback,
    dev, status, releases, logs, stop,
)  # fmt: skip


def collection(root: Path | str, *tasks: Callable[..., Any]) -> Collection:
    """Return castoff's tasks for the project in ``root``, with the project's own beside them.

    Reads ``invoke.yaml`` here already, so that a broken file is answered and not a traceback.

    Args:
        root: the project's folder, or a file in it such as ``__file__``.
        tasks: the project's own tasks; one with the name of castoff's takes its place.

    Raises:
        invoke.Exit: ``invoke.yaml`` is broken; with what is wrong, and exit code 2.
    """
    path = Path(root).resolve()
    folder = path if path.is_dir() else path.parent
    try:
        values = configuration.read_file(folder / "invoke.yaml")
        defaults = _defaults(values)
        _check_environment(values, defaults)
    except CastoffError as error:
        raise Exit(str(error), int(error.code)) from None
    own = {one.name for one in tasks if isinstance(one, Task)}
    found = Collection(*(one for one in TASKS if one.name not in own), *tasks)
    found.configure({"castoff": defaults, "castoff_root": str(folder)})
    return found


def _defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Every key with its default: Invoke takes ``INVOKE_…`` variables for keys that exist."""
    config = msgspec.to_builtins(configuration.Config())
    names = values.get("targets") or {"local": None}
    target = msgspec.to_builtins(configuration.TargetConfig())
    return {**config, "targets": {name: dict(target) for name in names}}


def _check_environment(values: dict[str, Any], defaults: dict[str, Any]) -> None:
    import os

    if any(name.startswith("INVOKE_CASTOFF_") for name in os.environ):
        from castoff.session import overridden

        configuration.parse(overridden(values, defaults))


def _steps(
    c: Context,
    name: str,
    target: list[str],
    json: bool,
    steps: tuple[Any, ...],
    *,
    create: bool = False,
    prepare: Callable[[Any], "Made"] | None = None,
    fields: Callable[["TargetResult"], dict[str, object]] | None = None,
) -> None:
    """Run steps one after another on every target, under the target's lock."""
    from castoff.steps import Options, run

    def work(job: "Job", made: "Made") -> "Made":
        return run(tuple((step,) for step in steps), job, made)

    with _Answered(json):
        session = _session(c, name, target, json)
        options = Options(create=create)
        session.end(session.perform(work, prepare=prepare, options=options, fields=fields))


def _session(c: Context, name: str, target: list[str], json: bool) -> "Session":
    from castoff.session import Session

    return Session(c, name, target, json)


def _last_lines(session: "Session", results: dict[str, "TargetResult"]) -> None:
    session.terminal.line(f"Log: {session.log.path}", "dim")
    for result in results.values():
        if result.ok and result.url:
            session.terminal.line(result.url, "bold")


class _Answered:
    """Turns castoff's errors into Invoke's way to end: a message and an exit code."""

    def __init__(self, json: bool) -> None:
        self._json = json

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CastoffError):
            from castoff.session import answer

            raise answer(error, self._json) from None
        if isinstance(error, KeyboardInterrupt):
            raise Exit("interrupted", 130) from None
