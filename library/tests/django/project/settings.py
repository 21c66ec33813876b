"""The smallest project that a test needs; everything that differs comes from the environment."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

BASE_DIR = Path(__file__).parent
SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["shop.example", "testserver"]
SECURE_SSL_REDIRECT = "SECURE_SSL_REDIRECT" in os.environ
INSTALLED_APPS = ["django.contrib.contenttypes", "castoff.django", "ashop", "shop"]
MIDDLEWARE = [
    "castoff.django.middleware.ReleaseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
MIDDLEWARE = MIDDLEWARE[int(os.environ.get("SKIP_MIDDLEWARE", "0")) :]
if path := os.environ.get("HEALTH_PATH"):
    CASTOFF_HEALTH_PATH = path
ROOT_URLCONF = "urls"
WSGI_APPLICATION = "serve.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

url = urlsplit(os.environ.get("DATABASE_URL", "sqlite:///db.sqlite3"))
if url.scheme == "sqlite":
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": url.path[1:]}}
else:
    options = dict(parse_qsl(url.query))
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": options.pop("host", url.hostname or ""),
            "PORT": url.port or "",
            "OPTIONS": {**options, "connect_timeout": 5},
        }
    }
    if "POOL" in os.environ:
        DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 2, "timeout": 2}
