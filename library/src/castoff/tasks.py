"""The Invoke tasks: each parses its arguments, calls one step, and shows the result."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Collection, Context, Exit, Task, task

from castoff import yaml_file
from castoff.errors import CastoffError

if TYPE_CHECKING:
    from castoff.model import Release, Status
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
    from castoff.steps.prepare import prepare

    _steps(c, "build", target, json, (step,), prepare=prepare)


@task(iterable=LIST, help=HELP)
def check(c: Context, target: list[str], json: bool = False) -> None:
    """Find what would break, before anything is changed."""
    from castoff.steps import Options, run
    from castoff.steps.check import check as step
    from castoff.steps.prepare import prepare

    def work(job: "Job", made: "Made") -> "Made":
        return run(((step,),), job, made)

    with _Answered(json):
        session = _session(c, "check", target, json)
        options = Options(not_looked=True)
        results = session.perform(
            work, prepare=prepare, options=options, fields=session.answers.findings
        )
        session.end(results)


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
    from castoff.steps import run
    from castoff.steps.smoke import smoke as step

    def work(job: "Job", made: "Made") -> "Made":
        return run(((step,),), job, made)

    with _Answered(json):
        session = _session(c, "smoke", target, json)
        session.end(session.perform(work, fields=session.answers.checks))


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
    """Go back to the code of an earlier release, where the schema allows it.

    Without --to it goes to the code that served before; once more, and it goes further back.
    """
    from castoff.steps import Options
    from castoff.steps.rollback import go_back as work

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

    found: dict[str, Status] = {}

    def state(name: str) -> dict[str, object]:
        now = found.get(name)
        return {
            "serving": bool(now and now.serving),
            "parts": now.parts if now else {},
            "problems": now.problems if now else (),
        }

    with _Answered(json):
        session = _session(c, "status", target, json)
        session.end(session.perform(work(session, found), fields=state))


@task(iterable=LIST, help=HELP)
def releases(c: Context, target: list[str], json: bool = False) -> None:
    """List what was released, newest first."""
    from castoff.steps.observe import releases as work

    found: dict[str, list[Release]] = {}
    with _Answered(json):
        session = _session(c, "releases", target, json)
        results = session.perform(
            work(session, found), fields=lambda name: {"releases": found.get(name, [])}
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
        values = yaml_file.read(folder / "invoke.yaml")
        defaults = {} if _only_lists() else _defaults(values)
    except CastoffError as error:
        from castoff.session import answer

        # Invoke has not parsed the command line yet.
        raise answer(error, json="--json" in sys.argv) from None
    own = {one.name for one in tasks if isinstance(one, Task)}
    found = Collection(*(one for one in TASKS if one.name not in own), *tasks)
    found.configure({"castoff_root": str(folder), **defaults})
    return found


def _only_lists() -> bool:
    """Whether no task will run: then nothing is configured, which keeps ``inv --list`` quick."""
    words = sys.argv[1:]
    return any(word in ("-l", "--complete") or word.startswith("--list") for word in words)


def _defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Check the values, and return every key with its default.

    Invoke takes ``INVOKE_…`` variables only for keys that exist.

    Raises:
        WrongInput: a key or value is wrong, in the file or in a variable.
    """
    from castoff import config as configuration
    from castoff.session import overridden

    configuration.parse(values)
    defaults = configuration.defaults(list(values.get("targets") or ["local"]))
    configuration.parse(overridden(values, defaults))
    return {yaml_file.ROOT: defaults}


def _steps(
    c: Context,
    name: str,
    target: list[str],
    json: bool,
    steps: tuple[Any, ...],
    *,
    create: bool = False,
    prepare: Callable[[Any], "Made"] | None = None,
) -> None:
    """Run steps one after another on every target, under the target's lock."""
    from castoff.steps import Options, run
    from castoff.steps.prepare import require_settings

    def work(job: "Job", made: "Made") -> "Made":
        with job.locked(name):
            return run(tuple((step,) for step in steps), job, made)

    with _Answered(json):
        session = _session(c, name, target, json)
        require_settings(session.config)
        options = Options(create=create)
        session.end(session.perform(work, prepare=prepare, options=options))


def _session(c: Context, name: str, target: list[str], json: bool) -> "Session":
    from castoff.session import Session

    return Session(c, name, target, json)


def _last_lines(session: "Session", results: dict[str, "TargetResult"]) -> None:
    """End with the URLs, after the log's path, which a failure has shown already."""
    if session.log is None:
        return
    done = [one for one in results.values() if one.ok]
    if len(done) == len(results):
        session.terminal.line(f"Log: {session.log.path}", "dim")
    for one in done:
        session.terminal.line(one.url, "bold")


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
