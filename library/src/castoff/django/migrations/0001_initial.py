# ruff: noqa: RUF012 (Django's own form)

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ProbeMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("nonce", models.CharField(max_length=64)),
                ("at", models.DateTimeField(auto_now=True)),
            ],
            options={"db_table": "castoff_probe_mark"},
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("commit", models.CharField(max_length=100)),
                ("committed_at", models.CharField(blank=True, max_length=40)),
                ("version", models.CharField(blank=True, max_length=100)),
                ("known", models.JSONField(default=dict)),
                ("applied", models.JSONField(default=list)),
                ("verdict", models.CharField(blank=True, max_length=40)),
                ("who", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"db_table": "castoff_release", "ordering": ["-id"]},
        ),
    ]
