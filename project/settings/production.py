"""Production: everything that differs from one target to the next comes from the environment."""

import os

from project.settings.base import *  # noqa: F403
from project.settings.environment import database, positive_integer, required
from project.settings.public_urls import parse_public_urls

DEBUG = False
SECRET_KEY = required("SECRET_KEY", "`inv secrets` generates one and sets it on the target.")

_PUBLIC = parse_public_urls(os.environ.get("PUBLIC_URLS", ""))
ALLOWED_HOSTS = _PUBLIC.hosts
CSRF_TRUSTED_ORIGINS = _PUBLIC.origins

SECURE_SSL_REDIRECT = _PUBLIC.https
SESSION_COOKIE_SECURE = _PUBLIC.https
CSRF_COOKIE_SECURE = _PUBLIC.https
if _PUBLIC.https:
    # Only behind an edge that ends TLS and sets the header itself, whatever the client sent.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # One day: a mistake with a certificate heals overnight. Raise it per target, to 31536000
    # for a year, when every URL has answered over https for a while.
    SECURE_HSTS_SECONDS = positive_integer("HSTS_SECONDS", default=86_400)

SILENCED_SYSTEM_CHECKS = [
    # W005 (include subdomains): other hosts below a custom domain are not this app's to decide on.
    "security.W005",
    # W021 (preload): asks for a year and all subdomains, and takes months to undo.
    "security.W021",
]

DATABASES = {
    "default": database(required("DATABASE_URL", "`inv attach` attaches a database and sets it."))
}
# One connection for each of gunicorn's threads, of which a worker has four. While the database is
# restarted, requests wait for one, up to the pool's 30 seconds: a timeout that is not far above its
# first pause before it tries again, which is one second, would make them fail instead.
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 4}

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Templates and stylesheets have the names with a hash; the same files without one are for nobody.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
