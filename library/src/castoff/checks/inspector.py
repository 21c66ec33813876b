"""Looks at a Django project from inside, and prints one JSON document.

Run by its path in the virtualenv of the app, with the project's folder as the current one: the
standard library and the app's own Django only, Python 3.10 or later. What it is asked comes on
stdin; the environment is the one that a build or a release would have. Nothing that the app
prints, raises or leaves behind can spoil the answer: it goes out on a descriptor of its own.
"""

import gc
import io
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Any

Json = dict[str, Any]
Frames = Iterable[tuple[FrameType, int]]

TREE = os.path.realpath(os.getcwd())
OWN = os.path.realpath(__file__)
PID = os.getpid()
LONGEST = 400  # characters of an error that are passed on
LEVEL_SHOWN = 20  # django.core.checks.INFO
PROBE_HOST = "172.19.16.2:8080"  # as a platform's probe has it: an address inside its network
DRIVERS = {"psycopg", "psycopg2", "psycopg_pool", "MySQLdb", "oracledb", "cx_Oracle"}
NO_DATABASE = "no database can be reached here"


class Report:
    """The document, and the descriptor that it goes out on."""

    def __init__(self) -> None:
        self.channel = os.dup(1)
        os.dup2(2, 1)  # whatever the app prints joins its errors
        os.register_at_fork(after_in_child=self._close)
        self.phase = "settings"
        self.began = time.monotonic()
        self.doc: Json = {"python": sys.version.split()[0], "errors": [], "connections": []}
        self.loader: Any = None
        self.application: Any = None
        self._lock = threading.Lock()

    def __setitem__(self, name: str, value: object) -> None:
        self.doc[name] = value

    def failed(self, error: Json) -> None:
        self.doc["errors"].append({"phase": self.phase, **error})

    def end(self) -> None:
        """Print the document, end what the app has started, and this process too."""
        self._lock.acquire()  # for good: the watchdog and the main thread may both come here
        self.doc["seconds"] = round(time.monotonic() - self.began, 3)
        data = json.dumps(self.doc, default=str).encode()
        while data:
            data = data[os.write(self.channel, data) :]
        if os.getpgrp() == PID:
            os.killpg(PID, signal.SIGKILL)  # with whatever the app has started
        os._exit(0)

    def _close(self) -> None:
        os.close(self.channel)


def main() -> None:
    asked = json.loads(sys.stdin.buffer.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    report = Report()
    threading.Thread(target=watch, args=(report, asked["seconds"]), daemon=True).start()
    # Python has put this file's folder here, whose modules are none of the app's business.
    sys.path[0] = TREE
    sys.argv = ["castoff-inspector"]
    gc.disable()  # there is no garbage in what is loaded, and looking for it takes long
    if do(report, "settings", load_settings, asked):
        look(report, asked)
    report.end()


def look(report: Report, asked: Json) -> None:
    """Everything after the settings, each part as far as those before allow."""
    if not do(report, "setup", set_up):
        return
    gc.freeze()
    gc.enable()
    do(report, "setup", look_at_classes)
    do(report, "collectstatic", collect_static)
    if do(report, "urls", load_urls):
        do(report, "checks", run_checks)
    if do(report, "migrations", look_at_migrations):
        do(report, "changes", look_at_changes)
    if do(report, "wsgi", load_application, asked):
        do(report, "health", ask_for_health)


def do(report: Report, phase: str, work: Callable[..., None], *args: Any) -> bool:
    """Do one part; return whether it could be done."""
    report.phase = phase
    try:
        work(report, *args)
        return True
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: it is the app's code
        report.failed(describe(error))
        return False
    finally:
        if os.getpid() != PID:  # the app has forked, and this is the copy
            os._exit(0)
        os.chdir(TREE)


def watch(report: Report, seconds: float) -> None:
    """End it shortly before the time is up, with the line that it hangs in."""
    time.sleep(seconds)
    frame = sys._current_frames()[threading.main_thread().ident or 0]
    file, line = innermost(traceback.walk_stack(frame))
    text = f"it does not come to an end in {seconds:g} s"
    report.failed({"kind": "hang", "error": text, "file": file, "line": line})
    report.end()


# What went wrong, and where


def describe(error: BaseException) -> Json:
    """An error as one line, its kind, and the innermost line of the project."""
    file, line = place(error)
    text = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(":. ")[:LONGEST]
    kind, module = kind_of(error)
    return {"kind": kind, "error": text, "file": file, "line": line, "module": module}


def kind_of(error: BaseException) -> tuple[str, str]:
    for cause in chain(error):
        if NO_DATABASE in str(cause) or is_refused_by_driver(cause):
            return "connection", ""
    if isinstance(error, SystemExit):
        return "exit", ""
    if isinstance(error, SyntaxError):
        return "syntax", ""
    for cause in chain(error):
        missing = (getattr(cause, "name", "") or "").partition(".")[0]
        if isinstance(cause, ImportError) and missing in DRIVERS:
            return "driver", missing
    for raised in (error, error.__cause__):  # Django's own errors for a backend have a cause
        if isinstance(raised, ModuleNotFoundError) and raised.name:
            return "module", raised.name
    if "Error loading psycopg" in str(error):
        return "driver", "psycopg"
    return "exception", ""


def is_refused_by_driver(error: BaseException) -> bool:
    """Whether a database driver itself could not connect, called without Django."""
    names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).mro()}
    return bool(names & {f"{driver}.OperationalError" for driver in DRIVERS})


def chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def place(error: BaseException) -> tuple[str, int]:
    if isinstance(error, SyntaxError) and error.filename:
        file = inside(error.filename)
        if file:
            return file, error.lineno or 0
    frames = list(traceback.walk_tb(error.__traceback__))
    return innermost(reversed(frames))


def innermost(frames: Frames) -> tuple[str, int]:
    """The file and line of the first of these frames that is the project's own code."""
    for frame, line in frames:
        file = inside(frame.f_code.co_filename)
        if file:
            return file, line
    return "", 0


def inside(path: str) -> str:
    """A path relative to the project, or an empty text when it is not the project's own."""
    path = os.path.realpath(os.path.join(TREE, path))
    if path == OWN or not path.startswith(TREE + os.sep):
        return ""
    relative = os.path.relpath(path, TREE)
    return "" if "site-packages" in relative else relative


# The parts


def load_settings(report: Report, asked: Json) -> None:
    """Import the production settings, and have Django check them; no database can be reached."""
    import django

    report["django"] = django.get_version()
    refuse_connections(report)
    os.environ["DJANGO_SETTINGS_MODULE"] = asked["settings"]
    import_module(asked["settings"])
    look_at_settings(report)


def refuse_connections(report: Report) -> None:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.utils import OperationalError

    def connect(self: BaseDatabaseWrapper) -> None:
        file, line = innermost(traceback.walk_stack(sys._getframe(1)))
        report.doc["connections"].append({"phase": report.phase, "file": file, "line": line})
        raise OperationalError(NO_DATABASE)

    BaseDatabaseWrapper.connect = connect  # type: ignore[method-assign]


def look_at_settings(report: Report) -> None:
    from django.conf import settings

    header = settings.SECURE_PROXY_SSL_HEADER
    report["settings"] = {
        "debug": bool(settings.DEBUG),
        "allowed_hosts": texts(settings.ALLOWED_HOSTS),
        "csrf_trusted_origins": texts(settings.CSRF_TRUSTED_ORIGINS),
        "ssl_redirect": bool(settings.SECURE_SSL_REDIRECT),
        "proxy_header": texts(header) if isinstance(header, (list, tuple)) else [],
        "session_cookie_secure": bool(settings.SESSION_COOKIE_SECURE),
        "csrf_cookie_secure": bool(settings.CSRF_COOKIE_SECURE),
        "csrf_in_session": bool(settings.CSRF_USE_SESSIONS),
        "middleware": texts(settings.MIDDLEWARE),
        "installed_apps": texts(settings.INSTALLED_APPS),
        "storages": backends(settings.STORAGES, "BACKEND"),
        "static_root": str(settings.STATIC_ROOT or ""),
        "static_url": str(settings.STATIC_URL or ""),
        "engines": backends(settings.DATABASES, "ENGINE"),
        "pools": [alias for alias, one in settings.DATABASES.items() if pooled(one)],
        "caches": backends(settings.CACHES, "BACKEND"),
        "wsgi": str(settings.WSGI_APPLICATION or ""),
    }


def texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def backends(entries: Mapping[str, Any], key: str) -> dict[str, str]:
    return {str(alias): str(entry.get(key, "")) for alias, entry in entries.items()}


def pooled(database: Mapping[str, Any]) -> bool:
    options = database.get("OPTIONS")
    return bool(isinstance(options, dict) and options.get("pool"))


def set_up(report: Report) -> None:
    import django

    django.setup()


def look_at_classes(report: Report) -> None:
    """Middlewares and the static storage, by what they are and not by their names."""
    from django.conf import settings
    from django.contrib.staticfiles.storage import ManifestFilesMixin
    from django.utils.module_loading import import_string

    report["roles"] = roles(settings.MIDDLEWARE)
    backend = settings.STORAGES.get("staticfiles", {}).get("BACKEND")
    kind = import_string(backend) if isinstance(backend, str) else None
    report["manifest_storage"] = isinstance(kind, type) and issubclass(kind, ManifestFilesMixin)


def roles(middleware: Iterable[str]) -> dict[str, int]:
    wanted = {
        "castoff.django.middleware.ReleaseMiddleware": "release",
        "django.middleware.security.SecurityMiddleware": "security",
        "whitenoise.middleware.WhiteNoiseMiddleware": "whitenoise",
        "django.contrib.sessions.middleware.SessionMiddleware": "session",
        "django.middleware.csrf.CsrfViewMiddleware": "csrf",
    }
    found: dict[str, int] = {}
    for index, path in enumerate(middleware):
        for name in lineage(path):
            if name in wanted:
                found.setdefault(wanted[name], index)
    return found


def lineage(path: str) -> list[str]:
    """The dotted names of a class and its bases; of a function, or what is not there, its own."""
    from django.utils.module_loading import import_string

    try:
        kind = import_string(path)
    except Exception:  # loading the WSGI application tells it, with its place
        return [path]
    bases = kind.mro() if isinstance(kind, type) else []
    return [path, *(f"{base.__module__}.{base.__qualname__}" for base in bases)]


def collect_static(report: Report) -> None:
    """A dry run, when the files would go to this machine."""
    from django.apps import apps
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.files.storage import FileSystemStorage
    from django.core.management import call_command

    installed = apps.is_installed("django.contrib.staticfiles")
    storage = staticfiles_storage if installed and "staticfiles" in settings.STORAGES else None
    if settings.STATIC_ROOT and isinstance(storage, FileSystemStorage):
        call_command("collectstatic", interactive=False, dry_run=True, verbosity=0)


def load_urls(report: Report) -> None:
    from django.apps import apps
    from django.urls import NoReverseMatch, get_resolver, reverse

    assert get_resolver().url_patterns is not None  # imports every URLconf
    if apps.is_installed("django.contrib.admin"):
        with suppress(NoReverseMatch):  # installed, and in no URLconf
            report["admin"] = reverse("admin:index")
            report["admin_login"] = reverse("admin:login")


def run_checks(report: Report) -> None:
    from django.core import checks

    found = checks.run_checks(include_deployment_checks=True)
    report["messages"] = [
        {
            "id": one.id or "",
            "level": one.level,
            "obj": label(one.obj),
            "msg": str(one.msg),
            "hint": str(one.hint or ""),
        }
        for one in found
        if one.level >= LEVEL_SHOWN and not one.is_silenced()
    ]


def label(obj: object) -> str:
    meta = getattr(obj, "_meta", None)
    return "" if obj is None else str(getattr(meta, "label", obj))


def look_at_migrations(report: Report) -> None:
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, ignore_no_migrations=True)
    report.loader = loader
    known = loader.disk_migrations
    report["migrations"] = {
        "known": [
            {
                "name": f"{app}.{name}",
                "reversible": all(one.reversible for one in migration.operations),
                "replaces": [f"{old_app}.{old}" for old_app, old in migration.replaces],
            }
            for (app, name), migration in sorted(known.items())
        ],
        "conflicts": {app: sorted(names) for app, names in loader.detect_conflicts().items()},
    }


def look_at_changes(report: Report) -> None:
    """What makemigrations would write, without its questions and without a database."""
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.questioner import MigrationQuestioner
    from django.db.migrations.state import ProjectState

    if report.doc["migrations"]["conflicts"]:
        return
    loader = report.loader
    detector = MigrationAutodetector(
        loader.project_state(), ProjectState.from_apps(apps), MigrationQuestioner(dry_run=True)
    )
    changes = detector.changes(graph=loader.graph)
    report["changes"] = {
        "missing": {
            app: [one.describe() for migration in migrations for one in migration.operations]
            for app, migrations in changes.items()
            if is_own(app)
        },
        "unmigrated": [app for app in sorted(loader.unmigrated_apps) if has_tables(app)],
    }


def is_own(label: str) -> bool:
    """Whether an app, or at least its migrations, are the project's to change."""
    from django.apps import apps
    from django.conf import settings

    named = settings.MIGRATION_MODULES.get(label)
    module = sys.modules.get(named) if named else None
    file = getattr(module, "__file__", "") or apps.get_app_config(label).path
    return bool(inside(file))


def has_tables(label: str) -> bool:
    from django.apps import apps

    models = apps.get_app_config(label).get_models()
    return is_own(label) and any(
        one._meta.managed and not one._meta.proxy and not one._meta.swapped for one in models
    )


def load_application(report: Report, asked: Json) -> None:
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    dotted = settings.WSGI_APPLICATION or ""
    module, _, name = asked["wsgi"].partition(":") if asked["wsgi"] else dotted.rpartition(".")
    if not module:
        raise ImproperlyConfigured("WSGI_APPLICATION is not set")
    report.application = getattr(import_module(module), name or "application")


def ask_for_health(report: Report) -> None:
    """One request as a platform's probe makes it: an IP address for a host, over plain http."""
    from django.conf import settings
    from django.core.signals import got_request_exception

    path = getattr(settings, "CASTOFF_HEALTH_PATH", "/healthz")
    answer: Json = {"path": path, "status": 0, "location": "", "error": None}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        answer["status"] = int(status.split()[0])
        given = {name.lower(): value for name, value in headers}
        answer["location"] = given.get("location", "")

    def remember(**_: Any) -> None:
        error = sys.exc_info()[1]
        answer["error"] = {"phase": "health", **describe(error)} if error else None

    got_request_exception.connect(remember)
    body = report.application(environ(path), start_response)
    list(body)
    getattr(body, "close", int)()
    report["health"] = answer


def environ(path: str) -> Json:
    address, _, port = PROBE_HOST.partition(":")
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": address,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": PROBE_HOST,
        "HTTP_USER_AGENT": "castoff",
        "REMOTE_ADDR": "172.19.16.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": True,
    }


if __name__ == "__main__":
    main()
