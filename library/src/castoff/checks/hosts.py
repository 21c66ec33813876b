"""Public hosts and https: what the settings allow, trust and protect."""

from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from castoff.checks import Facts, check, finding
from castoff.checks.settings import app_of, is_https, settings_of
from castoff.model import Finding

# Both edges end TLS and set it, whatever the client sent: Fly's proxy
# (https://fly.io/docs/networking/request-headers/) and Heroku's router
# (https://devcenter.heroku.com/articles/http-routing).
PROXY_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@check("E205", family="settings", needs=["settings"])
def host_is_not_allowed(facts: Facts) -> Iterator[Finding]:
    """E205: a public host is not allowed, or every host is."""
    allowed = settings_of(facts).allowed_hosts
    if "*" in allowed:
        message = (
            "ALLOWED_HOSTS has *: whoever sends a request picks the host of links in mails and of "
            "redirects."
        )
        yield finding("E205", "ALLOWED_HOSTS", message, f"ALLOWED_HOSTS = {_hosts(facts)!r}")
        return
    for host in _hosts(facts):
        if not any(is_same_domain(host, pattern) for pattern in allowed):
            message = f"{host} is not in ALLOWED_HOSTS: every page there answers 400."
            yield finding("E205", "ALLOWED_HOSTS", message, f"ALLOWED_HOSTS = {_hosts(facts)!r}")


def urls(facts: Facts) -> list[SplitResult]:
    """Return the public URLs in their parts."""
    return [urlsplit(url) for url in facts.public_urls]


def _hosts(facts: Facts) -> list[str]:
    """The public hosts as Django compares them: lower case, IPv6 in brackets, no port."""
    names = [(url.hostname or "").rstrip(".") for url in urls(facts)]
    return list(dict.fromkeys(f"[{name}]" if ":" in name else name for name in names))


def is_same_domain(host: str, pattern: str) -> bool:
    """Match as ``django.utils.http.is_same_domain`` does; a leading dot takes subdomains in."""
    pattern = pattern.lower()
    if pattern.startswith("."):
        return host.endswith(pattern) or host == pattern[1:]
    return bool(pattern) and host == pattern


@check("E206", family="settings", needs=["settings"])
def origin_is_not_trusted(facts: Facts) -> Iterator[Finding]:
    """E206: the https origin of a public host is not in CSRF_TRUSTED_ORIGINS."""
    settings, roles = settings_of(facts), app_of(facts).roles
    if roles is None or roles.csrf is None:
        return
    origins = [f"https://{_netloc(url)}" for url in urls(facts) if url.scheme == "https"]
    for origin in dict.fromkeys(origins):
        if not any(_trusts(one, origin) for one in settings.csrf_trusted_origins):
            yield finding(
                "E206",
                "CSRF_TRUSTED_ORIGINS",
                f"{origin} is not in CSRF_TRUSTED_ORIGINS: a form post that comes through a proxy "
                "gets 403 wherever Django does not see that it was https.",
                f"CSRF_TRUSTED_ORIGINS = {list(dict.fromkeys(origins))!r}",
            )


def _netloc(url: SplitResult) -> str:
    """The host, with its port unless it is the usual one, as a browser puts it into Origin."""
    host = url.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return shown if url.port in (None, 443) else f"{shown}:{url.port}"


def _trusts(trusted: str, origin: str) -> bool:
    """Match as Django's CSRF middleware does: exact, or subdomains of ``https://*.…``."""
    if "*" not in trusted:
        return trusted == origin
    ours, theirs = urlsplit(origin), urlsplit(trusted)
    return ours.scheme == theirs.scheme and is_same_domain(ours.netloc, theirs.netloc.lstrip("*"))


@check("E207", family="settings", needs=["settings"])
def redirect_is_endless(facts: Facts) -> Iterator[Finding]:
    """E207: SECURE_SSL_REDIRECT without a matching SECURE_PROXY_SSL_HEADER."""
    settings = settings_of(facts)
    if not is_https(facts) or not settings.ssl_redirect or settings.proxy_header == PROXY_HEADER:
        return
    now = f"is {settings.proxy_header!r}" if settings.proxy_header else "is not set"
    yield finding(
        "E207",
        "SECURE_PROXY_SSL_HEADER",
        f"SECURE_SSL_REDIRECT is on and SECURE_PROXY_SSL_HEADER {now}: the edge ends TLS and says "
        "so in X-Forwarded-Proto, which is not read, and every page redirects to itself for ever.",
        f"SECURE_PROXY_SSL_HEADER = {PROXY_HEADER!r}",
    )


@check("E209", family="settings", needs=["settings"])
def sessions_travel_in_clear(facts: Facts) -> Iterator[Finding]:
    """E209: a cookie is not secure, or nothing redirects to https."""
    settings, roles = settings_of(facts), app_of(facts).roles
    if not is_https(facts) or roles is None:
        return
    why = "a browser sends it over plain http too, where anybody on the way can read it."
    if roles.session is not None and not settings.session_cookie_secure:
        message = f"the session cookie is not secure: {why}"
        yield finding("E209", "SESSION_COOKIE_SECURE", message, "SESSION_COOKIE_SECURE = True")
    if roles.csrf is not None and not (settings.csrf_cookie_secure or settings.csrf_in_session):
        message = f"the CSRF cookie is not secure: {why}"
        yield finding("E209", "CSRF_COOKIE_SECURE", message, "CSRF_COOKIE_SECURE = True")
    if roles.security is None or not settings.ssl_redirect:
        missing = "" if roles.security is not None else "SecurityMiddleware is missing, and "
        message = (
            f"{missing}nothing redirects from http to https: who types the address without https "
            "stays in clear."
        )
        hint = f"SECURE_SSL_REDIRECT = True\nSECURE_PROXY_SSL_HEADER = {PROXY_HEADER!r}"
        yield finding("E209", "SECURE_SSL_REDIRECT", message, hint)
