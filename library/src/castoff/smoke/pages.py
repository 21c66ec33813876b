"""Pages that must be there, and one that must not."""

from secrets import token_hex

from castoff.smoke.browser import Answer
from castoff.smoke.explain import debug_is_on, shows_debug, unexpected
from castoff.smoke.site import Site
from castoff.smoke.wrong import Wrong, shown

HTML = ("text/html", "application/xhtml+xml")


def page(site: Site, path: str) -> str:
    """200, whole, HTML, and not a debug page."""
    answer = fetch(site, path)
    return f"200, {len(answer.body):,} bytes"


def fetch(site: Site, path: str) -> Answer:
    """Ask for a page. Raises as ``judge`` does."""
    answer = site.browser.get(path)
    judge(answer)
    return answer


def judge(answer: Answer) -> None:
    """Look whether an answer is a page.

    Raises:
        Wrong: it is not one that a visitor should see.
    """
    if answer.status != 200:
        raise unexpected(answer)
    if shows_debug(answer):
        raise debug_is_on(answer)
    if answer.media_type not in HTML:
        kind = shown(answer.media_type) or "no content type"
        raise Wrong(
            f"{answer.path} answered 200 with {kind}, expected text/html",
            "Another app or a placeholder answers there, or the path in castoff.smoke.pages is "
            "not a page's.",
        )
    if not answer.whole:
        raise Wrong(
            f"{answer.path} did not end after 5 MB",
            "The view writes without end, or far too much for a page: `inv logs`.",
        )
    if b"<" not in answer.body:
        raise Wrong(
            f"{answer.path} answered 200 with no HTML in it",
            "The view renders nothing: an empty template, or a stream that broke off; `inv logs`.",
        )


def not_found(site: Site) -> str:
    """An address that nobody knows gives a clean 404."""
    answer = site.browser.get(f"/castoff-smoke-{token_hex(8)}/")
    if answer.status == 404 and not shows_debug(answer):
        return "404"
    error = unexpected(answer, 404)
    if answer.status == 500 and not shows_debug(answer):
        raise Wrong(
            error.what, "The project's own 404.html cannot be rendered: `inv logs` says why."
        )
    if answer.status < 300 and not shows_debug(answer):
        raise Wrong(
            error.what,
            "A URL pattern catches everything, so that a misspelt link looks like a page and "
            "search engines keep it: answer 404 there.",
        )
    raise error
