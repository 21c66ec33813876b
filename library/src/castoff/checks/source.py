"""The source: what is committed, pushed, locked, and for which Python."""

import os
import re
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from castoff.checks import Facts, NotLooked, check, finding
from castoff.checks.app_facts import AppError
from castoff.lock import refresh_hint
from castoff.model import Finding
from castoff.shell import CommandFailed
from castoff.source import FOREIGN

# Modules whose package has another name than the module with hyphens.
PACKAGES = {
    "MySQLdb": "mysqlclient",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "corsheaders": "django-cors-headers",
    "crispy_forms": "django-crispy-forms",
    "debug_toolbar": "django-debug-toolbar",
    "decouple": "python-decouple",
    "django_filters": "django-filter",
    "dotenv": "python-dotenv",
    "environ": "django-environ",
    "import_export": "django-import-export",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg[binary]",
    "rest_framework": "djangorestframework",
    "storages": "django-storages",
    "yaml": "pyyaml",
}
# Imported on first use only, so that loading the app does not tell.
CACHE_PACKAGES = {
    "django.core.cache.backends.memcached.PyLibMCCache": "pylibmc",
    "django.core.cache.backends.memcached.PyMemcacheCache": "pymemcache",
    "django.core.cache.backends.redis.RedisCache": "redis",
}
SHOWN = 5


@check("E101", family="source")
def uncommitted_changes(facts: Facts) -> Iterator[Finding]:
    """E101: uncommitted changes in what would be deployed."""
    dirty = facts.source.dirty
    if not dirty or facts.accepts_dirty:
        return
    more = f" and {len(dirty) - SHOWN} more" if len(dirty) > SHOWN else ""
    yield finding(
        "E101",
        dirty[0],
        f"uncommitted changes in {', '.join(dirty[:SHOWN])}{more}: a release of them could be "
        "neither traced to a commit nor built again.",
        "git add --update && git commit\nor leave them out for now: git stash",
    )


@check("W102", family="source")
def commit_is_nowhere_else(facts: Facts) -> Iterator[Finding]:
    """W102: the commit is on no remote."""
    remotes = _git(facts, "remote").split()
    if not remotes and all(map(is_loopback, facts.public_urls)):
        return  # a target on this machine alone: whoever can roll it back has the commit
    if remotes and _git(facts, "branch", "--remotes", "--contains", facts.source.commit).strip():
        return
    short = facts.source.commit[:9]
    where = "no remote has it as far as this clone knows" if remotes else "there is no remote"
    yield finding(
        "W102",
        short,
        f"the commit {short} is only here ({where}): nobody else could roll back to it, and it is "
        "lost with this disk.",
        f"git push {remotes[0]} HEAD"
        if remotes
        else "git remote add origin URL && git push -u origin HEAD",
    )


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _git(facts: Facts, *words: str) -> str:
    try:
        root, env = facts.source.root, {**os.environ, "LC_ALL": "C"}
        for name in FOREIGN:
            env.pop(name, None)
        return facts.shell.run(["git", *words], cwd=root, env=env, timeout=10).stdout
    except CommandFailed as error:
        raise NotLooked(f"git {words[0]} {error.reason}") from None


@check("E103", family="source")
def lock_is_missing_or_stale(facts: Facts) -> Iterator[Finding]:
    """E103: the lock file is missing, or older than what it locks."""
    if facts.lock_problem:
        message = f"{facts.lock_problem}: what is installed there would be another thing each time."
        hint = "`poetry lock`, `uv lock` or `pip-compile --generate-hashes`, and commit it."
        yield finding("E103", "lock file", message, hint)
    elif facts.stale:
        name = facts.environment.lock if facts.environment else "lock file"
        message = f"{facts.stale}: the build would install something else than what was tested."
        yield finding("E103", name, message, refresh_hint(name))


@check("E104", family="source", needs=["environment"])
def package_is_not_locked(facts: Facts) -> Iterator[Finding]:
    """E104: the lock's main group lacks what the settings or the start command use."""
    for package, user, where in _missing(facts):
        yield finding(
            "E104",
            where or package,
            f"{package} is not among the packages of {_lock(facts)} (its main group), and {user}: "
            "it may run here, and ends there with ModuleNotFoundError.",
            _add_hint(package, _lock(facts)),
        )


def _missing(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """Each missing package, what uses it, and where."""
    packages = facts.environment.packages if facts.environment else {}
    if "gunicorn" not in packages:
        yield "gunicorn", "the start command runs it", ""
    if facts.app is None:
        return
    for error in facts.app.errors:
        if error.kind == "driver" or is_third_party(facts, error):
            name = error.module.partition(".")[0]
            package = PACKAGES.get(name, name.replace("_", "-"))
            yield package, f"{_user(error)} needs its module {error.module}", error.where
    if facts.app.settings is None:
        return
    if facts.app.settings.pools and "psycopg-pool" not in packages:
        alias = facts.app.settings.pools[0]
        yield "psycopg[pool]", f'DATABASES["{alias}"] has a pool', "DATABASES"
    for alias, backend in facts.app.settings.caches.items():
        package = CACHE_PACKAGES.get(backend, "")
        if package and package not in packages:
            yield package, f'CACHES["{alias}"] uses {backend}', "CACHES"


def is_third_party(facts: Facts, error: AppError) -> bool:
    """Whether a missing module is a package's, and not the project's own with a wrong name."""
    top = error.module.partition(".")[0]
    if error.kind != "module" or top == facts.config.settings.partition(".")[0]:
        return False
    here = (facts.tree, facts.source.root)
    return not any((root / top).is_dir() or (root / f"{top}.py").is_file() for root in here)


def _user(error: AppError) -> str:
    names = {"settings": "the settings module", "wsgi": "the WSGI application", "urls": "the URLs"}
    return names.get(error.phase, "the app")


def _lock(facts: Facts) -> str:
    return facts.environment.lock if facts.environment else "the lock"


def _add_hint(package: str, lock: str) -> str:
    tool = {"poetry.lock": "poetry add", "uv.lock": "uv add"}.get(lock)
    if tool:
        return f"{tool} '{package}' && git add pyproject.toml {lock} && git commit"
    return f"Add {package} to the dependencies, lock again, and commit {lock}."


@check("W106", family="source", needs=["app"])
def pythons_disagree(facts: Facts) -> Iterator[Finding]:
    """W106: .python-version, requires-python and the interpreter disagree."""
    running = facts.app.python if facts.app else ""
    pinned = _pinned(facts)
    wanted = _requires_python(facts)
    if pinned and not f"{running}.".startswith(f"{pinned}."):
        yield finding(
            "W106",
            ".python-version",
            f".python-version says {pinned}, and the packages are installed for and checked with "
            f"Python {running}: what is tested is not what is built elsewhere.",
            f"Run castoff with Python {pinned}, or: echo {running.rpartition('.')[0]} > "
            ".python-version",
        )
    for version, name in ((pinned, ".python-version"), (running, "the interpreter in use")):
        if wanted and version and not _allows(wanted, version):
            yield finding(
                "W106",
                "pyproject.toml",
                f'requires-python is "{wanted}", and {name} is Python {version}: the build takes '
                "another Python, or refuses.",
                "Make the two agree in pyproject.toml and .python-version.",
            )


def _pinned(facts: Facts) -> str:
    """The version in ``.python-version``; empty when there is none, or it names no CPython."""
    try:
        text = (facts.tree / ".python-version").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if line and not line.startswith("#")), "")
    match = re.fullmatch(r"(?:python-|cpython-|cpython@)?(\d+(?:\.\d+){0,2})", first)
    return match[1] if match else ""


def _requires_python(facts: Facts) -> SpecifierSet | None:
    try:
        text = (facts.tree / "pyproject.toml").read_text(encoding="utf-8")
        return SpecifierSet(tomllib.loads(text).get("project", {})["requires-python"])
    except (OSError, ValueError, KeyError, InvalidSpecifier):
        return None  # not there; one that cannot be read has stopped the virtualenv already


def _allows(wanted: SpecifierSet, version: str) -> bool:
    """Whether a version, or any patch of it when it names none, is allowed."""
    patches = (0, 99) if version.count(".") == 1 else (None,)
    return any(
        wanted.contains(version if patch is None else f"{version}.{patch}", prereleases=True)
        for patch in patches
    )
