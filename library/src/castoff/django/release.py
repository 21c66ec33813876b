"""`manage.py release`: migrates under a lock, and writes down what it did."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from types import FrameType
from typing import Any

from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from castoff.django.apps import CastoffConfig
from castoff.django.failure import Terminated, exit_code, explain, one_line
from castoff.django.ledger import Entry, known_migrations, label
from castoff.django.lock import Say, exclusive, impatient
from castoff.django.operations import Judge
from castoff.django.stamp import stamp


def release(say: Say, lock_wait: float = 300, lock_timeout: float = 5) -> None:
    """Brings the default database to this release's migrations; run twice, it does nothing more.

    `lock_wait` is how long to wait for another release, `lock_timeout` how long a migration may
    wait for a lock, both in seconds. Raises CommandError that says where the database stands.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    name = f"castoff release {stamp().commit[:12]}"
    say(name)
    with _sigterm_interrupts():
        try:
            with (
                exclusive(connection, lock_wait, name, say),
                impatient(connection, lock_timeout),
            ):
                _Run(connection, say).run()
        except CommandError:
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise _before_the_run(error, connection) from error


def _before_the_run(error: BaseException, connection: BaseDatabaseWrapper) -> CommandError:
    advice = "correct the cause and run it again."
    if isinstance(error, Error):
        advice = "see that the database runs and the app's settings lead to it; then run it again."
    elif isinstance(error, KeyboardInterrupt):
        advice = "run it again."
    text = f"the release did not begin: {one_line(error, connection)}"
    return CommandError(
        f"{text}\nNothing was changed.\nNext: {advice}", returncode=exit_code(error)
    )


class _Run:
    """One run of the release command, inside the lock."""

    def __init__(self, connection: BaseDatabaseWrapper, say: Say) -> None:
        self.connection = connection
        self.say = say
        self.current: Migration | None = None
        self.since = 0.0
        self.planned: list[str] = []

    def run(self) -> None:
        executor = MigrationExecutor(self.connection, self.progress)
        pending = _pending(executor)
        self.planned = [label(migration) for migration in pending]
        known = known_migrations(executor.loader)
        who = os.environ.get("CASTOFF_BY", "")
        self.entry = Entry(stamp(), who, known, _breaks(executor, pending))
        try:
            self._migrate(executor)
            is_new = self.entry.close()
        except (Exception, KeyboardInterrupt) as error:
            text = explain(error, self.current, self.entry, self.planned, self.connection)
            raise CommandError(text, returncode=exit_code(error)) from error
        self._say_result(is_new)

    def _migrate(self, executor: MigrationExecutor) -> None:
        # castoff's own first, so that the ledger is there when another migration fails; and
        # without signals, whose receivers may count on tables that are not there yet.
        executor.migrate(executor.loader.graph.leaf_nodes(CastoffConfig.label))
        self.entry.open()
        command = _migrate_command()
        command.migration_progress_callback = self.progress
        call_command(command, interactive=False, verbosity=0)

    def progress(
        self, action: str, migration: Migration | None = None, fake: bool | None = False
    ) -> None:
        """What Django's executor calls before and after each migration."""
        if action == "apply_start":
            self.current, self.since = migration, perf_counter()
        elif action == "apply_success" and migration:
            self.current = None
            self.entry.add(migration)  # first: whoever reads what we say may be gone
            self.say(f"  {label(migration)}  {perf_counter() - self.since:.2f} s")

    def _say_result(self, is_new: bool) -> None:
        if not is_new:
            self.say("nothing to do: the database is at this release")
            return
        count = len(self.entry.applied)
        self.say(f"{count} migration{'' if count == 1 else 's'} applied, written to the ledger")
        for each in self.entry.applied:
            for text in each.breaks:
                self.say(f"  older code may not stand {text}")


def _migrate_command() -> Any:
    """Django's `migrate`, or the one with which the project replaces it."""
    found = get_commands()["migrate"]
    return load_command_class(found, "migrate") if isinstance(found, str) else found


def _pending(executor: MigrationExecutor) -> list[Migration]:
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [migration for migration, _ in plan]


def _breaks(executor: MigrationExecutor, pending: list[Migration]) -> dict[str, list[str]]:
    """Walks every migration in order, because what an operation changes hangs on those before."""
    if not pending:
        return {}
    judge = Judge(ProjectState(real_apps=executor.loader.unmigrated_apps))
    found = {}
    everything = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    for migration, _ in everything:
        if migration in pending:
            found[label(migration)] = judge.breaks(migration)
        else:
            migration.mutate_state(judge.state, preserve=False)
    return found


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does: the lock is freed and the state told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
