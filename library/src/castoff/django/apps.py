"""How Django sees castoff."""

import atexit

from django import VERSION, get_version
from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

OLDEST = (5, 2)


class CastoffConfig(AppConfig):
    """`INSTALLED_APPS += ["castoff.django"]`: its tables start with `castoff_`."""

    name = "castoff.django"
    label = "castoff"
    verbose_name = "castoff"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Registers the system checks, by importing them, and the end of the pools.

        Raises:
            ImproperlyConfigured: Django is too old.
        """
        if VERSION < OLDEST:
            raise ImproperlyConfigured(f"castoff needs Django 5.2 or newer, not {get_version()}")
        from castoff.django import checks as checks

        atexit.register(close_pools)


def close_pools() -> None:
    """Closes every pool of database connections, before the interpreter goes.

    From Python 3.13 on psycopg's pool cannot stop its threads once the interpreter is being torn
    down, and waits 5 seconds for each: every command and every worker would take 20 to end.
    """
    for connection in connections.all(initialized_only=True):
        close_pool = getattr(connection, "close_pool", None)
        if close_pool:
            connection.close()
            close_pool()
