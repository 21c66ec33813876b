"""Where the database stands after a release that did not end well, in words."""

import traceback
from collections.abc import Sequence

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration

from castoff.django.ledger import Entry, label

LOCK_NOT_AVAILABLE = "55P03"
INVALID_INDEXES = """
    SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1
"""


class Terminated(KeyboardInterrupt):
    """SIGTERM; a KeyboardInterrupt because psycopg then cancels the statement that runs."""


def one_line(error: BaseException, connection: BaseDatabaseWrapper) -> str:
    """The error's first line, without the password of the database.

    The lines after the first may quote rows.
    """
    if isinstance(error, KeyboardInterrupt):
        return "stopped by SIGTERM" if isinstance(error, Terminated) else "stopped by Ctrl-C"
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    if not isinstance(error, Error):
        text = f"{type(error).__name__}: {text}"
    password = str(connection.settings_dict.get("PASSWORD") or "")
    return text.replace(password, "[password]") if password else text


def exit_code(error: BaseException) -> int:
    """1, or what a shell expects of a process that was stopped."""
    if isinstance(error, Terminated):
        return 143
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def explain(
    error: BaseException,
    current: Migration | None,
    entry: Entry,
    planned: Sequence[str],
    connection: BaseDatabaseWrapper,
) -> str:
    """What failed, where the database stands now, and what to do next; several lines."""
    done = [each.migration for each in entry.applied]
    here = [label(current)] if current else []
    after = [name for name in planned if name not in [*done, *here]]
    lines = [_what(error, current, connection), "The database now:"]
    lines.append(f"  applied by this run and kept: {', '.join(done) or 'nothing'}{_noted(entry)}")
    lines += _half_done(error, current, connection) if current else []
    if after:
        lines.append(f"  not begun: {', '.join(after)}")
    lines += [
        f"  older code may not stand {text}" for each in entry.applied for text in each.breaks
    ]
    lines.append("This command stopped nothing: what served before still runs.")
    lines.append(f"Next: {_next(error, current, connection)}")
    return "\n".join(lines)


def _what(error: BaseException, current: Migration | None, connection: BaseDatabaseWrapper) -> str:
    where = f"in {label(current)}" if current else "outside any migration"
    return f"the release failed {where}: {one_line(error, connection)}"


def _noted(entry: Entry) -> str:
    if not entry.applied:
        return ""
    return " (in the ledger)" if entry.row else " (not in the ledger: its table is not there yet)"


def _half_done(
    error: BaseException, migration: Migration, connection: BaseDatabaseWrapper
) -> list[str]:
    name = label(migration)
    if _is_whole(migration, connection):
        return [f"  {name}: rolled back whole"]
    lines = [f"  {name}: not atomic, so it may be half done{_how_far(error, migration)}"]
    return lines + [
        f"  index {index} is invalid: DROP INDEX CONCURRENTLY {index}"
        for index in _invalid_indexes(connection)
    ]


def _is_whole(migration: Migration, connection: BaseDatabaseWrapper) -> bool:
    return migration.atomic and connection.features.can_rollback_ddl


def _how_far(error: BaseException, migration: Migration) -> str:
    """Such as `: 1 of 3 operations were done, and "Create index" failed`."""
    failed = _failed_operation(error)
    total = len(migration.operations)
    for number, operation in enumerate(migration.operations):
        if operation is failed:
            return f': {number} of {total} operations were done, "{operation.describe()}" failed'
    return ""


def _failed_operation(error: BaseException) -> object:
    """Django does not say which it was; the frame of Migration.apply knows."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is Migration.apply.__code__:
            return frame.f_locals.get("operation")
    return None


def _invalid_indexes(connection: BaseDatabaseWrapper) -> list[str]:
    """What an interrupted CREATE INDEX CONCURRENTLY leaves behind."""
    if connection.vendor != "postgresql":
        return []
    connection.close_if_unusable_or_obsolete()
    try:
        with connection.cursor() as cursor:
            cursor.execute(INVALID_INDEXES)
            return [str(name) for (name,) in cursor.fetchall()]
    except Error:
        return []


def _next(error: BaseException, current: Migration | None, connection: BaseDatabaseWrapper) -> str:
    if isinstance(error, KeyboardInterrupt):
        advice = "run it again: it goes on from here."
    elif _waited_for_lock(error):
        advice = (
            "another session held a lock for too long. Find it (SELECT pid, xact_start, query FROM "
            "pg_stat_activity ORDER BY xact_start), let it end, and run this again."
        )
    else:
        advice = "correct the cause and release again: it goes on from here."
    if current and not _is_whole(current, connection):
        advice = f"put right by hand what {label(current)} left half done; then {advice}"
    return advice


def _waited_for_lock(error: BaseException) -> bool:
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)  # psycopg 3, 2
    return state == LOCK_NOT_AVAILABLE
