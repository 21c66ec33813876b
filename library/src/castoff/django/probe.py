"""What the probe answers: which release this is, and whether it can use its database."""

import os
import secrets
from hmac import compare_digest
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.urls import NoReverseMatch, reverse

from castoff.django.models import ProbeMark, Release
from castoff.django.stamp import stamp

SHORTEST_TOKEN = 32
LEDGER_ROWS = 50  # to go back to a release, its row must be among them
LEDGER_FIELDS = ("commit", "known", "applied", "verdict", "who", "at")


class ProbeError(Exception):
    """The database cannot be used; the text has no address and no credentials in it."""


def configured_token() -> str:
    """The token from `settings.CASTOFF_PROBE_TOKEN`, else from the environment; "" if unset."""
    name = "CASTOFF_PROBE_TOKEN"
    return str(getattr(settings, name, "") or os.environ.get(name, ""))


def is_authorized(request: HttpRequest) -> bool:
    """Whether the request carries the token; never with a token of fewer than 32 characters."""
    token = configured_token()
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if len(token) < SHORTEST_TOKEN or scheme.lower() != "bearer":
        return False
    # Headers arrive decoded as latin-1; compare_digest refuses a str that is not ASCII.
    return compare_digest(given.encode("latin-1", "replace"), token.encode())


def answer(request: HttpRequest) -> JsonResponse:
    """200 with everything that a smoke test wants to know, or 503 with a short `error`."""
    body: dict[str, Any] = {"release": stamp().as_json()}
    try:
        body |= _seen_by(request) | _database(connections[DEFAULT_DB_ALIAS])
        status = 200
    except ProbeError as error:
        body["error"] = str(error)
        status = 503
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def _seen_by(request: HttpRequest) -> dict[str, Any]:
    seen: dict[str, Any] = {"url": None, "is_secure": request.is_secure(), "admin": _admin()}
    try:
        seen["url"] = request.build_absolute_uri("/")
    except DisallowedHost as error:
        seen["url_error"] = str(error)
    return seen


def _admin() -> str:
    """The admin's path; empty when the project has none."""
    try:
        return reverse("admin:index")
    except NoReverseMatch:
        return ""


def _database(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    try:
        connection.ensure_connection()
    except (Error, ImproperlyConfigured) as error:
        raise ProbeError(f"no connection to the database ({type(error).__name__})") from None
    try:
        return _used(connection)
    except Error as error:
        message = "the database answers, but not as migrated: has `manage.py release` run?"
        raise ProbeError(f"{message} ({type(error).__name__})") from None


def _used(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    latency_ms = _round_trip(connection)
    _write_and_read(connection.alias)
    return {
        "migrations": _migrations(connection),
        "database": {
            "vendor": connection.vendor,
            "version": ".".join(map(str, connection.get_database_version())),
            "latency_ms": latency_ms,
            "written": True,
        },
        "ledger": list(
            Release.objects.using(connection.alias).values(*LEDGER_FIELDS)[:LEDGER_ROWS]
        ),
    }


def _round_trip(connection: BaseDatabaseWrapper) -> float:
    """Milliseconds of the shortest query there is."""
    with connection.cursor() as cursor:
        start = perf_counter()
        cursor.execute("SELECT 1" + connection.features.bare_select_suffix)
        cursor.fetchone()
        return round((perf_counter() - start) * 1000, 3)


def _write_and_read(alias: str) -> None:
    nonce = secrets.token_hex(16)
    marks = ProbeMark.objects.using(alias)
    with transaction.atomic(using=alias):
        marks.update_or_create(id=1, defaults={"nonce": nonce})
        if marks.get(id=1).nonce != nonce:
            raise ProbeError("the row read back is not the one that was written")


def _migrations(connection: BaseDatabaseWrapper) -> dict[str, list[str]]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return {
        "applied": sorted(f"{app}.{name}" for app, name in executor.loader.applied_migrations),
        "pending": [f"{migration.app_label}.{migration.name}" for migration, _ in plan],
    }
