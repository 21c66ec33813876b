"""No false alarms: the sample app, and what ``django-admin startproject`` makes."""

import shutil
import subprocess
from pathlib import Path

import pytest
from checks_shop import HTTPS, Shop, ids

from castoff.model import Environment

REPOSITORY = Path(__file__).resolve().parents[3]
PRODUCTION = """
import os
import dj_database_url
from mysite.settings import *

PUBLIC_URLS = [url for url in os.environ.get("PUBLIC_URLS", "").split(",") if url]
HTTPS = all(url.startswith("https:") for url in PUBLIC_URLS)
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = [url.split("//")[1].split(":")[0] for url in PUBLIC_URLS]
CSRF_TRUSTED_ORIGINS = PUBLIC_URLS
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 3600
INSTALLED_APPS.append("castoff.django")
MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
MIDDLEWARE.insert(0, "castoff.django.middleware.ReleaseMiddleware")
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend"}}  # Django 6.1
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
"""


@pytest.mark.parametrize("url", [HTTPS, "http://localhost:8000"])
def test_nothing_is_found_in_the_sample_app(
    tmp_path: Path, environment: Environment, url: str
) -> None:
    sample = Shop(tmp_path / "sample", environment, {"settings": "project.settings.production"})
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "project", sample.root / "project", ignore=hidden)
    shutil.copy(REPOSITORY / "pyproject.toml", sample.root)
    sample.git("init", "--quiet")
    sample.commit()
    report = sample.check(url, applied=())
    assert ids(report) == set(), report.findings
    assert report.not_looked == {}


def test_startproject_needs_what_the_docs_say_and_no_more(
    tmp_path: Path, environment: Environment
) -> None:
    made = Shop(tmp_path / "mysite", environment, {"settings": "mysite.settings"})
    made.root.mkdir()
    program = environment.python.with_name("django-admin")
    subprocess.run([program, "startproject", "mysite", made.root], check=True)
    made.git("init", "--quiet")
    made.commit()
    assert {"E204", "E205", "E209", "E211", "E212", "E218"} <= ids(made.check())
    made.write("mysite/production.py", PRODUCTION)
    made.commit()
    made.values = {"settings": "mysite.production"}
    # Both ask for subdomains, which Django leaves to the project.
    assert ids(made.check()) == {"security.W005", "security.W021"}
    assert ids(made.check("http://localhost:8000")) == set()
