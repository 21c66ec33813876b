"""What only https targets must have."""

import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex

from castoff.smoke.browser import Cookie, origin_of, path_of
from castoff.smoke.site import Site
from castoff.smoke.wrong import NoAnswer, Wrong, shown

DAYS = 14
MAX_AGE = re.compile(r"(?:^|;)\s*max-age\s*=\s*\"?(\d{1,12})\"?\s*(?:;|$)", re.IGNORECASE)


def questions(site: Site) -> list[tuple[str, Callable[[], str]]]:
    """What is asked of an https target."""
    asked: list[tuple[str, Callable[[], str]]] = [
        ("hsts", partial(hsts, site)),
        ("cookies", partial(cookies, site)),
        ("certificate", partial(certificate, site)),
    ]
    return [("redirect", partial(redirect, site)), *asked] if site.http_url else asked


def plain_side(origin: str) -> str:
    """The http URL of an https origin; "" when its port is not 443, since then it is not known."""
    scheme, _, host = origin.partition("://")
    has_port = re.search(r":\d+$", host) is not None
    return f"http://{host}" if scheme == "https" and not has_port else ""


def redirect(site: Site) -> str:
    """Plain http leads to the same address over https, in exactly one hop."""
    path = f"/castoff-smoke-{token_hex(8)}/?from=http"
    wanted = f"{site.browser.origin}{path}"
    try:
        first = site.browser.get(f"{site.http_url}{path}")
    except NoAnswer as error:
        raise Wrong(error.what, f"Nobody is led from http to https. {error.why}") from None
    if not first.redirect:
        raise Wrong(
            f"{site.http_url} answered {first.status} and no redirect to https",
            "Set SECURE_SSL_REDIRECT = True (it follows from an https PUBLIC_URLS), or let the "
            "edge redirect.",
        )
    if first.redirect != wanted:
        raise _astray(first.redirect, first.url, wanted)
    second = site.browser.get(wanted)
    if second.redirect:
        raise _second_hop(second.redirect, wanted)
    return f"{first.status} in one hop"


def hsts(site: Site) -> str:
    """Strict-Transport-Security is sent, for more than no time."""
    answer = site.browser.get(site.home)
    value = answer.header("strict-transport-security")
    if not value:
        raise Wrong(
            f"{answer.path} answered without Strict-Transport-Security",
            "SECURE_HSTS_SECONDS is 0, SecurityMiddleware is missing, or the app takes the "
            "request for http (SECURE_PROXY_SSL_HEADER).",
        )
    age = MAX_AGE.search(value)
    if not age or int(age[1]) == 0:
        raise Wrong(
            f"Strict-Transport-Security is `{shown(value)}`, which keeps nothing",
            "Set SECURE_HSTS_SECONDS to a day (86400) at first, and to a year when all is well.",
        )
    return shown(value)


def cookies(site: Site) -> str:
    """Session and CSRF cookies are for https only."""
    paths = [site.login] if site.admin else []
    paths += [form.path for form in site.options.forms]
    found = [cookie for path in paths or [site.home] for cookie in site.browser.get(path).cookies]
    names = {cookie.name: cookie for cookie in found if _is_private(cookie)}
    open_ones = [name for name, cookie in names.items() if "secure" not in cookie.flags]
    if open_ones:
        raise Wrong(
            f"cookies without Secure: {shown(', '.join(open_ones))}",
            "Set SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE to True (they follow from an https "
            "PUBLIC_URLS); without it they travel over plain http.",
        )
    return f"Secure: {shown(', '.join(names))}" if names else "none is set there"


def certificate(site: Site) -> str:
    """Verified, for this host, and for two more weeks."""
    found = site.browser.get(site.health_path).certificate
    seconds = ssl.cert_time_to_seconds(str(found["notAfter"]))
    left = (datetime.fromtimestamp(seconds, UTC) - site.now).days
    until = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
    if left < DAYS:
        raise Wrong(
            f"days left to the certificate: {left}, until {until}; expected {DAYS} or more",
            "It was not renewed in time: look at the platform's certificates, and at the DNS "
            "record that it checks before it renews.",
        )
    return f"valid until {until}, days left: {left}"


def _is_private(cookie: Cookie) -> bool:
    return "httponly" in cookie.flags or re.search("csrf|sess", cookie.name, re.I) is not None


def _astray(target: str, source: str, wanted: str) -> Wrong:
    what = f"http leads to {shown(target)}, and not to {wanted}"
    if target == source:
        return Wrong(f"{what}: a redirect to itself, without end", _TWICE)
    if origin_of(target) == origin_of(wanted):
        return Wrong(
            f"{what}: another path",
            f"The redirect must keep the path and the query ({path_of(wanted)}): bookmarks and "
            "links lead astray.",
        )
    if target.startswith("http:"):
        return Wrong(f"{what}: more than one hop", _TWICE)
    return Wrong(
        f"{what}: another host",
        "Leave SECURE_SSL_HOST unset, and make the target's URL the one that the edge redirects "
        "to.",
    )


def _second_hop(target: str, wanted: str) -> Wrong:
    if target == wanted:
        return Wrong(
            f"https leads to itself, without end: {shown(target)}",
            'Set SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https"): the app takes '
            "each request for http.",
        )
    return Wrong(f"https leads on to {shown(target)}: more than one hop", _TWICE)


_TWICE = (
    "The edge and the app redirect one after the other: let one of them alone go from http to "
    "https, straight to the final address."
)
