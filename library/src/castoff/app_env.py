"""The environments in which the app runs: as little of this machine as a platform would give."""

import os
import secrets
from collections.abc import Mapping

from castoff.config import Config

# What a program needs to find its tools, its language and the trust store; nothing of the user's.
PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
UNREACHABLE = "postgresql://build:build@127.0.0.1:1/build"


def base() -> dict[str, str]:
    """Return the part of this process's environment that the app may see."""
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    return {"LANG": "C.UTF-8", **passed, "PYTHONUNBUFFERED": "1"}


def build_time(config: Config, public_urls: tuple[str, ...]) -> dict[str, str]:
    """Return what the app gets while it is built: a throw-away key, no database, no secret."""
    return {
        **base(),
        "DATABASE_URL": UNREACHABLE,
        "DJANGO_SETTINGS_MODULE": config.settings,
        "PUBLIC_URLS": ",".join(public_urls),
        "SECRET_KEY": secrets.token_urlsafe(48),
    }


def run_time(config: Config, values: Mapping[str, str]) -> dict[str, str]:
    """Return what the app gets when it runs: the config vars over the base."""
    return {**base(), "DJANGO_SETTINGS_MODULE": config.settings, **values}
