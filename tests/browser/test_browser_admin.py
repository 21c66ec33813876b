"""The admin: who may in, and what they see. Its pages are Django's own."""

from browser_site import ADMIN, PASSWORD, Site
from browser_visitor import NewVisitor, Visitor, contrast
from playwright.sync_api import expect


def test_the_administrator_logs_in_sees_the_matches_and_logs_out(
    visitor: Visitor, season: Site
) -> None:
    log_in(visitor, PASSWORD)
    visitor.follow(visitor.link("Matches"))
    expect(visitor.page.locator("#result_list tbody tr")).to_have_count(24)
    visitor.follow(visitor.page.locator("#result_list tbody th a").first)
    expect(visitor.page.get_by_role("heading", name="Change match")).to_be_visible()
    visitor.follow(visitor.button("Log out"))
    expect(visitor.page.locator("#content")).to_contain_text("Thanks for spending some")


def test_a_wrong_password_is_refused_in_words(visitor: Visitor) -> None:
    log_in(visitor, "guessed")
    expect(visitor.page.locator(".errornote")).to_contain_text("enter the correct username")
    visitor.open("/admin/leaderboard/match/")
    expect(visitor.page.get_by_label("Password:")).to_be_visible()


def test_the_admin_is_dark_where_the_device_prefers_dark(new_visitor: NewVisitor) -> None:
    light, dark = new_visitor(scheme="light"), new_visitor(scheme="dark")
    for visitor in (light, dark):
        log_in(visitor, PASSWORD)
        assert contrast(*visitor.colours()) >= 7
    assert light.colours()[1].luminance > 0.8
    assert dark.colours()[1].luminance < 0.1


def test_axe_finds_only_what_is_djangos(new_visitor: NewVisitor, scheme: str) -> None:
    visitor = new_visitor(scheme=scheme)
    visitor.open("/admin/")
    # Django's login page has its heading in a `div`; the template is not the app's.
    visitor.must_be_accessible(besides="page-has-heading-one")
    log_in(visitor, PASSWORD)
    visitor.must_be_accessible()


def log_in(visitor: Visitor, password: str) -> None:
    """Fill in the admin's form and send it."""
    visitor.open("/admin/")
    visitor.page.get_by_label("Username:").fill(ADMIN)
    visitor.page.get_by_label("Password:").fill(password)
    visitor.follow(visitor.button("Log in"))
