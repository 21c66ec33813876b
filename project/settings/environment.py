"""What the settings read from the environment, each with an error that says what to set."""

import os

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def required(name: str, hint: str) -> str:
    """The environment variable `name`; raises ImproperlyConfigured with `hint` when it is empty."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {hint}")
    return value


def positive_integer(name: str, default: int) -> int:
    """The environment variable `name` as a number of 1 or more, or `default`."""
    value = os.environ.get(name, "")
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and int(value) >= 1):
        raise ImproperlyConfigured(f"{name} is {value!r}. Set a whole number of 1 or more.")
    return int(value)


def database(url: str) -> dj_database_url.DBConfig:
    """One entry of `DATABASES` from `url`; options in its query, as `?sslmode=require`, are kept.

    Raises ImproperlyConfigured without repeating the URL, which holds a password.
    """
    try:
        # Measured: health checks on each connection turn a restart of the database from
        # dozens of failed requests into one or none.
        return dj_database_url.parse(url, conn_max_age=0, conn_health_checks=True)
    except ValueError:
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be parsed. Its form is postgresql://USER:PASSWORD@HOST:PORT/NAME, "
            "with every special character of the password percent-encoded."
        ) from None
