"""A headless Chromium that is on this machine, and the sample app as `inv deploy` serves it.

Nothing is downloaded. A failed test's last page, and a passed one's, is in `screenshots/`.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from browser_site import Site
from browser_visitor import PHONE, NewVisitor, Visitor
from checkout import REPOSITORY, Checkout
from playwright.sync_api import Browser, expect, sync_playwright

HERE = Path(__file__).parent
KEPT = REPOSITORY / "screenshots"
IMAGES = REPOSITORY / "docs" / "images"
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium, which all of these need: `apt install chromium`, or name one in CHROMIUM"
PATIENCE = 30_000  # milliseconds, for a machine that is busy with more than this
# Not even a name is looked up, whatever a page or the browser itself asks for.
STAY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
OFFLINE = [STAY_HERE, "--no-proxy-server"]
# The same letters on every machine, so that the pictures do not depend on what is installed.
FONTS = HERE / "fonts.conf"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The command that makes the pictures of the documentation anew."""
    parser.addoption(
        "--screenshots", action="store_true", help="write the pictures of docs/images, no tests"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--screenshots` only what makes them; without a browser one skip speaks for all."""
    here = [item for item in items if HERE in item.path.parents]
    kept = here
    if config.getoption("--screenshots", default=False):
        kept = [item for item in here if item.path.name == "test_browser_pictures.py"]
    if here and not chromium():
        kept = kept[:1]
    left_out = [item for item in here if item not in kept]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def chromium() -> str | None:
    """Return the program, or None; raises UsageError when CHROMIUM names none."""
    named = os.environ.get("CHROMIUM")
    if named and not shutil.which(named):
        raise pytest.UsageError(f"CHROMIUM names {named}, which is no program")
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser."""
    program = chromium() or pytest.skip(MISSING)
    shutil.rmtree(KEPT, ignore_errors=True)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program,
            args=OFFLINE,
            chromium_sandbox=os.geteuid() != 0,  # root cannot have one
            env={**os.environ, "FONTCONFIG_FILE": str(FONTS)},
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The sample app, deployed, without data and with an administrator."""
    checkout = Checkout.clone(tmp_path_factory.mktemp("browser"), "local")
    try:
        _name_the_deployer(checkout)
        checkout.first = checkout.inv("deploy").must_end(0)
        deployed = Site(checkout)
        deployed.make_admin()
        yield deployed
    finally:
        checkout.end()


def _name_the_deployer(checkout: Checkout) -> None:
    """The report says who deployed what; its picture is to be the same on every machine."""
    checkout.git("config", "user.name", "Ida Marlow")
    checkout.git("config", "user.email", "ida@example.org")
    checkout.git("commit", "-q", "--amend", "-m", "Rank players by points, then by wins")
    checkout.env["LOGNAME"] = "ida"


@pytest.fixture
def new_visitor(
    request: pytest.FixtureRequest, browser: Browser, site: Site
) -> Iterator[NewVisitor]:
    """Makes visitors with a phone; what went wrong while they looked fails the test."""
    visitors: list[Visitor] = []
    name = re.sub(r"[^\w-]+", "-", request.node.name).strip("-")
    with ExitStack() as contexts:

        def make(*, javascript: bool = True, scheme: str = "light", **more: Any) -> Visitor:
            options: dict[str, Any] = {"viewport": PHONE, "device_scale_factor": 2} | more
            options |= {"java_script_enabled": javascript, "color_scheme": scheme}
            context = browser.new_context(locale="en-GB", **options)
            context.set_default_timeout(PATIENCE)
            contexts.callback(context.close)
            visitors.append(Visitor(site, context))
            return visitors[-1]

        yield make
        for number, visitor in enumerate(visitors, 1):
            visitor.keep_page(KEPT / f"{name}{f'-{number}' if number > 1 else ''}.png")
    for visitor in visitors:
        visitor.watch.must_be_clean()


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def visitor(request: pytest.FixtureRequest, new_visitor: NewVisitor) -> Visitor:
    """A visitor, once with JavaScript and once without."""
    return new_visitor(javascript=request.param)


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """What the visitor's device prefers."""
    return str(request.param)


@pytest.fixture(scope="module")
def season(site: Site) -> Site:
    """The site with a season of matches."""
    site.play_season()
    return site


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Path:
    """Where the documentation's pictures go: only if asked for to what git tracks."""
    return IMAGES if request.config.getoption("--screenshots") else KEPT
