"""The source checks, on real repositories; and packages that are not locked."""

import dataclasses
from pathlib import Path

import pytest
from checks_shop import HTTPS, Shop, ids, texts
from msgspec.structs import replace

from castoff import checks


def test_uncommitted_changes_stop_where_the_target_does_not_take_them(shop: Shop) -> None:
    shop.append("shop/urls.py", "# more")
    app = shop.inspect()
    report = shop.check(app=app, accepts_dirty=False)
    assert ids(report) == {"E101"}
    assert "shop/urls.py" in texts(report, "E101")
    assert ids(shop.check(app=app)) == set()
    shop.commit()
    assert ids(shop.check(app=app, accepts_dirty=False)) == set()


def test_a_commit_that_is_on_no_remote_is_told(shop: Shop, tmp_path: Path) -> None:
    app = shop.inspect()

    def told(url: str = HTTPS) -> str:
        return texts(shop.check(url, app=app), "W102")

    assert "there is no remote" in told()
    assert told("http://localhost:8000") == told("http://127.0.0.1:8000") == ""
    shop.git("init", "--quiet", "--bare", str(tmp_path / "there"))
    shop.git("remote", "add", "upstream", str(tmp_path / "there"))
    assert "git push upstream HEAD" in told()
    assert "git push upstream HEAD" in told("http://localhost:8000")
    shop.git("push", "--quiet", "upstream", "HEAD")
    assert told() == ""


def test_a_missing_or_stale_lock_stops(shop: Shop) -> None:
    app = shop.inspect()
    stale = shop.check(app=app, stale="pyproject.toml was changed after poetry.lock was written")
    assert ids(stale) == {"E103"}
    assert "`poetry lock`" in texts(stale, "E103")
    missing = shop.facts(app=app, environment=None, lock_problem="no lock file")
    report = checks.run(dataclasses.replace(missing, app=None))
    assert ids(report) == {"E103"}
    assert report.not_looked["E201"] == report.not_looked["E204"] == "no lock file"
    assert report.not_looked_lines[0].count("E2") > 5


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("import some_thing.inner", "some-thing"),
        ("import rest_framework", "djangorestframework"),
        ('INSTALLED_APPS += ["corsheaders"]', "django-cors-headers"),
        ('MIDDLEWARE.append("csp.middleware.CSPMiddleware")', "csp"),
        ('STORAGES["staticfiles"]["BACKEND"] = "storages.backends.s3.S3Storage"', "storages"),
        ('DATABASES["default"]["ENGINE"] = "django.db.backends.mysql"', "mysqlclient"),
        (
            'CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}',
            "redis",
        ),
    ],
)
def test_a_package_that_the_settings_use_and_nobody_locked_is_told(
    shop: Shop, line: str, package: str
) -> None:
    shop.append("shop/settings.py", line)
    report = shop.check()
    assert ids(report) == {"E104"}
    assert f"poetry add '{'django-' * (package == 'storages')}{package}'" in texts(report, "E104")


def test_gunicorn_and_the_pool_must_be_locked(shop: Shop) -> None:
    shop.append("shop/settings.py", 'DATABASES["default"]["OPTIONS"] = {"pool": True}')
    app = shop.inspect()
    assert ids(shop.check(app=app)) == set()
    packages = {
        name: version
        for name, version in shop.environment.packages.items()
        if name not in ("gunicorn", "psycopg-pool")
    }
    shop.environment = replace(shop.environment, lock="uv.lock", packages=packages)
    report = shop.check(app=app)
    assert ids(report) == {"E104"}
    assert "uv add 'gunicorn'" in texts(report, "E104")
    assert "uv add 'psycopg[pool]'" in texts(report, "E104")


def test_a_postgresql_driver_that_is_not_there_is_told(shop: Shop) -> None:
    shop.append(
        "shop/settings.py",
        "import sys\nsys.modules['psycopg'] = sys.modules['psycopg2'] = None",
    )
    report = shop.check()
    assert ids(report) == {"E104"}
    assert "poetry add 'psycopg[binary]'" in texts(report, "E104")


def test_pythons_that_disagree_are_told(shop: Shop) -> None:
    app = shop.inspect()
    minor = app.python.rpartition(".")[0]
    for pinned in (minor, app.python, f"# ours\ncpython-{minor}", "pypy3.10"):
        shop.write(".python-version", pinned)
        assert ids(shop.check(app=app)) == set()
    shop.write(".python-version", "3.9\n")
    report = shop.check(app=app)
    assert ids(report) == {"W106"}
    assert ".python-version says 3.9" in texts(report, "W106")
    assert 'requires-python is ">=3.10", and .python-version is Python 3.9' in texts(report, "W106")
    shop.write(".python-version", "3.1\n")
    assert "W106" in ids(shop.check(app=app))
