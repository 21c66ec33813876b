"""The report of a run, and the history, from the disk: each stands alone, and reads well."""

from pathlib import Path

import pytest
from browser_site import Site
from browser_visitor import NewVisitor, Visitor, box_of, contrast, texts
from checkout import Checkout
from playwright.sync_api import expect

STEPS = {"prepare", "check", "build", "create", "secrets", "attach", "release", "smoke"}
PAGES = ("deploy", "failed check", "history")
Reports = dict[str, Path]


@pytest.fixture(scope="module")
def reports(site: Site) -> Reports:
    """The pages about a good deploy and a check that failed, and the history of both."""
    return {
        "deploy": site.report,
        "failed check": _fail(site.checkout),
        "history": site.report.with_name("index.html"),
    }


def _fail(checkout: Checkout) -> Path:
    checkout.configure(secrets={"required": ["PAYMENT_KEY"]})
    run = checkout.inv("check").must_end(1)
    (report,) = (line for line in run.text.splitlines() if line.startswith("Report: "))
    return Path(report.removeprefix("Report: "))


@pytest.fixture(params=PAGES)
def report(request: pytest.FixtureRequest, reports: Reports) -> str:
    """Each of the pages, as a URL."""
    return reports[request.param].as_uri()


def test_a_report_asks_for_nothing_and_runs_nothing(visitor: Visitor, report: str) -> None:
    visitor.open(report)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    expect(visitor.page.locator("script")).to_have_count(0)
    assert visitor.watch.asked == [report]


def test_a_report_has_no_barrier_and_fits_a_phone(
    new_visitor: NewVisitor, report: str, scheme: str
) -> None:
    reader = new_visitor(scheme=scheme)
    reader.open(report)
    for folded in reader.page.locator("summary").all():
        folded.click()
    reader.must_be_accessible()
    reader.must_fit()


def test_a_report_is_dark_where_the_device_prefers_dark_and_black_on_white_in_print(
    new_visitor: NewVisitor, report: str
) -> None:
    light, dark = new_visitor(scheme="light"), new_visitor(scheme="dark")
    for reader in (light, dark):
        reader.open(report)
        assert contrast(*reader.colours()) >= 7
    assert light.colours()[1].luminance > 0.8
    assert dark.colours()[1].luminance < 0.1
    dark.page.emulate_media(media="print")
    ink, paper = dark.colours()
    assert paper.luminance == 1
    assert contrast(ink, paper) >= 7
    expect(dark.page.locator("nav")).to_be_hidden()


def test_a_report_can_be_printed(new_visitor: NewVisitor, report: str) -> None:
    reader = new_visitor()
    reader.open(report)
    printed = reader.page.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    assert 1 <= printed.count(b"/Type /Page\n") <= 4


def test_the_timeline_shows_each_step_and_which_ran_side_by_side(
    visitor: Visitor, reports: Reports
) -> None:
    visitor.open(reports["deploy"].as_uri())
    drawing = visitor.page.get_by_role("img", name="Timeline of the steps")
    expect(drawing).to_be_visible()
    names = texts(drawing.locator(".step"))
    assert set(names) == STEPS
    bars = dict(zip(names, map(box_of, drawing.locator(".bar").all()), strict=True))
    assert all(box["width"] >= 1 and box["height"] >= 8 for box in bars.values())
    check, build, smoke = bars["check"], bars["build"], bars["smoke"]
    assert check["x"] < build["x"] + build["width"], "they overlap"
    assert build["x"] < check["x"] + check["width"], "they overlap"
    assert max(check["x"] + check["width"], build["x"] + build["width"]) < smoke["x"]


def test_a_failed_run_says_what_failed_and_how_to_mend_it(
    visitor: Visitor, reports: Reports
) -> None:
    visitor.open(reports["failed check"].as_uri())
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("failed")
    finding = visitor.page.locator(".findings li", has_text="PAYMENT_KEY")
    expect(finding).to_have_count(1)
    expect(finding.locator("pre")).to_be_visible()


def test_the_history_leads_to_each_run_and_each_run_to_the_history(
    visitor: Visitor, reports: Reports
) -> None:
    visitor.open(reports["history"].as_uri())
    expect(visitor.page.locator("svg .bar")).to_have_count(2)
    visitor.follow(visitor.page.get_by_role("link", name="check local"))
    assert visitor.page.url == reports["failed check"].as_uri()
    visitor.follow(visitor.link("All runs"))
    visitor.follow(visitor.page.get_by_role("link", name="deploy local"))
    assert visitor.page.url == reports["deploy"].as_uri()
