"""Development: `inv dev` starts the database and sets `DATABASE_URL`."""

from project.settings.base import *  # noqa: F403
from project.settings.environment import database, required

DEBUG = True
SECRET_KEY = "django-insecure-development-only-never-in-production"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

DATABASES = {
    "default": database(
        required(
            "DATABASE_URL",
            "Run `inv dev`, which starts a PostgreSQL of its own and sets it, "
            "or set the URL of a PostgreSQL that you run.",
        )
    )
}

# Static files straight from the source tree: no collectstatic while developing.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
