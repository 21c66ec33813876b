"""A small site in production shape. What is wrong with it is named in FAULTS, by words."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

FAULTS = set(os.environ.get("FAULTS", "").split())
ORIGIN = os.environ.get("ORIGIN", "http://localhost:8000")
IS_HTTPS = ORIGIN.startswith("https:")

HERE = Path(__file__).parent
BASE_DIR = HERE / "nowhere" if "no-stamp" in FAULTS else HERE
SECRET_KEY = "only-for-tests-and-long-enough-to-be-one-0123456789"
DEBUG = "debug" in FAULTS
ALLOWED_HOSTS = ["elsewhere.example"] if "refused-host" in FAULTS else ["localhost", "inside"]
CSRF_TRUSTED_ORIGINS = [] if "untrusted-origin" in FAULTS else [ORIGIN]
SECURE_SSL_REDIRECT = (IS_HTTPS or "https-redirect" in FAULTS) and "no-https-redirect" not in FAULTS
SECURE_SSL_HOST = os.environ.get("SSL_HOST")
SECURE_HSTS_SECONDS = 86_400 if IS_HTTPS and "no-hsts" not in FAULTS else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS and "open-cookies" not in FAULTS
LOGIN_REDIRECT_URL = "/"
if "other-health-path" in FAULTS:
    CASTOFF_HEALTH_PATH = "/up"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "castoff.django",
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
]
for fault, name in {"no-middleware": MIDDLEWARE[0], "no-whitenoise": MIDDLEWARE[2]}.items():
    if fault in FAULTS:
        MIDDLEWARE.remove(name)

ROOT_URLCONF = "urls"
WSGI_APPLICATION = "serve.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

url = urlsplit(os.environ.get("DATABASE_URL", "postgresql:///none"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:],
        "USER": url.username or "",
        "HOST": dict(parse_qsl(url.query)).get("host", ""),
        "OPTIONS": {"connect_timeout": 5},
    }
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [HERE / "static"]
STATIC_ROOT = HERE / ("plain" if "uncompressed" in FAULTS else "collected")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if "mutable" in FAULTS:
    WHITENOISE_IMMUTABLE_FILE_TEST = "never-immutable"
if "wrong-type" in FAULTS:
    WHITENOISE_MIMETYPES = {".css": "text/plain"}
