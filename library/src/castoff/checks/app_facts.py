"""What the app is when it is imported for real, by ``inspector.py`` in the app's own virtualenv."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from castoff.config import Config
from castoff.errors import StepError
from castoff.shell import CommandFailed, Shell

INSPECTOR = Path(__file__).with_name("inspector.py")
SECONDS = 60.0
MARGIN = 5.0  # seconds before the limit in which the inspector says itself where it hangs


class AppError(msgspec.Struct, frozen=True):
    """Something that failed while the app was looked at.

    Attributes:
        phase: what was done: ``settings``, ``setup``, ``urls``, ``wsgi``, ``checks``,
            ``migrations``, ``changes``, ``health`` or ``collectstatic``.
        kind: ``exception``, ``syntax``, ``module`` (a module is not there), ``driver`` (the
            database's), ``connection`` (to the database, refused here), ``exit`` or ``hang``.
        error: the error in one line.
        file: the innermost file of the project that took part, relative to the tree.
        line: its line.
        module: the name of the module that is not there.
    """

    phase: str
    kind: str
    error: str
    file: str = ""
    line: int = 0
    module: str = ""

    @property
    def where(self) -> str:
        """The file and line; empty when none of the project's took part."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


class Opened(msgspec.Struct, frozen=True):
    """An attempt to connect to the database.

    Attributes:
        phase: what was done then, as in ``AppError``.
        file: the file of the project that it came from, relative to the tree.
        line: its line.
    """

    phase: str
    file: str = ""
    line: int = 0


class SettingsFacts(msgspec.Struct, frozen=True):
    """The settings that checks look at; never a credential.

    Attributes:
        debug: ``DEBUG``.
        allowed_hosts: ``ALLOWED_HOSTS``.
        csrf_trusted_origins: ``CSRF_TRUSTED_ORIGINS``.
        ssl_redirect: ``SECURE_SSL_REDIRECT``.
        proxy_header: ``SECURE_PROXY_SSL_HEADER``; empty when it is not set.
        session_cookie_secure: ``SESSION_COOKIE_SECURE``.
        csrf_cookie_secure: ``CSRF_COOKIE_SECURE``.
        csrf_in_session: ``CSRF_USE_SESSIONS``.
        middleware: ``MIDDLEWARE``.
        installed_apps: ``INSTALLED_APPS``.
        storages: each storage's backend by alias.
        static_root: ``STATIC_ROOT``.
        static_url: ``STATIC_URL``.
        engines: each database's engine by alias.
        pools: the aliases whose connections are pooled.
        caches: each cache's backend by alias.
        wsgi: ``WSGI_APPLICATION``.
    """

    debug: bool
    allowed_hosts: tuple[str, ...]
    csrf_trusted_origins: tuple[str, ...]
    ssl_redirect: bool
    proxy_header: tuple[str, ...]
    session_cookie_secure: bool
    csrf_cookie_secure: bool
    csrf_in_session: bool
    middleware: tuple[str, ...]
    installed_apps: tuple[str, ...]
    storages: dict[str, str]
    static_root: str
    static_url: str
    engines: dict[str, str]
    pools: tuple[str, ...]
    caches: dict[str, str]
    wsgi: str


class Roles(msgspec.Struct, frozen=True):
    """Where in ``MIDDLEWARE`` each kind is, by class and not by name; None when it is missing.

    Attributes:
        release: castoff's release middleware.
        security: Django's ``SecurityMiddleware``.
        whitenoise: WhiteNoise.
        session: sessions.
        csrf: the CSRF protection.
    """

    release: int | None = None
    security: int | None = None
    whitenoise: int | None = None
    session: int | None = None
    csrf: int | None = None


class Message(msgspec.Struct, frozen=True):
    """What a Django check says.

    Attributes:
        id: Django's id, as in ``security.W004``.
        level: Django's number: 30 a warning, 40 an error.
        obj: what it is about.
        msg: what is wrong.
        hint: the fix, where Django knows one.
    """

    id: str
    level: int
    obj: str
    msg: str
    hint: str


class Migration(msgspec.Struct, frozen=True):
    """A migration of an installed app.

    Attributes:
        name: ``app.name``.
        reversible: whether it can be undone.
        replaces: the migrations that it was squashed from.
    """

    name: str
    reversible: bool
    replaces: tuple[str, ...] = ()


class Migrations(msgspec.Struct, frozen=True):
    """The migrations of every installed app.

    Attributes:
        known: all of them.
        conflicts: the leaves of the apps that have several.
    """

    known: tuple[Migration, ...]
    conflicts: dict[str, tuple[str, ...]]


class Changes(msgspec.Struct, frozen=True):
    """What ``makemigrations`` would write, for the project's own apps.

    Attributes:
        missing: by app, what no migration has.
        unmigrated: apps with models and no migrations at all.
    """

    missing: dict[str, tuple[str, ...]]
    unmigrated: tuple[str, ...]


class Health(msgspec.Struct, frozen=True):
    """The answer to a platform's probe.

    Attributes:
        path: the path that was asked.
        status: the status of the answer.
        location: where it redirects.
        error: what failed, when there was no answer.
    """

    path: str
    status: int
    location: str = ""
    error: AppError | None = None


class AppFacts(msgspec.Struct, frozen=True):
    """What the app is, as far as it could be loaded; a part that could not is None.

    Attributes:
        python: the interpreter's version.
        django: Django's version; empty when it is not there.
        seconds: how long the look took.
        errors: what failed.
        connections: attempts to connect to a database, all of them refused.
        settings: the production settings.
        roles: the middlewares that matter.
        manifest_storage: whether static files get names with hashes; None when their storage
            cannot be loaded.
        admin: the admin's path, as in ``/admin/``; empty when there is none.
        admin_login: the path of its login.
        messages: what ``check --deploy`` says, without what the project silenced.
        migrations: the migration graph.
        changes: models without a migration.
        health: the answer to a probe.
        needs_secret: what failed at build time and works when the required names are set.
    """

    python: str
    django: str = ""
    seconds: float = 0.0
    errors: tuple[AppError, ...] = ()
    connections: tuple[Opened, ...] = ()
    settings: SettingsFacts | None = None
    roles: Roles | None = None
    manifest_storage: bool | None = None
    admin: str = ""
    admin_login: str = ""
    messages: tuple[Message, ...] | None = None
    migrations: Migrations | None = None
    changes: Changes | None = None
    health: Health | None = None
    needs_secret: AppError | None = None

    def error_in(self, *phases: str) -> AppError | None:
        """Return the first error of these phases."""
        return next((error for error in self.errors if error.phase in phases), None)


def inspect(
    python: Path,
    tree: Path,
    config: Config,
    build_env: Mapping[str, str],
    run_env: Mapping[str, str],
    shell: Shell,
    seconds: float = SECONDS,
) -> AppFacts:
    """Look at the app in a process of its own; in a second one when the first fails.

    Args:
        python: the interpreter of the lock's virtualenv.
        tree: the project's folder in the unpacked source.
        config: for the settings and WSGI modules.
        build_env: the whole environment of a build: no secret, no database.
        run_env: the same with every required name set to something.
        shell: runs the interpreter.
        seconds: how long each process may take.

    Raises:
        StepError: the process gave no answer that can be read.
    """
    built = _ask(python, tree, config, build_env, shell, seconds)
    names = set(run_env) - set(build_env)
    failed = built.error_in("settings", "setup", "urls", "wsgi", "collectstatic")
    if failed is None or failed.kind not in ("exception", "exit") or not names:
        return built
    ran = _ask(python, tree, config, run_env, shell, seconds)
    if ran.error_in(failed.phase) is None:
        return replace(ran, needs_secret=failed)
    if any(name in failed.error for name in names):
        # The stand-in for the secret is no better; the rest cannot be looked at.
        errors = tuple(error for error in built.errors if error is not failed)
        return replace(built, errors=errors, needs_secret=failed)
    return built


def _ask(
    python: Path,
    tree: Path,
    config: Config,
    env: Mapping[str, str],
    shell: Shell,
    seconds: float,
) -> AppFacts:
    asked = {"settings": config.settings, "wsgi": config.wsgi, "seconds": max(seconds - MARGIN, 1)}
    try:
        # Its status says nothing: it ends itself by a signal, with all that the app has started.
        result = shell.run(
            [python, INSPECTOR],
            cwd=tree,
            env=env,
            stdin=msgspec.json.encode(asked),
            timeout=seconds,
            check=False,
        )
        return msgspec.json.decode(result.stdout.encode(), type=AppFacts)
    except CommandFailed as error:
        raise _no_answer(config, f"the process {error.reason}", error.result.last_lines) from None
    except msgspec.DecodeError as error:
        reason = f"garbled answer ({error})" if result.stdout else "it ends the process itself"
        raise _no_answer(config, reason, result.last_lines) from None


def _no_answer(config: Config, reason: str, lines: str) -> StepError:
    last = f":\n{lines}" if lines else ""
    return StepError(
        f"{config.settings or 'the app'} could not be looked at: {reason}{last}",
        "Nothing was changed; what served before still serves.",
        f"`DJANGO_SETTINGS_MODULE={config.settings} python -X faulthandler manage.py check`"
        " shows where it ends.",
    )
