"""The WSGI application, with what an edge before it may do to a request."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django = get_wsgi_application()


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    if "edge-hides-https" in settings.FAULTS:
        environ["wsgi.url_scheme"] = "http"
    if "edge-changes-host" in settings.FAULTS:
        environ["HTTP_HOST"] = "inside:1234"
    return django(environ, start)
