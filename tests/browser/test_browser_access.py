"""axe finds nothing on any page, light or dark."""

import pytest
from browser_site import Site
from browser_visitor import NewVisitor, Visitor, provoked


@pytest.fixture
def reader(new_visitor: NewVisitor, season: Site, scheme: str) -> Visitor:
    """A visitor in light, then one in dark."""
    return new_visitor(scheme=scheme)


@pytest.mark.parametrize("path", ["/", "/?page=9", "/last-30-days/", "/record/", "/players/1/"])
def test_a_page_has_no_barrier(reader: Visitor, path: str) -> None:
    reader.open(path)
    reader.must_be_accessible()


def test_neither_has_what_is_shown_after_a_match(reader: Visitor) -> None:
    reader.record("Ida Marlow", "Somebody New", "Gin", 12)
    reader.must_be_accessible()
    reader.follow(reader.link("Somebody New"))
    reader.must_be_accessible()
    reader.open("/")
    reader.follow(reader.button("Undo"))
    reader.must_be_accessible()


def test_neither_has_a_form_with_errors(reader: Visitor) -> None:
    reader.open("/record/")
    reader.page.locator("form#match").evaluate("form => { form.noValidate = true }")
    reader.follow(reader.button("Record"))
    reader.must_be_accessible()


def test_neither_has_a_page_that_refuses(reader: Visitor) -> None:
    with provoked(reader, 404):
        reader.open("/nowhere/")
    reader.must_be_accessible()
    reader.open("/record/")
    reader.fill_match("Ada", "Bo", "Gin", "5")
    reader.page.context.clear_cookies()
    with provoked(reader, 403):
        reader.follow(reader.button("Record"))
    reader.must_be_accessible()


def test_neither_has_the_page_of_a_fault(new_visitor: NewVisitor, site: Site) -> None:
    html = site.error_page()
    for scheme in ("light", "dark"):
        reader = new_visitor(scheme=scheme)
        reader.page.set_content(html)
        # It has the browser's own colours, of which axe takes the dark background for white.
        reader.must_be_accessible(besides="color-contrast")
        reader.must_fit()
