"""What `manage.py check` says about castoff's own configuration."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from castoff.django.probe import SHORTEST_TOKEN, configured_token

MIDDLEWARE = "castoff.django.middleware.ReleaseMiddleware"


@register
def middleware_is_first(**_: Any) -> list[CheckMessage]:
    """castoff.E218: without the middleware in first place, nothing proves which code serves."""
    if list(settings.MIDDLEWARE)[:1] == [MIDDLEWARE]:
        return []
    fault = "not first in" if MIDDLEWARE in settings.MIDDLEWARE else "missing from"
    return [
        Error(
            f"castoff's release middleware is {fault} MIDDLEWARE: health checks would meet host "
            "validation and redirects, and a smoke test could not prove which release answers.",
            hint=f'Make "{MIDDLEWARE}" the first entry.',
            id="castoff.E218",
        )
    ]


@register
def probe_token_is_long_enough(**_: Any) -> list[CheckMessage]:
    """castoff.W220: a short token could be guessed, so the probe stays off."""
    if not 0 < len(configured_token()) < SHORTEST_TOKEN:
        return []
    return [
        Warning(
            f"CASTOFF_PROBE_TOKEN has fewer than {SHORTEST_TOKEN} characters: the probe is off.",
            hint="Let `inv secrets` make one, or use the output of `openssl rand -hex 32`.",
            id="castoff.W220",
        )
    ]
