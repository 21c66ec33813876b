"""The pictures of README and docs; `nox -s browser -- --screenshots` writes them anew."""

from pathlib import Path

from browser_site import Site
from browser_visitor import NewVisitor, box_of

DESK = {"width": 960, "height": 1080}


def test_the_leaderboard(
    new_visitor: NewVisitor, season: Site, pictures: Path, scheme: str
) -> None:
    visitor = new_visitor(scheme=scheme)
    visitor.open("/")
    visitor.take_picture(pictures / f"leaderboard-{scheme}.png")


def test_the_report(new_visitor: NewVisitor, site: Site, pictures: Path, scheme: str) -> None:
    reader = new_visitor(scheme=scheme, viewport=DESK, device_scale_factor=1)
    reader.open(site.report.as_uri())
    # The name of the machine that made the picture is nobody's business.
    machine = reader.page.locator("section[aria-labelledby=origin] dd").last
    machine.evaluate("named => { named.firstChild.textContent = 'ida on laptop' }")
    # From the top to the drawing; the table below it says the same.
    drawing = box_of(reader.page.get_by_role("figure"))
    height = round(drawing["y"] + drawing["height"] + drawing["x"] / 2)
    reader.page.set_viewport_size({"width": DESK["width"], "height": height})
    reader.take_picture(pictures / f"report-{scheme}.png")
