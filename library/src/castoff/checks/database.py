"""Models and migrations, as the app has them and as the live database has them."""

from collections.abc import Iterator

from castoff.checks import Facts, NotLooked, check, finding
from castoff.checks.app_facts import Migration, Migrations
from castoff.model import Finding

SHOWN = 3


def _migrations(facts: Facts) -> Migrations:
    if facts.app is None or facts.app.migrations is None:
        raise NotLooked("the migrations cannot be loaded")
    return facts.app.migrations


@check("E601", family="database", needs=["changes"])
def migration_is_missing(facts: Facts) -> Iterator[Finding]:
    """E601: models changed without a migration."""
    changes = facts.app.changes if facts.app else None
    if changes is None:
        return
    for app, missing in changes.missing.items():
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        yield finding(
            "E601",
            app,
            f"no migration has these changes of its models: {'; '.join(missing[:SHOWN])}{more}. "
            "The first page that uses them answers 500.",
            _hint(facts, app),
        )
    for app in changes.unmigrated:
        message = "it has models and no migrations: their tables are never made."
        yield finding("E601", app, message, _hint(facts, app))


def _hint(facts: Facts, app: str) -> str:
    here = [path for path in facts.source.untracked if "migrations" in path]
    if here:
        return f"A migration is here and git does not track it: git add {here[0]} && git commit"
    return f"python manage.py makemigrations {app} && git add . && git commit"


@check("E602", family="database", needs=["app"])
def migrations_conflict(facts: Facts) -> Iterator[Finding]:
    """E602: two leaf migrations, or migrations that cannot be loaded at all."""
    error = facts.app.error_in("migrations", "changes") if facts.app else None
    if error:
        message = f"the migrations cannot be loaded, and migrate would fail: {error.error}"
        yield finding("E602", error.where or "migrations", message)
        return
    for app, leaves in _migrations(facts).conflicts.items():
        yield finding(
            "E602",
            app,
            f"{' and '.join(leaves)} both follow the same migration: migrate refuses to run.",
            f"python manage.py makemigrations --merge {app} && git add . && git commit",
        )


@check("E602", family="database", needs=["migrations", "applied"])
def database_is_ahead(facts: Facts) -> Iterator[Finding]:
    """E602: a migration is applied there that is not in this code."""
    known = _migrations(facts).known
    names = {one.name for one in known} | {old for one in known for old in one.replaces}
    apps = {name.partition(".")[0] for name in names}
    for name in sorted(set(facts.applied or ()) - names):
        # An app that is no longer installed leaves its rows, and they harm nothing.
        if name.partition(".")[0] in apps:
            yield finding(
                "E602",
                name,
                f"{name} is applied on the live database and is not in this code: the code expects "
                "an older database, and a migration of the same number would clash.",
                "Deploy from a commit that has it (git pull, or merge the branch it came from).",
            )


@check("W605", family="database", needs=["migrations", "applied"])
def migration_cannot_be_undone(facts: Facts) -> Iterator[Finding]:
    """W605: a pending migration that cannot be reversed."""
    applied = frozenset(facts.applied or ())
    for one in pending(_migrations(facts), applied):
        if not one.reversible:
            yield finding(
                "W605",
                one.name,
                f"{one.name} is pending and cannot be reversed: to roll back past it takes a "
                "backup of the database.",
                "migrations.RunPython(forwards, migrations.RunPython.noop)\n"
                "and reverse_sql for RunSQL, where going back loses nothing.",
            )


def pending(migrations: Migrations, applied: frozenset[str]) -> list[Migration]:
    """Return what migrate would run: a squashed migration, or those that it replaces."""
    by_squash = {old: one for one in migrations.known for old in one.replaces}
    found = []
    for one in migrations.known:
        squash = by_squash.get(one.name)
        if one.name in applied:
            continue
        if one.replaces and applied.intersection(one.replaces):
            continue  # all applied: nothing to do; some: the ones that it replaces are run
        if squash and not applied.intersection(squash.replaces):
            continue  # the squashed one runs, or has run
        found.append(one)
    return found
