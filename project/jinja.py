"""The Jinja environment of the app's templates."""

from datetime import date, datetime
from typing import Any

from django.contrib.messages import get_messages
from django.templatetags.static import static
from django.urls import reverse
from django.utils.dateformat import format as date_format
from django.utils.timezone import localtime
from jinja2 import Environment, StrictUndefined


def url(name: str, *args: object, **kwargs: object) -> str:
    """The path of a named URL."""
    return reverse(name, args=args, kwargs=kwargs)


def day(value: date) -> str:
    """A date, or the date of a moment in the site's time zone, as `3 Oct 2026`."""
    return date_format(localtime(value) if isinstance(value, datetime) else value, "j M Y")


def environment(**options: Any) -> Environment:
    """Jinja with Django's `static`, `url` and messages; a misspelt name in a template is an error.

    `options` come from Django's backend, which turns autoescaping on.
    """
    options.update(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    jinja = Environment(**options)
    jinja.filters["day"] = day
    jinja.globals.update(static=static, url=url, get_messages=get_messages)
    return jinja
