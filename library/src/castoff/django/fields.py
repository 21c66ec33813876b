"""Whether a changed field still takes and gives all that the field before it did."""

from typing import Any, TypeAlias

from django.db.models import NOT_PROVIDED, Field

# Arguments of which the database knows nothing, or which change an index or a comment only.
NOT_IN_THE_COLUMN = {
    "allow_files",
    "allow_folders",
    "auto_now",
    "auto_now_add",
    "blank",
    "choices",
    "db_comment",
    "db_index",
    "default",
    "editable",
    "encoder",
    "error_messages",
    "help_text",
    "height_field",
    "limit_choices_to",
    "match",
    "path",
    "recursive",
    "related_name",
    "related_query_name",
    "storage",
    "unique_for_date",
    "unique_for_month",
    "unique_for_year",
    "upload_to",
    "validators",
    "verbose_name",
    "width_field",
}
VARCHAR = ("CharField", "EmailField", "SlugField", "URLField")
# Each type's values all fit the types after it.
CHAINS = (
    ("SmallIntegerField", "IntegerField", "BigIntegerField"),
    ("PositiveSmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField"),
    ("SmallAutoField", "AutoField", "BigAutoField"),
)

AnyField: TypeAlias = "Field[Any, Any]"  # a plain Field cannot be subscripted


def widens(before: AnyField, after: AnyField) -> bool:
    """Whether code written for `before` provably reads and writes a column made for `after`."""
    old, new = before.deconstruct(), after.deconstruct()
    if old[1:] == new[1:]:
        return True
    if not _is_djangos(old[1]) or not _is_djangos(new[1]) or old[2] != new[2]:
        return False
    if before.generated or after.generated or not _type_widens(before, after):
        return False
    changed = _changed(old[3], new[3]) - NOT_IN_THE_COLUMN
    return all(_argument_widens(name, before, after) for name in changed)


def _is_djangos(path: str) -> bool:
    return path.startswith("django.db.models.")


def _changed(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    absent = object()
    return {
        name for name in old.keys() | new.keys() if old.get(name, absent) != new.get(name, absent)
    }


def _type_widens(before: AnyField, after: AnyField) -> bool:
    old, new = type(before).__name__, type(after).__name__
    if old == new:
        return True
    if old in VARCHAR:
        return new in (*VARCHAR, "TextField")
    return any(
        old in chain and new in chain and chain.index(old) < chain.index(new) for chain in CHAINS
    )


def _argument_widens(name: str, before: AnyField, after: AnyField) -> bool:
    match name:
        case "max_length":
            return _is_text(after) or _grows(before.max_length, after.max_length)
        case "max_digits":
            # That decimal_places stays is judged on its own: it widens nothing.
            return _grows(getattr(before, name, None), getattr(after, name, None))
        case "null":
            return after.null
        case "db_default":
            return before.db_default is NOT_PROVIDED
        case "on_delete":
            return not (_is_done_by_database(before) or _is_done_by_database(after))
    return False


def _is_text(field: AnyField) -> bool:
    return type(field).__name__ == "TextField"


def _grows(old: int | None, new: int | None) -> bool:
    """Whether a limit was lifted; None is no limit."""
    return new is None or (old is not None and new >= old)


def _is_done_by_database(field: AnyField) -> bool:
    # Django 6.1's DB_CASCADE and its like; before that, every on_delete was Python's alone.
    remote = field.remote_field
    return hasattr(getattr(remote, "on_delete", None), "on_delete_sql")
