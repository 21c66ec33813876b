"""TLS: each fault is found, with its cause."""

from collections.abc import Callable

import pytest
import trustme
from smoke_scripted import answering, respond
from smoke_served import Certificates, Served, Site

from castoff.config import SmokeConfig
from castoff.errors import WrongInput
from castoff.model import SmokeCheck
from castoff.smoke import ask
from castoff.smoke.browser import origin_of
from castoff.smoke.https import plain_side


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda made: made.issue(days=-2), "It has expired"),
        (lambda made: made.issue("elsewhere.example"), "made for other names"),
        (lambda made: made.issue(by=trustme.CA()), "No authority that this machine trusts"),
    ],
)
def test_a_certificate_that_browsers_refuse_is_explained_and_ends_the_questions(
    certificates: Certificates, make: Callable[[Certificates], object], cause: str
) -> None:
    with answering(lambda path, head: respond(), make(certificates)) as served:  # type: ignore[arg-type]
        checks = served.ask()
    assert list(checks) == ["certificate"]
    assert not checks["certificate"].ok
    assert "the certificate of localhost:" in checks["certificate"].detail
    assert cause in checks["certificate"].detail
    assert "The other checks were not asked." in checks["certificate"].detail


def test_a_certificate_that_ends_soon_fails_alone(site: Site, certificates: Certificates) -> None:
    with site.served(certificate=certificates.issue(days=13.5)) as served:
        checks = served.ask()
    assert [name for name, check in checks.items() if not check.ok] == ["certificate"]
    assert "days left to the certificate: 13," in checks["certificate"].detail


def test_a_certificate_that_ends_today_is_counted_in_days(certificates: Certificates) -> None:
    with answering(lambda path, head: respond(), certificates.issue(days=0.5)) as served:
        assert "certificate: 0," in served.ask(token=None)["certificate"].detail


def test_plain_http_on_an_https_port_is_explained(good: Served) -> None:
    checks = good.ask(url=good.url.replace("http:", "https:"))
    assert list(checks) == ["certificate"]
    assert "cannot be spoken to over TLS" in checks["certificate"].detail


def test_cookies_and_hsts_that_are_missing_are_found(
    site: Site, certificates: Certificates
) -> None:
    faults = ("no-hsts", "open-cookies")
    with site.served(*faults, certificate=certificates.issue()) as served:
        checks = served.ask()
    assert "without Strict-Transport-Security" in checks["hsts"].detail
    assert "SECURE_HSTS_SECONDS" in checks["hsts"].detail
    assert "cookies without Secure: csrftoken" in checks["cookies"].detail
    assert "CSRF_COOKIE_SECURE" in checks["cookies"].detail


@pytest.mark.parametrize(
    ("value", "ok"),
    [
        ("max-age=0", False),
        ("max-age=-1", False),
        ("includeSubDomains", False),
        ("", False),
        ("xmax-age=5", False),
        ("Max-Age=300; includeSubDomains", True),
        ('includeSubDomains; max-age="300"', True),
    ],
)
def test_hsts_must_last(certificates: Certificates, value: str, ok: bool) -> None:
    page = respond(Strict_Transport_Security=value)
    with answering(lambda path, head: page, certificates.issue()) as served:
        assert served.ask(token=None)["hsts"].ok is ok


def test_a_cookie_of_no_account_may_be_open(certificates: Certificates) -> None:
    page = respond(Set_Cookie="theme=dark")
    with answering(lambda path, head: page, certificates.issue()) as served:
        assert served.ask(token=None)["cookies"].detail == "none is set there"


def test_any_cookie_that_scripts_may_not_read_must_be_secure(certificates: Certificates) -> None:
    page = respond(Set_Cookie="seat=1; HttpOnly; Path=/")
    with answering(lambda path, head: page, certificates.issue()) as served:
        assert "without Secure: seat" in served.ask(token=None)["cookies"].detail


def redirects(
    certificates: Certificates,
    plain: Callable[[str, str], str],
    secure: Callable[[str, str], str] | None = None,
) -> SmokeCheck:
    """What is said of redirects; the functions make a Location from the https URL and the path."""
    secure_url: list[str] = []

    def over_https(path: str, head: str) -> bytes:
        to = secure(secure_url[0], path) if secure else ""
        return respond("301 Moved", Location=to) if to else respond("404 Not Found")

    def over_http(path: str, head: str) -> bytes:
        to = plain(secure_url[0], path)
        return respond("301 Moved", Location=to) if to else respond()

    with answering(over_https, certificates.issue()) as site, answering(over_http) as door:
        secure_url.append(site.url)
        return site.ask(token=None, http_url=door.url)["redirect"]


@pytest.mark.parametrize(
    ("plain", "found", "cause"),
    [
        (lambda site, path: "", "answered 200 and no redirect", "SECURE_SSL_REDIRECT"),
        (lambda site, path: f"{site}/", "another path", "bookmarks"),
        (lambda site, path: path, "a redirect to itself", "one after the other"),
        (lambda site, path: f"http://www.elsewhere.invalid{path}", "more than one hop", "straight"),
        (lambda site, path: f"https://elsewhere.invalid{path}", "another host", "SECURE_SSL_HOST"),
        (lambda site, path: "http://a:b/", "an answer that is broken", "not speak HTTP"),
    ],
)
def test_http_must_lead_to_the_same_address(
    certificates: Certificates, plain: Callable[[str, str], str], found: str, cause: str
) -> None:
    check = redirects(certificates, plain)
    assert not check.ok
    assert found in check.detail
    assert cause in check.detail


def test_http_leads_there_in_one_hop(certificates: Certificates) -> None:
    assert redirects(certificates, lambda site, path: f"{site}{path}").ok


def test_a_second_hop_is_found(certificates: Certificates) -> None:
    check = redirects(
        certificates, lambda site, path: f"{site}{path}", lambda site, path: f"{site}/en{path}"
    )
    assert "more than one hop" in check.detail


def test_a_loop_is_found(certificates: Certificates) -> None:
    check = redirects(
        certificates, lambda site, path: f"{site}{path}", lambda site, path: f"{site}{path}"
    )
    assert "without end" in check.detail
    assert "SECURE_PROXY_SSL_HEADER" in check.detail


def test_nothing_on_the_http_port_is_found(good_https: Served) -> None:
    check = good_https.ask(http_url="http://localhost:9")["redirect"]
    assert not check.ok
    assert "Nobody is led from http to https" in check.detail


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://shop.example", "http://shop.example"),
        ("https://shop.example:443/", "http://shop.example"),
        ("https://[::1]", "http://[::1]"),
        ("https://[::1]:8443", ""),
        ("https://shop.example:8443", ""),
        ("http://shop.example", ""),
    ],
)
def test_the_http_side_is_port_80_of_the_same_host(url: str, plain: str) -> None:
    assert plain_side(origin_of(url)) == plain


@pytest.mark.parametrize("url", ["", "localhost", "ftp://localhost", "http://"])
def test_a_url_that_is_none_is_wrong_input(url: str) -> None:
    with pytest.raises(WrongInput, match="is not a URL that can be asked"):
        ask(
            url,
            stamp="",
            token=None,
            options=SmokeConfig(),
            admin=None,
            on_check=lambda check: None,
        )
