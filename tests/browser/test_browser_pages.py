"""The other pages on a phone, in light and dark, with and without JavaScript."""

import pytest
from browser_site import Site
from browser_visitor import NewVisitor, Visitor, box_of, contrast, provoked, texts
from playwright.sync_api import expect

PATHS = ("/", "/last-30-days/", "/record/", "/players/1/", "/?page=9")
THUMB = 44  # px a side; what Apple's and WCAG's (2.5.5) guides ask for


def test_a_players_page_has_figures_a_chart_and_the_last_matches(
    visitor: Visitor, season: Site
) -> None:
    visitor.open("/")
    visitor.follow(visitor.link("Ida Marlow"))
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Ida Marlow")
    assert texts(visitor.page.locator(".figures dd")) == ["245", "8 of 10", "80 %", "44"]
    chart = visitor.page.locator(".chart svg")
    expect(chart).to_have_accessible_name(
        "Points of Ida Marlow over time From 41 points on 1 Jun 2026 to 245 on 1 Sep 2026."
    )
    line = box_of(visitor.page.locator(".chart-line"))
    assert line["width"] > 250 and line["height"] > 60
    expect(visitor.page.locator(".matches li")).to_have_count(10)
    visitor.follow(visitor.page.get_by_role("link", name="against Jonas Weiß").first)
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Jonas Weiß")
    visitor.follow(visitor.link("Leaderboard"))
    assert len(visitor.standings()) == 8


def test_the_last_30_days_count_only_what_was_played_in_them(
    visitor: Visitor, season: Site
) -> None:
    visitor.record("Theo Park", "Noor Haddad", "Knock", 6)
    visitor.follow(visitor.link("Last 30 days"))
    shown = visitor.page.get_by_role("navigation", name="Period").locator("[aria-current=page]")
    expect(shown).to_have_text("Last 30 days")
    assert [row[1:] for row in visitor.standings()] == [
        ["Theo Park", "1 of 1", "6"],
        ["Noor Haddad", "0 of 1", "0"],
    ]
    visitor.follow(visitor.link("All time"))
    visitor.follow(visitor.button("Undo"))


def test_an_address_with_a_slip_leads_back(visitor: Visitor) -> None:
    with provoked(visitor, 404):
        visitor.open("/players/4711/")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("This page does not exist")
    visitor.follow(visitor.link("To the leaderboard"))


def test_the_keyboard_skips_to_the_content(visitor: Visitor, season: Site) -> None:
    visitor.open("/")
    visitor.page.keyboard.press("Tab")
    expect(visitor.link("Skip to the content")).to_be_focused()
    expect(visitor.link("Skip to the content")).to_be_in_viewport()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_stands_out_at_the_side(new_visitor: NewVisitor, season: Site, width: int) -> None:
    visitor = new_visitor(viewport={"width": width, "height": 700})
    visitor.record("W" * 40, "M" * 40, "Knock", 500)
    visitor.must_fit()
    for path in PATHS:
        visitor.open(path)
        visitor.must_fit()
    visitor.open("/")
    visitor.follow(visitor.link("W" * 40))
    visitor.must_fit()
    visitor.open("/")
    visitor.follow(visitor.button("Undo"))
    visitor.must_fit()


def test_what_is_pressed_is_as_large_as_a_thumb_and_the_main_button_within_its_reach(
    new_visitor: NewVisitor, season: Site
) -> None:
    visitor = new_visitor()
    for path in PATHS:
        visitor.open(path)
        for target in visitor.page.locator("a:not(.skip-link), button, .segments label").all():
            box = box_of(target)
            assert min(box["height"], box["width"]) >= THUMB, target.inner_text()
        expect(visitor.page.locator(".thumb-bar .is-primary")).to_be_in_viewport(ratio=1)


def test_a_device_that_prefers_dark_gets_dark_and_both_read_well(
    new_visitor: NewVisitor, season: Site
) -> None:
    light, dark = new_visitor(scheme="light"), new_visitor(scheme="dark")
    for path in PATHS:
        for visitor in (light, dark):
            visitor.open(path)
            assert contrast(*visitor.colours()) >= 7, f"{path}: {visitor.colours()}"
        assert light.colours()[1].luminance > 0.8
        assert dark.colours()[1].luminance < 0.1


def test_no_page_needs_a_script_or_a_file_from_elsewhere(visitor: Visitor, season: Site) -> None:
    for path in PATHS:
        visitor.open(path)
        expect(visitor.page.locator("script")).to_have_count(0)
    assert visitor.watch.asked
    assert all(url.startswith(visitor.site.url) for url in visitor.watch.asked)
