"""Health, stamp and pages: each fault is found, with its cause."""

import pytest
from smoke_scripted import answering, healthy, respond, scripted
from smoke_served import STAMP, Serve, Served


def test_another_stamp_says_which_code_answers(good: Served) -> None:
    stamp = good.ask(stamp="b" * 40)["stamp"]
    assert not stamp.ok
    assert f"{STAMP} answers, and not {'b' * 40}" in stamp.detail
    assert "still serves" in stamp.detail


def test_an_artifact_without_a_stamp_is_found(serve: Serve) -> None:
    stamp = serve("no-stamp").ask()["stamp"]
    assert not stamp.ok
    assert "release.json is missing" in stamp.detail


def test_a_site_without_the_middleware_fails_health_and_stamp(serve: Serve) -> None:
    checks = serve("no-middleware").ask()
    for name in ("health", "stamp"):
        assert not checks[name].ok
        assert "ReleaseMiddleware is not the first entry" in checks[name].detail
    assert "/healthz answered 404, expected 200" in checks["health"].detail
    assert checks["page:/"].ok, "an answer is an answer: the rest is asked"


def test_the_health_path_is_the_one_that_was_configured(serve: Serve) -> None:
    served = serve("other-health-path")
    assert served.ask(health_path="/up")["health"].ok
    assert not served.ask()["health"].ok


def test_debug_is_named_wherever_it_shows(serve: Serve) -> None:
    checks = serve("debug", "broken-home").ask()
    for name in ("page:/", "not-found", "static"):
        assert not checks[name].ok
        assert "DEBUG is on" in checks[name].detail
    assert "the home page is broken" not in checks["page:/"].detail, "no body is shown"


def test_a_page_that_breaks_points_to_the_logs(serve: Serve) -> None:
    checks = serve("broken-home").ask()
    assert checks["page:/"].detail.startswith("/ answered 500, expected 200")
    assert "`inv logs` has its traceback" in checks["page:/"].detail
    assert "the home page cannot be read" in checks["static"].detail
    assert checks["not-found"].ok


def test_a_broken_404_page_is_found(serve: Serve) -> None:
    check = serve("broken-404").ask()["not-found"]
    assert not check.ok
    assert "answered 500, expected 404" in check.detail
    assert "404.html cannot be rendered" in check.detail


def test_a_site_that_answers_every_address_is_found() -> None:
    with answering(lambda path, head: respond()) as served:
        check = served.ask(token=None)["not-found"]
    assert not check.ok
    assert "catches everything" in check.detail


def test_a_host_that_is_not_allowed_points_to_public_urls(serve: Serve) -> None:
    served = serve("refused-host")
    checks = served.ask()
    assert checks["health"].ok
    for name in ("page:/", "probe"):
        assert not checks[name].ok
        assert f"put {served.url} into PUBLIC_URLS" in checks[name].detail


def test_an_app_that_wants_https_says_so_on_a_plain_target(serve: Serve) -> None:
    check = serve("https-redirect").ask()["page:/"]
    assert "this target is plain http: give PUBLIC_URLS its URL" in check.detail


def test_a_page_that_redirects_must_be_named_by_its_own_path(good: Served) -> None:
    check = good.ask(pages=("/members/",))["page:/members/"]
    assert "/members/ answered 302 to http://localhost:" in check.detail
    assert "a page that needs a login" in check.detail


def test_a_page_must_be_html(good: Served) -> None:
    check = good.ask(pages=("/data/",))["page:/data/"]
    assert "200 with application/json, expected text/html" in check.detail


@pytest.mark.parametrize("path", ["https://elsewhere.invalid/", "//elsewhere.invalid/", "http://["])
def test_a_page_off_the_origin_is_not_asked(good: Served, path: str) -> None:
    check = good.ask(pages=("/", path))[f"page:{path}"]
    assert not check.ok
    assert "was not asked" in check.detail


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("401 Unauthorized", "asks for a password"),
        ("403 Forbidden", "refuses the request"),
        ("429 Too Many Requests", "limits the rate"),
        ("502 Bad Gateway", "got no answer from it"),
        ("503 Service Unavailable", "not up, or in maintenance"),
        ("504 Gateway Timeout", "did not answer in time"),
        ("418 Teapot", "`inv logs`"),
    ],
)
def test_what_an_edge_answers_is_explained(status: str, cause: str) -> None:
    with answering(lambda path, head: respond(status)) as served:
        check = served.ask(token=None)["page:/"]
    assert f"answered {status[:3]}, expected 200" in check.detail
    assert cause in check.detail


def test_the_welcome_page_of_a_new_project_is_a_debug_page() -> None:
    page = respond(body=b"<h1>The install worked successfully! Congratulations!</h1>")
    with answering(lambda path, head: page) as served:
        assert "DEBUG is on" in served.ask(token=None)["page:/"].detail


def test_an_empty_page_is_no_page() -> None:
    with answering(lambda path, head: respond(body=b"")) as served:
        assert "no HTML in it" in served.ask(token=None)["page:/"].detail


def test_what_a_server_sends_cannot_steer_the_terminal() -> None:
    def handle(stream: object, line: str, head: str) -> None:
        stream.sendall(healthy().replace(STAMP.encode(), b"\x1b[2Jx" + b"y" * 5000))  # type: ignore[attr-defined]

    with scripted(handle) as served:
        detail = served.ask(token=None)["stamp"].detail
    assert "\x1b" not in detail
    assert len(detail) < 500
