"""The admin and the forms: each fault is found, with its cause."""

from smoke_scripted import answering, respond
from smoke_served import Certificates, Serve, Served, Site

from castoff.config import FormConfig


def test_an_admin_must_be_where_it_is_said_to_be(serve: Serve) -> None:
    served = serve("moved-admin")
    missing = served.ask()["admin"]
    assert not missing.ok
    assert "/admin/login/ answered 404" in missing.detail
    assert "castoff.smoke.admin" in missing.detail
    for named in ("office", "/office/"):
        assert served.ask(admin=named)["admin"].ok


def test_without_an_admin_its_checks_are_not_asked(good: Served) -> None:
    assert {"admin", "form"}.isdisjoint(good.ask(admin=None))


def test_csrf_403_points_to_public_urls(serve: Serve) -> None:
    served = serve("edge-changes-host", "untrusted-origin")
    check = served.ask()["form"]
    assert not check.ok
    assert "/admin/login/ answered the posted form with 403" in check.detail
    assert f"CSRF_TRUSTED_ORIGINS lacks this origin, so put {served.url} into" in check.detail


def test_csrf_behind_an_edge_that_hides_https_is_explained(
    site: Site, certificates: Certificates
) -> None:
    faults = ("edge-hides-https", "untrusted-origin", "no-https-redirect")
    with site.served(*faults, certificate=certificates.issue()) as served:
        check = served.ask()["form"]
    assert "SECURE_PROXY_SSL_HEADER, X-Forwarded-Proto" in check.detail


def test_csrf_403_with_debug_on_is_a_debug_page_first(serve: Serve) -> None:
    check = serve("edge-changes-host", "untrusted-origin", "debug").ask()["form"]
    assert not check.ok
    assert "CSRF_TRUSTED_ORIGINS" in check.detail


def test_a_form_is_sent_with_its_hidden_fields_and_the_cookies(good: Served) -> None:
    forms = (FormConfig("/search/", {"words": ""}, 422),)
    assert good.ask(forms=forms)["form:/search/"].ok


def test_a_form_that_answers_another_status_is_found(good: Served) -> None:
    forms = (FormConfig("/search/", {"words": "x"}, 302),)
    check = good.ask(forms=forms)["form:/search/"]
    assert check.detail.startswith("/search/ answered 200, expected 302")


def test_a_field_that_the_page_does_not_have_is_named(good: Served) -> None:
    forms = (FormConfig("/search/", {"wrods": "x"}),)
    assert "no form to post with wrods" in good.ask(forms=forms)["form:/search/"].detail


def test_a_form_without_a_csrf_token_is_found() -> None:
    page = respond(body=b'<form method=POST><input name="a"></form>')
    with answering(lambda path, head: page) as served:
        check = served.ask(token=None, forms=(FormConfig("/f/", {"a": "1"}),))["form:/f/"]
    assert "the form on /f/ has no CSRF token" in check.detail


def test_a_form_that_leads_elsewhere_is_not_followed() -> None:
    token = b'<input name="csrfmiddlewaretoken" value="1">'
    page = respond(body=b"<form method=post action=https://elsewhere.invalid/>" + token)
    with answering(lambda path, head: page) as served:
        check = served.ask(token=None, forms=(FormConfig("/f/"),))["form:/f/"]
    assert "https://elsewhere.invalid/ is not a path of" in check.detail


def test_a_login_that_does_not_come_back_is_found() -> None:
    login = (
        b'<link rel=stylesheet href=/a.css><form method=post><input name="username">'
        b'<input name="password" type="password"><input name="csrfmiddlewaretoken" value="1">'
    )

    def answer(path: str, head: str) -> bytes:
        return respond(body=login) if path == "/admin/login/" else respond(kind="text/css")

    with answering(answer) as served:
        checks = served.ask(token=None)
    assert checks["admin"].ok
    assert "did not show it again with an error" in checks["form"].detail


def test_an_admin_without_a_style_sheet_is_found() -> None:
    page = respond(body=b'<form><input name="password" type="password"></form>')
    with answering(lambda path, head: page) as served:
        assert "links no style sheet" in served.ask(token=None)["admin"].detail


def test_another_page_in_place_of_the_login_is_found() -> None:
    with answering(lambda path, head: respond()) as served:
        checks = served.ask(token=None)
    assert "no form with a password" in checks["admin"].detail
    assert "castoff.smoke.admin" in checks["form"].detail


def test_the_admin_is_where_the_app_itself_says_when_nobody_configured_it(good: Served) -> None:
    assert good.ask(admin="")["admin"].ok
    assert {"admin", "form"}.isdisjoint(good.ask(admin="", token=None))
