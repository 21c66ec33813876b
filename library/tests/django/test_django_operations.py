"""Which migrations the release before can stand: only what can be proven counts as safe."""

from typing import Any

import django
import pytest
from django.conf import settings
from django.contrib.postgres import operations as pg
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Lower, Now

from castoff.django.operations import Judge

CASCADE = models.CASCADE


@pytest.fixture(scope="module", autouse=True)
def configured() -> None:
    """Relations ask Django's registry of apps, so it must have been filled."""
    if not settings.configured:
        settings.configure()
    django.setup()


def state() -> ProjectState:
    """A project with a `shop.Item` that the release before knows."""
    fields: dict[str, Any] = {
        "id": models.AutoField(primary_key=True),
        "name": models.CharField(max_length=20),
        "note": models.CharField(max_length=20, null=True),
        "slug": models.SlugField(unique=True),
        "text": models.TextField(),
        "price": models.DecimalField(max_digits=6, decimal_places=2),
        "count": models.PositiveSmallIntegerField(db_default=0),
        "size": models.IntegerField(),
        "owner": models.ForeignKey("shop.Item", CASCADE),
        "lower": models.GeneratedField(
            expression=Lower("name"), output_field=models.TextField(), db_persist=True
        ),
    }
    project = ProjectState()
    project.add_model(ModelState("shop", "Item", list(fields.items())))
    return project


def breaks(*operations: Operation) -> list[str]:
    later = type("Migration", (migrations.Migration,), {"operations": operations})
    return Judge(state()).breaks(later("0002_later", "shop"))


def nothing(apps: Any, editor: Any) -> None:
    """A data migration."""


class OwnAddIndex(migrations.AddIndex):
    """Could do anything."""


INDEX = models.Index(fields=["name"], name="by_name")
CHECK = models.CheckConstraint(condition=models.Q(size__gt=0), name="positive")
NEW = migrations.CreateModel("New", [("id", models.AutoField(primary_key=True))])


def add(field: Any) -> Operation:
    return migrations.AddField("item", "extra", field)


def alter(name: str, field: Any) -> Operation:
    return migrations.AlterField("item", name, field)


@pytest.mark.parametrize(
    "operation",
    [
        NEW,
        add(models.IntegerField(null=True)),
        add(models.IntegerField(null=True, unique=True)),
        add(models.IntegerField(db_default=3)),
        add(models.DateTimeField(db_default=Now())),
        add(models.ForeignKey("shop.Item", CASCADE, null=True)),
        add(models.ManyToManyField("shop.Item")),
        add(
            models.GeneratedField(
                expression=Lower("name"), output_field=models.TextField(), db_persist=True
            )
        ),
        migrations.AddIndex("item", INDEX),
        pg.AddIndexConcurrently("item", GinIndex(fields=["name"], name="gin")),
        migrations.AlterModelOptions("item", {"ordering": ["name"]}),
        migrations.AlterModelManagers("item", []),
        migrations.AlterModelTableComment("item", "things"),
        pg.TrigramExtension(),
        pg.CreateExtension("ltree"),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.RunSQL(migrations.RunSQL.noop),
        alter("name", models.CharField("label", max_length=20, choices=[("a", "A")], blank=True)),
        alter("name", models.CharField(max_length=20, default="x", db_index=True)),
        alter("name", models.CharField(max_length=21)),
        alter("name", models.CharField(max_length=20, null=True)),
        alter("name", models.CharField(max_length=20, db_default="")),
        alter("name", models.TextField()),
        alter("name", models.URLField(max_length=200)),
        alter("price", models.DecimalField(max_digits=8, decimal_places=2)),
        alter("count", models.PositiveIntegerField(db_default=0)),
        alter("size", models.BigIntegerField()),
        alter("id", models.BigAutoField(primary_key=True)),
        alter("owner", models.ForeignKey("shop.Item", models.PROTECT, related_name="x")),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("item", "name")]
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.AddIndex("item", INDEX)],
            state_operations=[migrations.RemoveField("item", "name")],
        ),
    ],
    ids=lambda operation: operation.describe()[:60],
)
def test_older_code_stands(operation: Operation) -> None:
    assert breaks(operation) == []


@pytest.mark.parametrize(
    ("operation", "start"),
    [
        (migrations.RemoveField("item", "note"), "RemoveField shop.Item.note: older code still"),
        (migrations.RenameField("item", "note", "memo"), "RenameField shop.Item.note: "),
        (migrations.RenameModel("Item", "Thing"), "RenameModel shop.Item: "),
        (migrations.DeleteModel("Item"), "DeleteModel shop.Item: older code still reads"),
        (migrations.AlterModelTable("item", "things"), "AlterModelTable shop.Item: "),
        (migrations.AlterUniqueTogether("item", {("name", "note")}), "AlterUniqueTogether shop.I"),
        (migrations.AlterOrderWithRespectTo("item", "owner"), "AlterOrderWithRespectTo shop.Item"),
        (migrations.AddConstraint("item", CHECK), "AddConstraint shop.Item.positive: "),
        (pg.AddConstraintNotValid("item", CHECK), "AddConstraintNotValid shop.Item.positive: "),
        (add(models.IntegerField(default=3)), "AddField shop.Item.extra: older code writes no"),
        (add(models.IntegerField(db_default=3, unique=True)), "AddField shop.Item.extra: the col"),
        (add(models.ForeignKey("shop.Item", CASCADE)), "AddField shop.Item.extra: "),
        (migrations.RunPython(nothing), "RunPython shop.nothing: cannot be proven safe"),
        (migrations.RunPython(nothing, elidable=True), "RunPython shop.nothing: cannot be prov"),
        (migrations.RunSQL("SELECT 'secret'"), "RunSQL in shop: cannot be proven safe"),
        (OwnAddIndex("item", INDEX), "OwnAddIndex in shop: cannot be proven safe"),
        (
            migrations.SeparateDatabaseAndState([migrations.RemoveField("item", "note")]),
            "RemoveField shop.Item.note: ",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_older_code_does_not_stand(operation: Operation, start: str) -> None:
    [text] = breaks(operation)
    assert text.startswith(start)
    assert "secret" not in text


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("name", models.CharField(max_length=19)),
        ("name", models.CharField(max_length=20, unique=True)),
        ("name", models.CharField(max_length=20, db_column="label")),
        ("name", models.CharField(max_length=20, db_collation="C")),
        ("name", models.IntegerField()),
        ("note", models.CharField(max_length=20)),
        ("slug", models.SlugField()),
        ("text", models.CharField(max_length=1000)),
        ("price", models.DecimalField(max_digits=8, decimal_places=3)),
        ("price", models.DecimalField(max_digits=5, decimal_places=2)),
        ("count", models.PositiveSmallIntegerField()),
        ("count", models.PositiveSmallIntegerField(db_default=1)),
        ("count", models.SmallIntegerField(db_default=0)),
        ("size", models.SmallIntegerField()),
        ("owner", models.ForeignKey("shop.Other", CASCADE)),
        ("owner", models.OneToOneField("shop.Item", CASCADE)),
    ],
)
def test_a_column_that_narrows_is_not_stood(name: str, field: Any) -> None:
    [text] = breaks(alter(name, field))
    assert text.startswith(f"AlterField shop.Item.{name}: the column changes")


def test_a_table_made_in_the_same_run_may_change_in_any_way() -> None:
    assert (
        breaks(
            NEW,
            migrations.AddField("new", "size", models.IntegerField()),
            migrations.AddConstraint("new", CHECK),
            migrations.RenameModel("New", "Newer"),
            migrations.RemoveField("newer", "size"),
            migrations.DeleteModel("Newer"),
        )
        == []
    )


def test_a_table_that_only_the_state_makes_may_be_one_that_older_code_knows() -> None:
    made = migrations.SeparateDatabaseAndState(state_operations=[NEW])
    assert len(breaks(made, migrations.AddField("new", "size", models.IntegerField()))) == 1


def test_each_change_is_judged_by_the_column_as_it_then_is() -> None:
    wide = alter("name", models.CharField(max_length=50))
    back = alter("name", models.CharField(max_length=40))
    assert len(breaks(wide, back)) == 1
