"""A visitor with a browser, who notices everything that goes wrong on the way."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from axe_playwright_python.sync_playwright import Axe
from browser_site import Site
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    FloatRect,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

PHONE = {"width": 390, "height": 844}
LARGEST = 150_000  # bytes of a picture in the repository
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
CLEAR = "rgba(0, 0, 0, 0)"
NOT_SENT = {"about", "blob", "data", "file"}  # schemes that no network sees


@dataclass
class Watch:
    """Everything that a page asked for, and everything that went wrong with it.

    Attributes:
        wrong: what went wrong, a line each.
        asked: the URLs asked for, in their order.
        expected: status codes that the test provokes.
    """

    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def over(self, context: BrowserContext) -> None:
        """Listen to every page of the context."""
        context.on("console", self._said)
        context.on("weberror", lambda error: self.wrong.append(f"script: {error.error}"))
        context.on("request", self._sent)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)

    def must_be_clean(self) -> None:
        """Fail with all that went wrong."""
        assert not self.wrong, "\n".join(self.wrong)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        # Chromium repeats a status of 400 and more on the console.
        status = re.search(r"responded with a status of (\d+)", message.text)
        if not (status and int(status[1]) in self.expected):
            self.wrong.append(f"console: {message.type}: {message.text}")

    def _sent(self, request: Request) -> None:
        self.asked.append(request.url)
        url = urlsplit(request.url)
        if url.scheme not in NOT_SENT and url.hostname not in LOOPBACK:
            self.wrong.append(f"leaves this machine: {request.url}")

    def _failed(self, request: Request) -> None:
        # The icon is asked for when all else is there, and given up when one goes on already.
        if request.url.endswith(".svg") and request.failure == "net::ERR_ABORTED":
            return
        self.wrong.append(f"request failed: {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.wrong.append(f"{response.status}: {response.url}")


class Visitor:
    """Someone with a phone, at the site.

    Attributes:
        page: the open page.
        watch: what went wrong so far.
    """

    def __init__(self, site: Site, context: BrowserContext) -> None:
        self.site = site
        self.watch = Watch()
        self.watch.over(context)
        self.page: Page = context.new_page()

    def open(self, path: str) -> None:
        """Go to a path of the site, or to a full URL."""
        self.page.goto(urljoin(self.site.url, path), wait_until="load")

    def follow(self, link: Locator) -> None:
        """Press what leads to another page, and wait until that is there with all it needs."""
        with self.page.expect_event("load"):
            link.click()

    def button(self, name: str) -> Locator:
        """The one button of that name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        """The one link of that name."""
        return self.page.get_by_role("link", name=name, exact=True)

    def fill_match(self, winner: str, loser: str, kind: str, points: str) -> None:
        """Fill in the form, as a thumb does."""
        self.page.get_by_label("Winner", exact=True).fill(winner)
        self.page.get_by_label("Loser", exact=True).fill(loser)
        self.page.locator("label", has_text=re.compile(rf"^{kind}$")).click()
        self.page.get_by_label("Points for the winner").fill(points)

    def record(self, winner: str, loser: str, kind: str, points: int) -> None:
        """Record a match, from the leaderboard and back to it."""
        self.open("/")
        self.follow(self.link("Record a match"))
        self.fill_match(winner, loser, kind, str(points))
        self.follow(self.button("Record"))
        self.must_be_told("Match recorded.")

    def must_be_told(self, text: str) -> None:
        """A notice with exactly this text must be there."""
        expect(self.page.get_by_role("status")).to_have_text(text)

    def standings(self) -> list[list[str]]:
        """The leaderboard's cells, line by line."""
        rows = self.page.locator(".standings tbody tr").all()
        return [texts(row.locator("th, td")) for row in rows]

    def colours(self) -> tuple["Colour", "Colour"]:
        """The page's computed text colour, and the one behind it; paper is white."""
        text, *behind = self.page.evaluate(
            "[getComputedStyle(document.body).color, ...[document.body, document.documentElement]"
            ".map(one => getComputedStyle(one).backgroundColor)]"
        )
        seen = (colour for colour in behind if colour != CLEAR)
        return Colour.parse(text), Colour.parse(next(seen, "rgb(255, 255, 255)"))

    def must_fit(self) -> None:
        """Nothing may stand out at the side: a phone would scroll sideways."""
        sizes = "[document.documentElement.scrollWidth, innerWidth]"
        wide, screen = self.page.evaluate(sizes)
        assert wide <= screen, f"{self.page.url} is {wide} px wide on {screen}"

    def must_be_accessible(self, *, besides: str = "") -> None:
        """Axe must find nothing, `besides` one rule."""
        rules = {besides: {"enabled": False}} if besides else {}
        options = {"resultTypes": ["violations"], "rules": rules}
        found = Axe().run(self.page, options=options).response["violations"]
        assert not found, f"{self.page.url}\n" + "\n".join(
            f"{one['id']}: {one['help']}: {node['html']}: {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        )

    def keep_page(self, path: Path) -> None:
        """Write the whole page as PNG, a point for each CSS pixel."""
        self.page.screenshot(path=path, full_page=True, scale="css")

    def take_picture(self, path: Path) -> None:
        """Write what is seen as PNG, as sharp as the device shows it; fail if it gets heavy."""
        self.page.screenshot(path=path, animations="disabled")
        assert path.stat().st_size < LARGEST, f"{path} has {path.stat().st_size} bytes"


@dataclass(frozen=True)
class Colour:
    """An opaque colour, 0 to 255 a channel."""

    red: float
    green: float
    blue: float

    @classmethod
    def parse(cls, text: str) -> "Colour":
        """Read what `getComputedStyle` says."""
        numbers = [float(number) for number in re.findall(r"[\d.]+", text)]
        assert text.startswith("rgb") and len(numbers) == 3, f"{text} is not opaque rgb"
        return cls(*numbers)

    @property
    def luminance(self) -> float:
        """Relative luminance, 0 to 1, by WCAG 2.2."""
        shares = [channel / 255 for channel in (self.red, self.green, self.blue)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, 1 to 21, by WCAG 2.2."""
    darker, lighter = sorted((one.luminance, other.luminance))
    return (lighter + 0.05) / (darker + 0.05)


NewVisitor = Callable[..., Visitor]


def box_of(element: Locator) -> FloatRect:
    """Where it is on the page, in pixels; it must be visible."""
    box = element.bounding_box()
    assert box, f"{element} is not visible"
    return box


def texts(elements: Locator) -> list[str]:
    """What each of them reads, with plain spaces."""
    return [" ".join(text.split()) for text in elements.all_text_contents()]


@contextmanager
def provoked(visitor: Visitor, status: int) -> Iterator[None]:
    """While this holds, an answer with that status is no fault."""
    visitor.watch.expected.add(status)
    try:
        yield
    finally:
        visitor.watch.expected.discard(status)
