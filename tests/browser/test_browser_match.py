"""What the app is for, on a phone: a match is recorded, ranked, and taken back."""

import re

from browser_site import Site
from browser_visitor import NewVisitor, Visitor, provoked
from playwright.sync_api import expect

WRONG = {
    "Winner": "This field is required.",
    "Loser": "This field is required.",
    "Points for the winner": "Ensure this value is less than or equal to 500.",
}


def test_a_match_is_recorded_then_ranked_then_taken_back(visitor: Visitor, site: Site) -> None:
    site.clear()
    visitor.open("/")
    expect(visitor.page.get_by_text("No matches yet")).to_be_visible()
    visitor.record("Ada", "Bo", "Gin", 31)
    assert visitor.standings() == [["1", "Ada", "1 of 1", "31"], ["2", "Bo", "0 of 1", "0"]]
    entry = visitor.page.get_by_role("region", name="Your last entry")
    expect(entry).to_contain_text("Ada beat Bo: gin, 31 points")
    visitor.follow(visitor.button("Undo"))
    visitor.must_be_told("Taken back: Ada beat Bo: gin, 31 points.")
    expect(entry).to_have_count(0)
    expect(visitor.page.get_by_text("No matches yet")).to_be_visible()


def test_a_rematch_knows_the_names_already(visitor: Visitor, site: Site) -> None:
    site.clear()
    visitor.record("Ada & Co", "Bo", "Knock", 8)
    visitor.follow(visitor.link("Rematch"))
    expect(visitor.page.get_by_label("Winner", exact=True)).to_have_value("Ada & Co")
    expect(visitor.page.get_by_label("Loser", exact=True)).to_have_value("Bo")
    visitor.fill_match("Bo", "Ada & Co", "Undercut", "25")
    visitor.follow(visitor.button("Record"))
    assert visitor.standings() == [["1", "Bo", "1 of 2", "25"], ["2", "Ada & Co", "1 of 2", "8"]]


def test_only_the_browser_that_recorded_a_match_can_undo_it(
    new_visitor: NewVisitor, site: Site
) -> None:
    site.clear()
    recorder, other = new_visitor(), new_visitor()
    recorder.record("Ada", "Bo", "Gin", 31)
    expect(recorder.button("Undo")).to_be_visible()
    other.open("/")
    assert len(other.standings()) == 2
    expect(other.button("Undo")).to_have_count(0)


def test_the_browser_does_not_send_an_incomplete_form(visitor: Visitor) -> None:
    visitor.open("/record/")
    visitor.button("Record").click()
    expect(visitor.page.locator("input:invalid").first).to_be_focused()
    assert visitor.watch.asked.count(visitor.page.url) == 1


def test_each_wrong_field_says_what_is_wrong_with_it(visitor: Visitor) -> None:
    visitor.open("/record/")
    # As a browser that checks nothing itself.
    visitor.page.locator("form#match").evaluate("form => { form.noValidate = true }")
    visitor.page.get_by_label("Points for the winner").fill("501")
    visitor.follow(visitor.button("Record"))
    expect(visitor.page).to_have_title(re.compile("^Error: "))
    expect(visitor.page.get_by_role("alert")).to_contain_text("nothing is recorded yet")
    for label, message in WRONG.items():
        field = visitor.page.get_by_label(label, exact=True)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(message)
    expect(visitor.page.get_by_role("group", name="How it ended")).to_have_accessible_description(
        "This field is required."
    )


def test_a_refused_form_keeps_what_was_typed_and_can_be_mended(
    visitor: Visitor, site: Site
) -> None:
    site.clear()
    visitor.open("/record/")
    visitor.fill_match("Ada", "ADA", "Undercut", "17")
    visitor.follow(visitor.button("Record"))
    loser = visitor.page.get_by_label("Loser", exact=True)
    expect(loser).to_have_accessible_description("A player cannot play against themselves.")
    expect(visitor.page.get_by_label("Points for the winner")).to_have_value("17")
    expect(visitor.page.get_by_role("radio", name="Undercut")).to_be_checked()
    loser.fill("Bo")
    visitor.follow(visitor.button("Record"))
    visitor.must_be_told("Match recorded.")
    assert visitor.standings()[0] == ["1", "Ada", "1 of 1", "17"]


def test_without_its_cookie_a_form_records_nothing_and_says_so(visitor: Visitor) -> None:
    visitor.open("/record/")
    visitor.fill_match("Ada", "Bo", "Gin", "5")
    visitor.page.context.clear_cookies()
    with provoked(visitor, 403):
        visitor.follow(visitor.button("Record"))
    expect(visitor.page.get_by_role("heading", name="Nothing was recorded")).to_be_visible()
    visitor.follow(visitor.link("Open the form"))
    expect(visitor.button("Record")).to_be_visible()
