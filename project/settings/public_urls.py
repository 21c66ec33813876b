"""`PUBLIC_URLS`: the one variable from which everything about hosts and https follows."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

DEFAULT_PORTS = {"http": 80, "https": 443}
# What Django accepts as a host: letters, digits, dots and hyphens, or IPv6 in brackets.
_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]+\]")


@dataclass(frozen=True)
class PublicUrls:
    """Where the public reaches this target.

    `hosts` as `ALLOWED_HOSTS` wants them (no port), `origins` as `CSRF_TRUSTED_ORIGINS` does;
    `https` is True when every URL is https, and also when there is none at all: a build knows
    no URL, and the careful answer is the right one for it.
    """

    hosts: list[str]
    origins: list[str]
    https: bool


def parse_public_urls(text: str) -> PublicUrls:
    """Reads full URLs separated by commas or spaces, as `https://rummy.example`.

    Raises ImproperlyConfigured naming the part that is wrong.
    """
    pairs = [_host_and_origin(part) for part in text.replace(",", " ").split()]
    return PublicUrls(
        hosts=list(dict.fromkeys(host for host, _ in pairs)),
        origins=list(dict.fromkeys(origin for _, origin in pairs)),
        https=all(origin.startswith("https://") for _, origin in pairs),
    )


def _host_and_origin(part: str) -> tuple[str, str]:
    try:
        url = urlsplit(part)
        port = url.port
        host = _host(url)
    except ValueError:
        raise _wrong(part, "its host or port is not valid") from None
    if problem := _problem(url, host):
        raise _wrong(part, problem)
    shown_port = "" if port in (None, DEFAULT_PORTS[url.scheme]) else f":{port}"
    return host, f"{url.scheme}://{host}{shown_port}"


def _host(url: SplitResult) -> str:
    """The host as a browser sends it: lower case, IPv6 in brackets."""
    host = url.hostname or ""
    return f"[{host}]" if ":" in host else host


def _problem(url: SplitResult, host: str) -> str:
    if url.scheme not in DEFAULT_PORTS:
        return "it does not start with http:// or https://"
    if url.username is not None:
        return "it carries a user name"
    if not HOST.fullmatch(host):
        return "its host is not the name of one host (a non-ASCII name goes in its xn-- form)"
    if url.path not in ("", "/") or url.query or url.fragment:
        return "it has something after the host"
    return ""


def _wrong(part: str, problem: str) -> ImproperlyConfigured:
    # What stands before an @ may be a password.
    shown = part.rpartition("@")[2]
    return ImproperlyConfigured(
        f"PUBLIC_URLS: in {shown!r}, {problem}. "
        "Give full URLs separated by commas, as https://rummy.example or http://localhost:8000."
    )
