"""The smallest project as the docs have it, in a git repository with production settings."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from castoff import app_env, checks, source
from castoff.checks import Facts, Report
from castoff.checks.app_facts import AppFacts, inspect
from castoff.checks.tracked import scan
from castoff.config import Config, parse
from castoff.errors import StepError
from castoff.model import Environment
from castoff.shell import Shell

HTTPS = "https://shop.example"
SETTINGS = """
import os
from pathlib import Path

import dj_database_url

BASE_DIR = Path(__file__).resolve().parent.parent
PUBLIC_URLS = [url for url in os.environ.get("PUBLIC_URLS", "").split(",") if url]
HTTPS = all(url.startswith("https:") for url in PUBLIC_URLS)

SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = [url.split("//")[1].split(":")[0] for url in PUBLIC_URLS]
CSRF_TRUSTED_ORIGINS = PUBLIC_URLS
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 3600
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "castoff.django",
    "stock",
]
MIDDLEWARE = [
    "castoff.django.middleware.ReleaseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
"""
URLS = """
from django.contrib import admin
from django.urls import path

urlpatterns = [path("back-office/", admin.site.urls)]
"""
WSGI = """
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
"""
MODELS = """
from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=50)
"""
INITIAL = """
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                )),
                ("name", models.CharField(max_length=50)),
            ],
        ),
    ]
"""
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stock", "{after}")]
    operations = [{operations}]
"""
FILES = {
    ".gitignore": "__pycache__/\n",
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.10"\n',
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS,
    "shop/urls.py": URLS,
    "shop/wsgi.py": WSGI,
    "stock/__init__.py": "",
    "stock/models.py": MODELS,
    "stock/migrations/__init__.py": "",
    "stock/migrations/0001_initial.py": INITIAL,
}


@dataclass
class Shop:
    """A project on disk, and what the checks say of it."""

    root: Path
    environment: Environment
    values: dict[str, Any] = field(default_factory=dict)

    def write(self, path: str, text: str | bytes) -> None:
        """Make or replace a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def append(self, path: str, text: str) -> None:
        """Add lines to a file."""
        self.write(path, (self.root / path).read_text() + "\n" + text + "\n")

    def git(self, *words: str) -> str:
        """Run git in the project."""
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        done = subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True)
        return done.stdout.decode()

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "a change")

    @property
    def config(self) -> Config:
        """The configuration: the settings module, and what a test adds."""
        return parse({"settings": "shop.settings", **self.values})

    def inspect(self, *urls: str, seconds: float = 60) -> AppFacts:
        """Look at the app in its virtualenv, as the check step does."""
        env = app_env.build_time(self.config, urls or (HTTPS,))
        ran = env | dict.fromkeys(self.config.secrets.required, "x" * 64)
        return inspect(self.environment.python, self.root, self.config, env, ran, Shell(), seconds)

    def facts(self, *urls: str, app: AppFacts | None = None, **more: Any) -> Facts:
        """Gather the facts; the app is looked at unless it is given."""
        problem = ""
        try:
            app = app or self.inspect(*urls)
        except StepError as error:
            problem = error.what
        given: dict[str, Any] = {
            "source": source.observe(self.root, Shell()),
            "tree": self.root,
            "config": self.config,
            "environment": self.environment,
            "app": app,
            "app_problem": problem,
            "tracked": scan(self.root, more.get("offered", {})),
            "public_urls": urls or (HTTPS,),
            "accepts_dirty": True,
            "applied": (),
            "generated": frozenset({"SECRET_KEY", "CASTOFF_PROBE_TOKEN", "DATABASE_URL"}),
        }
        return Facts(**(given | more))

    def check(self, *urls: str, **more: Any) -> Report:
        """Run every check."""
        return checks.run(self.facts(*urls, **more))


def ids(report: Report) -> set[str]:
    """The ids that a report found; the commit is on no remote in any of these tests."""
    return {one.id for one in report.findings} - {"W102"}


def texts(report: Report, id_: str) -> str:
    """All that a report says under an id."""
    found = [one for one in report.findings if one.id == id_]
    return "\n".join(f"{one.where}: {one.message}\n{one.hint}" for one in found)
