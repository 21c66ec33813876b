"""The production settings, imported in a process of their own as a target imports them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import SimpleTestCase

from project.settings import base
from project.settings.public_urls import parse_public_urls

# An address where nothing listens: whoever opens a connection fails.
DATABASE_URL = "postgresql://app:p%40ss@127.0.0.1:9/app?sslmode=require"
SECRET_KEY = "a-key-of-the-tests-0123456789-abcdefghijklmnopqrstuvwxyz"
PRINT = """
import json
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in %r}, default=str))
"""


def run(*argv: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Python with these arguments on the production settings; None takes a variable away."""
    environment: dict[str, str | None] = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "project.settings.production",
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": DATABASE_URL,
        "PUBLIC_URLS": None,
        "HSTS_SECONDS": None,
        **changes,
    }
    return subprocess.run(
        [sys.executable, *argv],
        cwd=base.BASE_DIR,
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
    )


def production(*names: str, **changes: str | None) -> dict[str, Any]:
    """These production settings."""
    done = run("-c", PRINT % (names,), **changes)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


class PublicUrls(SimpleTestCase):
    def test_http_gives_the_host_and_no_https(self) -> None:
        public = parse_public_urls("http://localhost:8000")
        self.assertEqual(public.hosts, ["localhost"])
        self.assertEqual(public.origins, ["http://localhost:8000"])
        self.assertFalse(public.https)

    def test_several_are_separated_by_commas_or_spaces(self) -> None:
        public = parse_public_urls(
            " https://Rummy.Example/,https://www.rummy.example:443\nhttps://[2001:db8::1]:8443 "
        )
        self.assertEqual(public.hosts, ["rummy.example", "www.rummy.example", "[2001:db8::1]"])
        self.assertEqual(
            public.origins,
            ["https://rummy.example", "https://www.rummy.example", "https://[2001:db8::1]:8443"],
        )
        self.assertTrue(public.https)

    def test_one_plain_url_among_them_takes_https_away(self) -> None:
        self.assertFalse(parse_public_urls("https://rummy.example http://localhost:8000").https)

    def test_a_bad_one_is_named(self) -> None:
        for bad, problem in {
            "rummy.example": "http:// or https://",
            "ftp://rummy.example": "http:// or https://",
            "https://": "name of one host",
            "https://*": "name of one host",
            "https://.rummy.example": "name of one host",
            "https://r\u00fcmmy.example": "xn--",
            "https://rummy.example:99999": "not valid",
            "https://[::1": "not valid",
            "https://rummy.example/app": "something after the host",
            "https://rummy.example?a=1": "something after the host",
        }.items():
            with self.subTest(bad), self.assertRaises(ImproperlyConfigured) as caught:
                parse_public_urls(f"https://good.example,{bad}")
            self.assertIn(repr(bad), str(caught.exception))
            self.assertIn(problem, str(caught.exception))

    def test_a_password_in_one_is_not_repeated(self) -> None:
        with self.assertRaises(ImproperlyConfigured) as caught:
            parse_public_urls("https://me:hunter2@rummy.example")
        self.assertIn("carries a user name", str(caught.exception))
        self.assertNotIn("hunter2", str(caught.exception))


class Production(SimpleTestCase):
    SECURITY = (
        "ALLOWED_HOSTS",
        "CSRF_TRUSTED_ORIGINS",
        "SECURE_SSL_REDIRECT",
        "SECURE_PROXY_SSL_HEADER",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_HSTS_SECONDS",
        "USE_X_FORWARDED_HOST",
        "DEBUG",
    )

    def test_https_turns_everything_on(self) -> None:
        self.assertEqual(
            production(*self.SECURITY, PUBLIC_URLS="https://rummy.example"),
            {
                "ALLOWED_HOSTS": ["rummy.example"],
                "CSRF_TRUSTED_ORIGINS": ["https://rummy.example"],
                "SECURE_SSL_REDIRECT": True,
                "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
                "SESSION_COOKIE_SECURE": True,
                "CSRF_COOKIE_SECURE": True,
                "SECURE_HSTS_SECONDS": 86_400,
                "USE_X_FORWARDED_HOST": False,
                "DEBUG": False,
            },
        )

    def test_http_opens_in_a_browser_without_a_warning(self) -> None:
        self.assertEqual(
            production(*self.SECURITY, PUBLIC_URLS="http://localhost:8000"),
            {
                "ALLOWED_HOSTS": ["localhost"],
                "CSRF_TRUSTED_ORIGINS": ["http://localhost:8000"],
                "SECURE_SSL_REDIRECT": False,
                "SECURE_PROXY_SSL_HEADER": None,
                "SESSION_COOKIE_SECURE": False,
                "CSRF_COOKIE_SECURE": False,
                "SECURE_HSTS_SECONDS": 0,
                "USE_X_FORWARDED_HOST": False,
                "DEBUG": False,
            },
        )

    def test_hsts_can_be_raised(self) -> None:
        name = "SECURE_HSTS_SECONDS"
        self.assertEqual(production(name, HSTS_SECONDS="31536000"), {name: 31_536_000})
        self.assertIn("HSTS_SECONDS", run("-m", "django", "check", HSTS_SECONDS="1y").stderr)

    def test_the_database_has_a_pool_health_checks_and_the_options_of_its_url(self) -> None:
        database = production("DATABASES")["DATABASES"]["default"]
        self.assertEqual(
            database["OPTIONS"], {"sslmode": "require", "pool": {"min_size": 1, "max_size": 4}}
        )
        self.assertTrue(database["CONN_HEALTH_CHECKS"])
        self.assertEqual(database["CONN_MAX_AGE"], 0)
        self.assertEqual(database["PASSWORD"], "p@ss")

    def test_what_is_missing_is_named(self) -> None:
        for name in ("SECRET_KEY", "DATABASE_URL"):
            with self.subTest(name):
                done = run("-m", "django", "check", **{name: None})
                self.assertIn(f"ImproperlyConfigured: {name} is not set.", done.stderr)

    def test_an_unreadable_database_url_is_not_repeated(self) -> None:
        done = run("-m", "django", "check", DATABASE_URL="postgresql://app:hunt/er2@host/app")
        self.assertIn("DATABASE_URL cannot be parsed", done.stderr)
        self.assertNotIn("hunt", done.stderr)

    def test_check_deploy_has_nothing_to_say(self) -> None:
        argv = ("-W", "error", "-m", "django", "check", "--deploy", "--fail-level", "INFO")
        done = run(*argv, PUBLIC_URLS="https://rummy.example")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no issues (2 silenced)", done.stdout)

    def test_the_build_needs_neither_hosts_nor_a_database(self) -> None:
        done = run(
            "-m", "django", "collectstatic", "--noinput", "--dry-run", SECRET_KEY="build-only"
        )
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_command_ends_as_soon_as_it_is_done_and_does_not_wait_for_the_pool(self) -> None:
        query = "import django; django.setup(); from django.db import connection as c; c.cursor()"
        started = time.monotonic()
        done = run("-c", query, DATABASE_URL=os.environ["DATABASE_URL"])
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertLess(time.monotonic() - started, 5)

    def test_logs_go_to_stdout(self) -> None:
        warn = "import django, logging; django.setup(); logging.getLogger('django.x').warning('Hi')"
        self.assertIn("WARNING django.x: Hi", run("-c", warn).stdout)


class Development(SimpleTestCase):
    def test_without_a_database_it_says_inv_dev(self) -> None:
        done = run(
            "manage.py", "check", DATABASE_URL=None, DJANGO_SETTINGS_MODULE="project.settings.local"
        )
        self.assertIn("DATABASE_URL is not set. Run `inv dev`", done.stderr)


class StaticFiles(SimpleTestCase):
    def test_whitenoise_comes_right_after_the_security_middleware(self) -> None:
        at = base.MIDDLEWARE.index("django.middleware.security.SecurityMiddleware")
        self.assertEqual(base.MIDDLEWARE[at + 1], "whitenoise.middleware.WhiteNoiseMiddleware")
        self.assertEqual(base.MIDDLEWARE[0], "castoff.django.middleware.ReleaseMiddleware")

    def test_every_file_gets_its_hash_and_its_compressed_twin(self) -> None:
        storages = production("STORAGES")["STORAGES"]
        self.assertEqual(set(storages), {"default", "staticfiles"})
        with tempfile.TemporaryDirectory() as folder:
            with self.settings(STATIC_ROOT=folder, STORAGES=storages):
                call_command("collectstatic", interactive=False, verbosity=0)
            manifest = json.loads((Path(folder) / "staticfiles.json").read_text())["paths"]
            hashed = Path(folder) / manifest["leaderboard/app.css"]
            self.assertTrue(hashed.with_name(hashed.name + ".gz").is_file())
        self.assertTrue(settings.STATIC_URL.startswith("/"))
