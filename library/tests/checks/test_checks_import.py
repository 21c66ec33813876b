"""What happens when the app cannot be imported, or does odd things while it is."""

import time

import pytest
from checks_shop import Shop, ids, texts

from castoff.errors import StepError

HANGS = "while True: time.sleep(1)"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("def (:", "SyntaxError"),
        ("raise RuntimeError('no\\nmore')", "RuntimeError: no more"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("from shop.nowhere import x", "No module named 'shop.nowhere'"),
        ("from decimal import nothing", "cannot import name 'nothing'"),
        ('ALLOWED_HOSTS = "shop.example"', "must be a list or a tuple"),
    ],
)
def test_settings_that_fail_are_told_with_their_line(shop: Shop, line: str, words: str) -> None:
    shop.append("shop/settings.py", line)
    report = shop.check()
    assert ids(report) == {"E201"}
    assert words in texts(report, "E201")
    assert "E204" in report.not_looked
    if "ALLOWED_HOSTS" not in line:
        number = shop.root.joinpath("shop/settings.py").read_text().splitlines().index(line) + 1
        assert f"shop/settings.py:{number}" in texts(report, "E201")


def test_a_file_that_is_not_utf8_is_told(shop: Shop) -> None:
    shop.write("shop/wsgi.py", b"\nname = 'caf\xe9'\n")
    report = shop.check()
    assert ids(report) == {"E201"}
    assert "shop/wsgi.py" in texts(report, "E201")
    assert "E217" in report.not_looked


def test_urls_and_apps_that_fail_are_told(shop: Shop) -> None:
    shop.append("shop/urls.py", "import shop.views")
    shop.write("shop/views.py", "\n\nraise ValueError(1)\n")
    report = shop.check()
    assert ids(report) == {"E201"}
    assert "shop/views.py:3: the URLs cannot be imported" in texts(report, "E201")
    shop.append("shop/settings.py", 'INSTALLED_APPS += ["shop.nothing"]')
    assert "the installed apps cannot be loaded" in texts(shop.check(), "E201")


def test_an_untracked_module_is_named(shop: Shop) -> None:
    shop.append("shop/settings.py", "import shop.extra")
    app = shop.inspect()
    shop.write("shop/extra.py", "")
    assert "git add shop/extra.py" in texts(shop.check(app=app), "E201")


def test_a_variable_that_nobody_declared_is_the_hint(shop: Shop) -> None:
    shop.append("shop/settings.py", 'KEY = os.environ["PAYMENT_KEY"]')
    report = shop.check()
    assert ids(report) == {"E201"}
    assert "required: [PAYMENT_KEY]" in texts(report, "E201")


@pytest.mark.parametrize(
    ("line", "needs_good_value"),
    [('KEY = os.environ["PAYMENT_KEY"]', False), ('KEY = int(os.environ["PAYMENT_KEY"])', True)],
)
def test_a_secret_that_is_needed_in_the_build_is_told(
    shop: Shop, line: str, needs_good_value: bool
) -> None:
    shop.values = {"secrets": {"required": ["PAYMENT_KEY"]}}
    shop.append("shop/settings.py", line)
    report = shop.check(set_names=frozenset({"PAYMENT_KEY"}))
    assert ids(report) == {"E203"}
    assert 'os.environ.get("PAYMENT_KEY", "")' in texts(report, "E203")
    assert ("E204" in report.not_looked) is needs_good_value


def test_a_connection_in_the_settings_is_told_even_when_they_survive_it(shop: Shop) -> None:
    shop.append("shop/settings.py", "import shop.flags")
    shop.write(
        "shop/flags.py",
        "from django.db.utils import Error\nfrom django.db.backends.postgresql.base import "
        "DatabaseWrapper\n"
        "try:\n    DatabaseWrapper({}).connect()\nexcept Error:\n    pass\n",
    )
    report = shop.check()
    assert ids(report) == {"E202"}
    assert "shop/flags.py:4: importing the settings opens" in texts(report, "E202")


def test_a_connection_by_the_driver_itself_or_in_ready_is_told(shop: Shop) -> None:
    shop.write(
        "stock/apps.py",
        "from django.apps import AppConfig\nclass Stock(AppConfig):\n    name = 'stock'\n"
        "    def ready(self):\n        from stock.models import Item\n"
        "        Item.objects.count()\n",
    )
    report = shop.check()
    assert ids(report) == {"E202"}
    assert "stock/apps.py:6: loading the installed apps opens" in texts(report, "E202")
    shop.append("shop/settings.py", 'import psycopg\npsycopg.connect(os.environ["DATABASE_URL"])')
    assert "importing the settings opens" in texts(shop.check(), "E202")


def test_a_connection_while_files_are_collected_is_told(shop: Shop) -> None:
    shop.write(
        "shop/finders.py",
        "from django.contrib.staticfiles.finders import BaseFinder\n"
        "class Finder(BaseFinder):\n    def list(self, ignore_patterns):\n"
        "        from stock.models import Item\n        return list(Item.objects.all())\n"
        "    def check(self, **kwargs):\n        return []\n",
    )
    shop.append("shop/settings.py", 'STATICFILES_FINDERS = ["shop.finders.Finder"]')
    report = shop.check()
    assert ids(report) == {"E202"}
    assert "shop/finders.py:5: collectstatic opens" in texts(report, "E202")


def test_settings_that_hang_are_told_with_their_line(shop: Shop) -> None:
    shop.append("shop/settings.py", f"import time\n{HANGS}")
    began = time.monotonic()
    app = shop.inspect(seconds=6)
    assert time.monotonic() - began < 6
    report = shop.check(app=app)
    assert ids(report) == {"E201"}
    assert "does not come to an end" in texts(report, "E201")
    line = shop.root.joinpath("shop/settings.py").read_text().splitlines().index(HANGS) + 1
    assert f"shop/settings.py:{line}" in texts(report, "E201")


def test_settings_that_print_read_fork_and_change_the_folder_spoil_nothing(shop: Shop) -> None:
    shop.append(
        "shop/settings.py",
        "import subprocess, sys, time\n"
        'print("{}" * 1000); os.write(1, b"no"); subprocess.run(["echo", "{"])\n'
        'assert sys.stdin.read() == ""\n'
        'sys.stdout = None; os.chdir("/")\n'
        "if os.fork() == 0: time.sleep(30)",
    )
    shop.append("shop/wsgi.py", "import os\nos.fork()")
    began = time.monotonic()
    report = shop.check()
    assert ids(report) == set(), report.findings
    assert report.not_looked == {}
    assert time.monotonic() - began < 10


def test_settings_that_end_the_process_at_once_are_an_error_too(shop: Shop) -> None:
    shop.append("shop/settings.py", "os._exit(0)")
    with pytest.raises(StepError, match="ends the process itself"):
        shop.inspect()
    report = shop.check()
    assert ids(report) == {"E201"}
    assert "E204" in report.not_looked


def test_a_missing_settings_name_is_told(shop: Shop) -> None:
    shop.values = {"settings": ""}
    assert "castoff.settings does not say" in texts(shop.check(), "E201")


def test_a_hang_in_a_later_part_is_an_error_too(shop: Shop) -> None:
    shop.write(
        "shop/finders.py",
        "import time\nfrom django.contrib.staticfiles.finders import BaseFinder\n"
        "class Finder(BaseFinder):\n    def list(self, ignore_patterns):\n"
        "        time.sleep(60)\n    def check(self, **kwargs):\n        return []\n",
    )
    shop.append("shop/settings.py", 'STATICFILES_FINDERS = ["shop.finders.Finder"]')
    report = shop.check(app=shop.inspect(seconds=8))
    assert ids(report) == {"E201"}
    assert "shop/finders.py:5" in texts(report, "E201")
    assert "hang" in texts(report, "E201")


def test_a_check_of_the_project_that_crashes_is_told(shop: Shop) -> None:
    shop.append(
        "stock/models.py",
        "from django.core.checks import register\n@register\ndef odd(**kwargs):\n    return 1 / 0",
    )
    report = shop.check()
    assert ids(report) == {"W219"}
    assert "manage.py check itself fails: ZeroDivisionError" in texts(report, "W219")
