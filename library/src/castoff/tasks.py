"""The Invoke tasks: each parses its arguments, calls one step, and shows the result."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Context, Exit, task

from castoff import yaml_file
from castoff.command_line import CastoffTask
from castoff.errors import CastoffError, WrongInput

if TYPE_CHECKING:
    from castoff.image.model import Image
    from castoff.model import NamedSecret, Release, Status
    from castoff.run import TargetResult
    from castoff.session import Session
    from castoff.steps import Job, Made

TARGET = (
    "Where: a target's name in invoke.yaml, or several, as --target=fly,heroku or repeated. "
    "Left out: what castoff.target names, else local."
)
JSON = "One JSON object a line on stdout; text for people goes to stderr."
CREATE = "Make the app on the platform if it is missing there, which may cost money."
IMAGE = "Make the image of the Dockerfile on this machine's Docker engine, and audit and boot it."
HELP = {"target": TARGET, "json": JSON}
own = partial(task, klass=CastoffTask, iterable=["target"])


@own(help=HELP | {"image": IMAGE})
def build(c: Context, target: list[str], image: bool = False, json: bool = False) -> None:
    """Make the artifact of the commit, stamped with it; release nothing.

    What is made is kept on the target, and found again by the next `inv
    build` or `inv deploy` of the same commit. What serves is not touched.
    With --image it is a Docker image, which is looked through for secrets
    and mistakes, and run with a database of its own, before it gets a tag.

    Examples:

        inv build
        inv build --target=fly,heroku
        inv build --image                  # castoff/NAME:COMMIT

    Exit codes: 0 made or found, 1 failed, 2 wrong input, 130 interrupted.
    """
    from castoff.steps.build import build as step
    from castoff.steps.prepare import prepare

    if image:
        _image(c, target, json)
    else:
        _steps(c, "build", target, json, (step,), prepare=prepare)


@own(help=HELP)
def check(c: Context, target: list[str], json: bool = False) -> None:
    """Find what would break, before anything is changed.

    Looks at the commit, the lock, the imported settings, the migrations and
    the target. An E stops a deploy, a W is only shown; docs/checks.md has
    every id, and castoff.silence in invoke.yaml silences one, with a reason.

    Examples:

        inv check
        inv check --target=fly
        inv check --json | tail -n 1       # every finding, for a program

    Exit codes: 0 no error, 1 an error was found, 2 wrong input.
    """
    from castoff.steps import Options, run
    from castoff.steps.check import check as step
    from castoff.steps.prepare import prepare

    def work(job: "Job", made: "Made") -> "Made":
        return run(((step,),), job, made)

    with _Answered(json):
        session = _session(c, "check", target, json)
        options = Options(not_looked=True)
        results = session.perform(work, prepare=prepare, options=options, fields=session.findings)
        session.end(results)


@own(help=HELP | {"create": CREATE})
def secrets(c: Context, target: list[str], json: bool = False, create: bool = False) -> None:
    """Set what is required and missing, from the source of secrets; show names.

    Values come from castoff.secrets.env_file, from the environment, or from
    what castoff.secrets.command prints. What is set takes effect with the
    next release; nothing that is set there is ever removed. A table says of
    each name where it comes from and what became of it. No value is shown.

    Examples:

        inv --dry secrets                  # what would be set, and why
        inv secrets --target=fly
        MAIL_URL=smtp://mail.example inv secrets

    Exit codes: 0 set or unchanged, 1 a required name has no value, 2 wrong
    input.
    """
    from castoff.steps import Options
    from castoff.steps.observe import secrets as work
    from castoff.steps.prepare import require_settings

    found: dict[str, tuple[NamedSecret, ...]] = {}
    with _Answered(json):
        session = _session(c, "secrets", target, json)
        require_settings(session.config)
        results = session.perform(
            work(session, found),
            options=Options(create=create),
            fields=lambda name: {"secrets": found.get(name, ())},
        )
        session.end(results)


@own(help=HELP | {"create": CREATE})
def attach(c: Context, target: list[str], json: bool = False, create: bool = False) -> None:
    """Make a PostgreSQL database and attach it; attaching twice is one attachment.

    Sets DATABASE_URL, which the next release takes. A database that is
    attached already is left as it is, with its data.

    Examples:

        inv attach
        inv --dry attach --target=fly

    Exit codes: 0 attached, 1 failed, 2 wrong input.
    """
    from castoff.steps.attach import attach as step
    from castoff.steps.create import create as make

    _steps(c, "attach", target, json, (make, step), create=create)


@own(help=HELP | {"create": CREATE})
def deploy(c: Context, target: list[str], json: bool = False, create: bool = False) -> None:
    """Take the commit live: check, build, secrets, attach, release, smoke.

    Migrations run before the new code serves, and no request is lost at the
    switch. A release that fails its smoke test is rolled back by itself.
    With nothing changed nothing is done. Several targets are deployed at
    once; one that fails does not stop the others.

    Examples:

        inv deploy
        inv --dry deploy                   # what would be done, and why
        inv deploy --target=fly,heroku
        inv deploy --target=fly --create   # the first time

    Exit codes, the highest of all targets:

        0    done
        1    failed; what served before still serves
        2    wrong input; nothing was done
        3    failed, and what serves now needs a person
        130  interrupted; the same command again goes on from there
    """
    from castoff.steps import Options
    from castoff.steps.deploy import deploy as work
    from castoff.steps.prepare import prepare

    with _Answered(json):
        session = _session(c, "deploy", target, json)
        results = session.perform(work, prepare=prepare, options=Options(create=create))
        _last_lines(session, results)
        session.end(results)


@own(help=HELP)
def smoke(c: Context, target: list[str], json: bool = False) -> None:
    """Prove that the released code serves, by questions to its URL.

    Health, the stamp of the code, pages, static files, forms, the admin and
    the database: every answer is shown. castoff.smoke in invoke.yaml says
    what is asked. It writes one row of the probe's own, and no other data.

    Examples:

        inv smoke
        inv smoke --target=fly,heroku

    Exit codes: 0 every answer is right, 1 one is wrong, 2 wrong input.
    """
    from castoff.steps import run
    from castoff.steps.smoke import smoke as step

    def work(job: "Job", made: "Made") -> "Made":
        return run(((step,),), job, made)

    with _Answered(json):
        session = _session(c, "smoke", target, json)
        session.end(session.perform(work, fields=session.checks))


@own(
    help=HELP
    | {
        "to": "The release to go back to, by its id in `inv releases`, as in --to=v3. "
        "Left out: the code that served before.",
        "accept": "Migrations that the older code is to live with all the same, with commas: "
        "--accept=shop.0007_total,shop.0008_drop.",
    },
)
def rollback(
    c: Context, target: list[str], to: str = "", accept: str = "", json: bool = False
) -> None:
    """Go back to the code of an earlier release, where the schema allows it.

    Without --to it goes to the code that served before; once more, and it
    goes further back. The database is left as it is: where a migration since
    then has taken away what the older code needs, it is refused, and says
    which --accept does it all the same. The smoke test has the last word.

    Examples:

        inv releases                       # what there is to go back to
        inv rollback
        inv rollback --to=v3
        inv rollback --to=v3 --accept=shop.0007_total

    Exit codes: 0 done, 1 refused or failed, and what served still serves,
    2 wrong input, 3 what serves now needs a person, 130 interrupted.
    """
    from castoff.steps import Options
    from castoff.steps.rollback import go_back as work

    options = Options(to=to, accept=tuple(name for name in accept.split(",") if name))
    with _Answered(json):
        session = _session(c, "rollback", target, json)
        results = session.perform(work, options=options)
        _last_lines(session, results)
        session.end(results)


@own(help=HELP)
def status(c: Context, target: list[str], json: bool = False) -> None:
    """Say what serves, and bring back what died by itself.

    What was ended by `inv stop` stays ended. To look without changing
    anything: `inv --dry status`, or `inv doctor`.

    Examples:

        inv status
        inv status --target=local,fly --json

    Exit codes: 0 it could be told, whether it serves or not, 1 it could not,
    2 wrong input.
    """
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


@own(help=HELP)
def releases(c: Context, target: list[str], json: bool = False) -> None:
    """List what was released, newest first.

    Each with its id (which `inv rollback --to` takes), its commit, whether it
    is current, superseded or failed, when, and by whom. Changes nothing.

    Examples:

        inv releases
        inv releases --target=fly --json

    Exit codes: 0 done, 1 failed, 2 wrong input.
    """
    from castoff.steps.observe import releases as work

    found: dict[str, list[Release]] = {}
    with _Answered(json):
        session = _session(c, "releases", target, json)
        results = session.perform(
            work(session, found), fields=lambda name: {"releases": found.get(name, [])}
        )
        session.end(results)


@own(help={"target": TARGET, "follow": "Go on with the lines to come, until Ctrl-C."})
def logs(c: Context, target: list[str], follow: bool = False) -> None:
    """Show the app's log.

    The last 200 lines of what the app printed since its last start; secrets
    that castoff knows are hidden. Changes nothing.

    Examples:

        inv logs
        inv logs --follow --target=fly

    Exit codes: 0 done, also when Ctrl-C ended it, 1 failed, 2 wrong input.
    """
    from castoff.steps.observe import logs as work

    with _Answered(False):
        session = _session(c, "logs", target, False)
        session.end(session.perform(work(session, follow)))


@own(help=HELP)
def stop(c: Context, target: list[str], json: bool = False) -> None:
    """Stop serving; data, releases and port are kept for the next deploy.

    Requests under way are answered first. `inv deploy` serves again.

    Examples:

        inv stop
        inv --dry stop --target=local

    Exit codes: 0 stopped, or nothing was running, 1 failed, 2 wrong input.
    """
    from castoff.steps.observe import stop as work

    with _Answered(json):
        session = _session(c, "stop", target, json)
        session.end(session.perform(work(session)))


@own(
    iterable=[],
    help={"port": "The server's port, 1 to 65535. Left out: castoff.dev.port, else 8001."},
)
def dev(c: Context, port: str = "") -> None:
    """Develop: PostgreSQL, migrations, and a server that reloads, in one command.

    Serves the working tree, uncommitted changes included, at
    http://localhost:8001 until Ctrl-C ends it. Its database is one of its
    own, apart from every target's, and is kept from run to run.

    Examples:

        inv dev
        inv dev --port=9000

    Exit codes: 0 ended by Ctrl-C, 1 failed, 2 wrong input.
    """
    from castoff.develop import develop

    with _Answered(False):
        number = _port(port)
        develop(_session(c, "dev", [], False), number)


@own(iterable=[], help={"json": JSON})
def doctor(c: Context, json: bool = False) -> None:
    """Say what is installed, what runs, and what each target lacks.

    Also where state lives, and how large it is. What is missing has ✗ and
    what to type next. It works where everything
    else fails: with a wrong invoke.yaml, without a repository, with a
    damaged state folder. It changes and starts nothing, and shows of
    secrets no more than their names.

    Examples:

        inv doctor
        inv doctor --json

    Exit codes: 0 every target can be deployed to, 1 one lacks something,
    2 invoke.yaml or a variable is wrong.
    """
    from castoff.doctor import doctor as examine
    from castoff.session import plain

    with _Answered(json):
        values = plain(c.config[yaml_file.ROOT])
        code = examine(Path(c.config["castoff_root"]), values, json)
    if code:
        raise Exit(code=int(code))


@own(iterable=[], help={"shell": "The shell: bash, zsh or fish."})
def completion(c: Context, shell: str = "") -> None:
    """Print the script by which your shell completes tasks, options and targets.

    It asks the `inv` that you type, and so serves every project; where there
    are no tasks it is silent. Install it once, by the line for your shell,
    and open a new shell.

    Examples:

        inv completion -s bash >~/.inv.bash && echo '. ~/.inv.bash' >>~/.bashrc
        inv completion -s zsh >~/.inv.zsh && echo '. ~/.inv.zsh' >>~/.zshrc
        inv completion -s fish >~/.config/fish/completions/inv.fish

    Exit codes: 0 printed, 2 there is none for that shell.
    """
    from castoff.completion import script

    with _Answered(False):
        sys.stdout.write(script(shell))


@own(
    iterable=[],
    help={
        "history": "The page of the last 50 runs, and not the newest run's own.",
        "path": "Only print where it is.",
    },
)
def report(c: Context, history: bool = False, path: bool = False) -> None:
    """Open the newest run's report in the browser, and print where it is.

    Every check, build, secrets, attach, deploy, smoke, rollback and stop
    writes one: a page that needs no network and no script. Where there is no
    browser or no display it only prints. Changes nothing.

    Examples:

        inv report
        inv report --history
        cp "$(inv report --path)" /tmp/for-a-colleague.html

    Exit codes: 0 done, 1 there is none yet, 2 wrong input.
    """
    from castoff.report.show import show

    with _Answered(False):
        show(c, history=history, only_path=path)


TASKS = (
    build, check, secrets, attach, deploy, smoke, rollback,
    dev, status, releases, logs, report, stop, doctor, completion,
)  # fmt: skip


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


def _image(c: Context, target: list[str], json: bool) -> None:
    """Build the image, under the target's lock; the result names it."""
    from castoff.steps.image import image as work
    from castoff.steps.prepare import prepare

    passed: dict[str, Image] = {}
    with _Answered(json):
        session = _session(c, "build", target, json)
        results = session.perform(
            work(passed), prepare=prepare, fields=lambda name: {"image": passed.get(name)}
        )
        session.end(results)


def _port(text: str) -> int:
    """The number of a port; 0 for an empty text.

    Raises:
        WrongInput: it is none.
    """
    if not text or (text.isdecimal() and 0 < int(text) < 65536):
        return int(text or 0)
    raise WrongInput(
        f"--port={text}: expected a number from 1 to 65535",
        "Nothing was done.",
        "As in `inv dev --port=9000`.",
    )


def _session(c: Context, name: str, target: list[str], json: bool) -> "Session":
    from castoff.session import Session

    return Session(c, name, target, json)


def _last_lines(session: "Session", results: dict[str, "TargetResult"]) -> None:
    """End with the URLs."""
    for one in results.values():
        if one.ok and not session.project.dry:
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
