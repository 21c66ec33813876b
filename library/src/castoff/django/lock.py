"""One release of a database at a time, and none that makes the database's users queue."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management.base import CommandError
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

KEY = 0x636173746F6666  # "castoff" in ASCII; advisory locks belong to one database
POLL_SECONDS = 0.25
CONNECTION_CHECK = "client_connection_check_interval"

Say = Callable[[str], None]


@contextmanager
def exclusive(connection: BaseDatabaseWrapper, wait: float, name: str, say: Say) -> Iterator[None]:
    """Holds the release lock of the database, waiting up to `wait` seconds for it.

    `name` is shown to whoever waits for us. Raises CommandError when the lock stays taken, or
    could not hold: through a pooler in transaction mode.
    """
    if connection.vendor != "postgresql":
        say(f"no lock: {connection.vendor} has none, so never run two releases at once")
        yield
        return
    session = _dedicated(connection)
    try:
        _refuse_transaction_pooler(session, connection)
        _swap(session, "application_name", name)
        _acquire(session, wait, say)
        yield
    finally:
        session.close()  # which frees the lock


@contextmanager
def impatient(connection: BaseDatabaseWrapper, lock_timeout: float) -> Iterator[None]:
    """A statement that waits longer than `lock_timeout` seconds for a lock fails.

    Everyone who comes after a waiting ALTER TABLE queues behind it. Set on the very connection
    that migrates, and undone: it may go back to a pool.
    """
    if connection.vendor != "postgresql":
        yield
        return
    _notice_dead_client(connection)
    before = _swap(connection, "lock_timeout", f"{lock_timeout * 1000:.0f}ms")
    try:
        yield
    finally:
        try:
            _swap(connection, "lock_timeout", before)
        except Error:
            connection.close()


def _dedicated(connection: BaseDatabaseWrapper) -> Any:
    """A connection of its own to the same database, in autocommit and outside any pool."""
    session = connection.copy()
    options = session.settings_dict["OPTIONS"]
    options.pop("pool", None)
    # It is silent while the migrations run; a NAT gateway forgets silent connections.
    options.setdefault("keepalives_idle", 30)
    session.settings_dict["AUTOCOMMIT"] = True
    session.ensure_connection()
    _notice_dead_client(session)
    return session


def _acquire(session: BaseDatabaseWrapper, wait: float, say: Say) -> None:
    """By polling: a session that blocks on the lock deadlocks with CREATE INDEX CONCURRENTLY,
    which waits for every transaction that could see the table, and so for the blocked one.
    """
    deadline = time.monotonic() + wait
    told = False
    while not _value(session, "SELECT pg_try_advisory_lock(%s)", KEY):
        if time.monotonic() >= deadline:
            raise CommandError(_still_taken(session, wait))
        if not told:
            say(f"waiting up to {wait:g} s for {_holder(session)}")
            told = True
        time.sleep(POLL_SECONDS)


def _still_taken(session: BaseDatabaseWrapper, wait: float) -> str:
    return (
        f"the release lock was not free within {wait:g} s: it is held by {_holder(session)}.\n"
        "Nothing was changed.\n"
        "Next: let that release end and run this again. If its process is gone and only its "
        "session is left, end that with SELECT pg_terminate_backend(pid)."
    )


def _holder(session: BaseDatabaseWrapper) -> str:
    """Such as `castoff release 1a2b3c4d5e6f (pid 42, for 3 s)`."""
    query = """
        SELECT format('%%s (pid %%s, for %%s s)',
                      coalesce(nullif(a.application_name, ''), 'another release'), a.pid,
                      extract(epoch FROM now() - a.backend_start)::int)
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (l.classid::bigint << 32) + l.objid::bigint = %s
    """
    return str(_value(session, query, KEY) or "another release")


def _refuse_transaction_pooler(session: Any, connection: BaseDatabaseWrapper) -> None:
    """A pooler answers with a process id of its own; in transaction mode, two open connections
    share one server session, and a lock would belong to both.
    """
    process = _value(session, "SELECT pg_backend_pid()")
    if process == session.connection.info.backend_pid:
        return
    other = _dedicated(connection)
    try:
        shared = _value(other, "SELECT pg_backend_pid()") == process
    finally:
        other.close()
    if shared:
        raise CommandError(
            "the database is reached through a pooler in transaction mode, where a release lock "
            "does not hold.\nNothing was changed.\n"
            "Next: give the release command the direct address of the database."
        )


def _notice_dead_client(connection: Any) -> None:
    """Makes the server end a statement soon after its client was killed, not when it is done."""
    if connection.pg_version >= 140000:
        with suppress(Error):  # not every system that PostgreSQL runs on can tell
            _swap(connection, CONNECTION_CHECK, "500ms")


def _swap(connection: BaseDatabaseWrapper, name: str, value: str) -> str:
    """Sets a setting of the session and returns what it was."""
    before = _value(connection, "SELECT current_setting(%s)", name)
    _value(connection, "SELECT set_config(%s, %s, false)", name, value)
    return str(before)


def _value(connection: BaseDatabaseWrapper, query: str, *values: str | int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
        return row[0] if row else None
