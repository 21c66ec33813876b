"""The production settings, as they are when they are imported."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from castoff.checks import Facts, NotLooked, check, finding
from castoff.checks.app_facts import AppError, AppFacts, SettingsFacts
from castoff.checks.source import is_third_party
from castoff.model import Finding, Level

# Of Django 5.2 to 6.1, what is about TLS alone: HSTS, the redirect, secure cookies.
TLS_NUMBERS = ("004", "005", "008", "010", "011", "012", "016", "021")
TLS_IDS = {f"security.W{number}" for number in TLS_NUMBERS}
WHAT = {
    "settings": "the settings cannot be imported",
    "setup": "the installed apps cannot be loaded",
    "urls": "the URLs cannot be imported",
    "wsgi": "the WSGI application cannot be imported",
}
WARNING = 30  # django.core.checks.WARNING


def app_of(facts: Facts) -> AppFacts:
    """Return the app's facts.

    Raises:
        NotLooked: there are none.
    """
    if facts.app is None:
        raise NotLooked("the app was not looked at")
    return facts.app


def settings_of(facts: Facts) -> SettingsFacts:
    """Return the settings.

    Raises:
        NotLooked: they could not be imported.
    """
    settings = app_of(facts).settings
    if settings is None:
        raise NotLooked("the settings cannot be imported")
    return settings


def is_https(facts: Facts) -> bool:
    """Whether any public URL is https: else nothing about TLS applies."""
    return any(urlsplit(url).scheme == "https" for url in facts.public_urls)


@check("E201", family="settings", needs=["environment"])
def app_cannot_be_imported(facts: Facts) -> Iterator[Finding]:
    """E201: the settings, the apps, the URLs or the WSGI module cannot be imported."""
    name = facts.config.settings
    if not name:
        hint = "castoff:\n  settings: project.settings.production"
        yield finding("E201", "invoke.yaml", "castoff.settings does not say which module.", hint)
    elif facts.app is None:
        yield finding("E201", name, f"{facts.app_problem}\nIt would end there in the same way.")
    else:
        for error in facts.app.errors:
            told_elsewhere = error.kind in ("connection", "driver") or is_third_party(facts, error)
            ends = error.phase in WHAT or error.kind == "hang"
            if ends and not told_elsewhere:
                yield _not_importable(facts, error)


def _not_importable(facts: Facts, error: AppError) -> Finding:
    what = WHAT.get(error.phase, "the app cannot be looked at")
    harm = "hang" if error.kind == "hang" else "crash"
    return finding(
        "E201",
        error.where or (_wsgi(facts) if error.phase == "wsgi" else facts.config.settings),
        f"{what} as configured: {error.error}. The app would {harm} on boot.",
        _untracked_hint(facts, error) or _undeclared_hint(facts, error),
    )


def _wsgi(facts: Facts) -> str:
    return facts.config.wsgi or settings_of(facts).wsgi or "WSGI_APPLICATION"


def _untracked_hint(facts: Facts, error: AppError) -> str:
    """Help with what works here only because git does not know the file."""
    if not error.module:
        return ""
    path = error.module.replace(".", "/")
    found = [one for one in facts.source.untracked if path in f"/{one}".removesuffix(".py")]
    return f"git does not track it, so that it is not deployed: git add {found[0]}" if found else ""


def _undeclared_hint(facts: Facts, error: AppError) -> str:
    """Help with an environment variable that nobody was told of."""
    word = error.error.partition("KeyError: ")[2].strip("'\"")
    if not word.isupper():
        return f"Try it: DJANGO_SETTINGS_MODULE={facts.config.settings} python manage.py check"
    return f"castoff:\n  secrets:\n    required: [{word}]"


@check("E202", family="settings", needs=["app"])
def database_is_opened_in_the_build(facts: Facts) -> Iterator[Finding]:
    """E202: importing settings, or collectstatic, opens a database connection."""
    app = app_of(facts)
    phases = {"settings": "importing the settings", "setup": "loading the installed apps"}
    phases["collectstatic"] = "collectstatic"
    seen = {(one.phase, f"{one.file}:{one.line}" if one.file else "") for one in app.connections}
    refused = (error for error in app.errors if error.kind == "connection")
    seen |= {(one.phase, one.where) for one in refused}
    for phase, where in sorted(seen):
        if phase in phases:
            yield finding(
                "E202",
                where or facts.config.settings,
                f"{phases[phase]} opens a database connection: a build has no database, and fails.",
                "Ask the database when a request, a command or a signal first needs it, "
                "not on import or in ready().",
            )


@check("E203", family="settings", needs=["app"])
def secret_is_needed_in_the_build(facts: Facts) -> Iterator[Finding]:
    """E203: importing settings at build time needs a secret that only a release has."""
    error = app_of(facts).needs_secret
    if error is None:
        return
    names = [name for name in facts.config.secrets.required if name in error.error]
    name = names[0] if names else "NAME"
    yield finding(
        "E203",
        error.where or facts.config.settings,
        f"a required secret is needed already in the build, which has none: {error.error}. "
        "collectstatic would fail there.",
        f'{name} = os.environ.get("{name}", "")\nand let what uses it complain when it is empty.',
    )


@check("E204", family="settings", needs=["settings"])
def debug_is_on(facts: Facts) -> Iterator[Finding]:
    """E204: DEBUG is on."""
    if settings_of(facts).debug:
        message = "DEBUG is on: every error shows settings and source code to the public."
        yield finding("E204", "DEBUG", message, "DEBUG = False")


@check("E217", family="settings", needs=["settings"])
def health_check_fails(facts: Facts) -> Iterator[Finding]:
    """E217: the health path answers anything but 200 to a platform's probe."""
    app = app_of(facts)
    if any(one.phase in ("wsgi", "health") for one in app.connections):
        raise NotLooked("it asks the database, and there is none here")
    raised = app.error_in("health")
    if app.health is None and raised is None:
        raise NotLooked("the WSGI application cannot be imported")
    if app.health is not None and app.health.status == 200:
        return
    yield finding(
        "E217",
        app.health.path if app.health else "health path",
        f"{_answer(app, raised)}. A platform's probe comes with an IP address for a host, over "
        "plain http: it would call the app unhealthy, and send it no traffic.",
        'MIDDLEWARE = ["castoff.django.middleware.ReleaseMiddleware", ...]',
    )


def _answer(app: AppFacts, raised: AppError | None) -> str:
    if app.health is None:
        return f"the app raises instead of answering: {raised.error if raised else ''}"
    status, path = app.health.status, app.health.path
    error = app.health.error.error if app.health.error else ""
    if app.health.location:
        return f"{path} answers {status}, a redirect to {app.health.location}"
    if status == 400:
        return f"{path} answers 400, because ALLOWED_HOSTS is asked first"
    return f"{path} answers {status}" + (f" ({error})" if error else "")


@check("E218", family="settings", needs=["settings"])
def release_middleware_is_not_first(facts: Facts) -> Iterator[Finding]:
    """E218: the release middleware is missing or not first."""
    roles = app_of(facts).roles
    if roles is None or roles.release == 0:
        return
    fault = "missing" if roles.release is None else f"number {roles.release + 1}, not first"
    yield finding(
        "E218",
        "MIDDLEWARE",
        f"castoff's release middleware is {fault}: nothing could prove which code serves, and "
        "health checks meet host validation and redirects.",
        'INSTALLED_APPS += ["castoff.django"]\n'
        'MIDDLEWARE = ["castoff.django.middleware.ReleaseMiddleware", *MIDDLEWARE]',
    )


@check("W219", family="settings", needs=["settings"])
def django_says(facts: Facts) -> Iterator[Finding]:
    """W219: what ``check --deploy`` says, under its own ids; E218 is castoff's own already."""
    https = is_https(facts)
    crashed = app_of(facts).error_in("checks")
    if crashed:
        message = f"manage.py check itself fails: {crashed.error}"
        yield finding("W219", crashed.where or "manage.py check --deploy", message)
    elif app_of(facts).messages is None:
        raise NotLooked("Django's own checks did not run")
    for one in app_of(facts).messages or ():
        applies = https or one.id not in TLS_IDS
        if applies and one.id != "castoff.E218":
            level = Level.ERROR if one.level > WARNING else Level.WARNING
            where = one.obj or "manage.py check --deploy"
            yield Finding(one.id or "W219", level, where, one.msg, one.hint)
