"""Which operations of a migration the release before it cannot stand.

Conservative: an operation counts as safe only when that can be proven from the migration alone.
Only Django's own classes are judged; of any other nothing is known, so it is listed.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.migrations import Migration
from django.db.migrations import operations as ops
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field

from castoff.django.fields import widens

# They change no table, or only what the older code never names.
SAFE = {
    "AddIndex",
    "AddIndexConcurrently",
    "AlterConstraint",
    "AlterIndexTogether",
    "AlterModelManagers",
    "AlterModelOptions",
    "AlterModelTableComment",
    "CreateCollation",
    "CreateModel",
    "RemoveIndex",
    "RemoveIndexConcurrently",
    "RenameIndex",
    "ValidateConstraint",
}
WHY = {
    "RemoveField": "older code still reads the column",
    "RenameField": "older code still uses the old name of the column",
    "RenameModel": "older code still uses the old name of the table",
    "DeleteModel": "older code still reads the table",
    "AlterModelTable": "older code still uses the old name of the table",
    "AddConstraint": "older code may write rows that it refuses",
    "AddConstraintNotValid": "older code may write rows that it refuses",
    "RemoveConstraint": "older code may rely on it",
    "AlterUniqueTogether": "older code may write rows that it refuses",
    "AlterOrderWithRespectTo": "older code writes no value for the column of the order",
    "RemoveCollation": "older code may still use it",
}
UNPROVEN = "cannot be proven safe for older code"

Table = tuple[str, str]  # app label, model name in lower case


class Judge:
    """Walks migrations in the order in which they are applied.

    Tables that it saw made are free to change: the release before does not know them.

    `state` is the project's state before the first migration; it is moved on, not copied.
    """

    def __init__(self, state: ProjectState) -> None:
        self.state = state
        self.made: set[Table] = set()

    def breaks(self, migration: Migration) -> list[str]:
        """One text for each operation that the release before cannot stand, in their order."""
        found: list[str] = []
        for operation in migration.operations:
            found += self._judge(operation, migration.app_label, self.state)
            operation.state_forwards(migration.app_label, self.state)
        return found

    def _judge(self, operation: Operation, app: str, state: ProjectState) -> list[str]:
        if isinstance(operation, ops.SeparateDatabaseAndState):
            return self._database_side(operation.database_operations, app, state.clone())
        why = self._why(operation, app, state)
        self._note_made(operation, app)
        return [f"{_named(operation, app, state)}: {why}"] if why else []

    def _database_side(
        self, operations: Iterable[Operation], app: str, state: ProjectState
    ) -> list[str]:
        found: list[str] = []
        for operation in operations:
            found += self._judge(operation, app, state)
            operation.state_forwards(app, state)
        return found

    def _why(self, operation: Operation, app: str, state: ProjectState) -> str:
        """Why older code cannot stand the operation; empty if it can."""
        name = type(operation).__name__
        if not _is_djangos(operation):
            return UNPROVEN
        if name in SAFE or _is_extension(operation) or _does_nothing(operation):
            return ""
        if (app, _model(operation).lower()) in self.made:
            return ""
        if judge := JUDGES.get(name):
            return judge(operation, app, state)
        return WHY.get(name, UNPROVEN)

    def _note_made(self, operation: Operation, app: str) -> None:
        if isinstance(operation, ops.CreateModel) and operation.options.get("managed", True):
            self.made.add((app, operation.name_lower))
        if isinstance(operation, ops.RenameModel) and (app, operation.old_name_lower) in self.made:
            self.made.add((app, operation.new_name_lower))


def _is_djangos(operation: Operation) -> bool:
    return type(operation).__module__.startswith(("django.db.", "django.contrib.postgres."))


def _is_extension(operation: Operation) -> bool:
    # Not by class: importing django.contrib.postgres needs psycopg.
    kind = type(operation)
    return kind.__module__ == "django.contrib.postgres.operations" and kind.__name__.endswith(
        "Extension"
    )


def _does_nothing(operation: Operation) -> bool:
    if isinstance(operation, ops.RunPython):
        return operation.code == ops.RunPython.noop
    return isinstance(operation, ops.RunSQL) and operation.sql == ops.RunSQL.noop


def _added_field(operation: Any, app: str, state: ProjectState) -> str:
    field = operation.field
    if field.many_to_many:
        return ""
    if field.unique and not (field.null and field.db_default is NOT_PROVIDED):
        return "the column is unique, and older code writes no value for it"
    if field.null or field.generated or field.db_default is not NOT_PROVIDED:
        return ""
    return "older code writes no value for the column, which is NOT NULL and has no db_default"


def _altered_field(operation: Any, app: str, state: ProjectState) -> str:
    model = state.models[app, operation.model_name_lower]
    before: Field[Any, Any] = model.fields[operation.name]
    if widens(before, operation.field):
        return ""
    return "the column changes in a way that older code may not fit"


JUDGES: dict[str, Callable[[Any, str, ProjectState], str]] = {
    "AddField": _added_field,
    "AlterField": _altered_field,
}


def _model(operation: Any) -> str:
    for attribute in ("model_name", "old_name", "name"):
        if isinstance(value := getattr(operation, attribute, None), str):
            return value
    return ""


def _named(operation: Any, app: str, state: ProjectState) -> str:
    """Such as `RemoveField leaderboard.Match.note`."""
    kind = type(operation).__name__
    model = _model(operation)
    if isinstance(operation, ops.RunPython):
        return f"{kind} {app}.{getattr(operation.code, '__name__', '')}"
    if not model or not _is_djangos(operation):
        return f"{kind} in {app}"
    known = state.models.get((app, model.lower()))
    parts = [app, known.name if known else model]
    if hasattr(operation, "model_name"):
        parts.append(_part(operation))
    return f"{kind} {'.'.join(filter(None, parts))}"


def _part(operation: Any) -> str:
    """The field, index or constraint of a model that the operation is about."""
    constraint = getattr(operation, "constraint", None)
    name = constraint.name if constraint else getattr(operation, "old_name", None)
    return str(name or getattr(operation, "name", ""))
