"""Migrations that are missing, clash, are ahead, or cannot be undone."""

from checks_shop import MIGRATION, Shop, ids, texts

SHAPES = "migrations.RunPython(lambda apps, schema: None{})"
SECOND = "stock/migrations/0002_fill.py"


def test_a_changed_model_without_a_migration_stops(shop: Shop) -> None:
    shop.append("stock/models.py", "    price = models.IntegerField()")
    report = shop.check()
    assert ids(report) == {"E601"}
    assert "stock: no migration has these changes" in texts(report, "E601")
    assert "Add field price to item" in texts(report, "E601")
    app = shop.inspect()
    shop.write("stock/migrations/0002_price.py", "")
    assert "git add stock/migrations/0002_price.py" in texts(shop.check(app=app), "E601")


def test_models_without_any_migrations_stop(shop: Shop) -> None:
    shop.write("parts/__init__.py", "")
    shop.write("parts/models.py", "from stock.models import models\nclass Part(models.Model): pass")
    shop.append("shop/settings.py", 'INSTALLED_APPS += ["parts"]')
    assert "parts: it has models and no migrations" in texts(shop.check(), "E601")
    shop.write("parts/migrations/__init__.py", "")
    assert "Create model Part" in texts(shop.check(), "E601")


def test_a_change_in_somebody_elses_app_is_not_the_projects_to_migrate(shop: Shop) -> None:
    shop.append("shop/settings.py", 'DEFAULT_AUTO_FIELD = "django.db.models.AutoField"')
    shop.append(
        "shop/settings.py",
        "from django.contrib.sites.apps import SitesConfig\n"
        'SitesConfig.default_auto_field = "django.db.models.BigAutoField"\n'
        'INSTALLED_APPS += ["django.contrib.sites"]',
    )
    assert "sites" not in texts(shop.check(), "E601")


def test_two_leaves_stop(shop: Shop) -> None:
    for name in ("0002_a", "0002_b"):
        text = MIGRATION.format(after="0001_initial", operations="")
        shop.write(f"stock/migrations/{name}.py", text)
    report = shop.check()
    assert ids(report) == {"E602"}
    assert "0002_a and 0002_b" in texts(report, "E602")
    assert "makemigrations --merge stock" in texts(report, "E602")


def test_migrations_that_cannot_be_loaded_stop(shop: Shop) -> None:
    shop.write(SECOND, MIGRATION.format(after="0001_gone", operations=""))
    report = shop.check()
    assert ids(report) == {"E602"}
    assert "0001_gone" in texts(report, "E602")
    shop.write(SECOND, "\nclass (:\n")
    assert f"{SECOND}:2" in texts(shop.check(), "E602")


def test_a_migration_that_only_the_live_database_has_stops(shop: Shop) -> None:
    app = shop.inspect()
    applied = ("stock.0001_initial", "auth.0001_initial", "removed_app.0001_initial")
    assert ids(shop.check(app=app, applied=applied)) == set()
    report = shop.check(app=app, applied=(*applied, "stock.0002_newer"))
    assert ids(report) == {"E602"}
    assert "stock.0002_newer is applied on the live database" in texts(report, "E602")


def test_a_pending_migration_that_cannot_be_undone_is_told_until_it_is_applied(shop: Shop) -> None:
    shop.write(SECOND, MIGRATION.format(after="0001_initial", operations=SHAPES.format("")))
    app = shop.inspect()
    report = shop.check(app=app, applied=("stock.0001_initial",))
    assert ids(report) == {"W605"}
    assert "stock.0002_fill is pending" in texts(report, "W605")
    applied = ("stock.0001_initial", "stock.0002_fill")
    assert ids(shop.check(app=app, applied=applied)) == set()
    unknown = shop.check(app=app, applied=None)
    assert ids(unknown) == set()
    assert "nothing serves" in unknown.not_looked["W605"]
    backwards = ", migrations.RunPython.noop"
    shop.write(SECOND, MIGRATION.format(after="0001_initial", operations=SHAPES.format(backwards)))
    assert ids(shop.check(applied=("stock.0001_initial",))) == set()


def test_a_squashed_migration_counts_as_those_that_it_replaces(shop: Shop) -> None:
    operations = SHAPES.format("")
    shop.write(SECOND, MIGRATION.format(after="0001_initial", operations=operations))
    squashed = MIGRATION.format(after="0001_initial", operations=operations)
    squashed += '    replaces = [("stock", "0002_fill")]\n'
    shop.write("stock/migrations/0002_squashed.py", squashed)
    app = shop.inspect()
    first = "stock.0001_initial"
    assert ids(shop.check(app=app, applied=(first, "stock.0002_fill"))) == set()
    assert ids(shop.check(app=app, applied=(first, "stock.0002_squashed"))) == set()
    told = texts(shop.check(app=app, applied=(first,)), "W605")
    assert "stock.0002_squashed" in told
    assert "stock.0002_fill" not in told
