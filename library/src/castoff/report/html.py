"""HTML from values: text is redacted and escaped by the one function that makes elements."""

from functools import cache
from html import escape
from pathlib import Path

from castoff.console import shown

# Nothing is loaded, run, framed or sent; the style in the page is all that it may use.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Html(str):
    """Text that is HTML already; any other text is escaped where it is put in."""

    __slots__ = ()


def tag(name: str, *inside: str, **attributes: str | int) -> Html:
    """Make an element.

    Args:
        name: the element's name.
        inside: what stands in it, text or elements.
        attributes: its attributes; ``class_`` is ``class``, and ``aria_label`` ``aria-label``.
    """
    words = "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{name}{words}>{join(*inside)}</{name}>")


def join(*parts: str) -> Html:
    """Put text and elements one after another."""
    return Html("".join(map(text, parts)))


def text(value: str) -> Html:
    """Make text HTML: without secrets, without orders to a terminal, escaped."""
    return value if isinstance(value, Html) else Html(escape(shown(value)))


def document(title: str, header: Html, main: Html) -> str:
    """A whole page."""
    return join(
        Html('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">\n'),
        Html('<meta name="referrer" content="no-referrer">\n'),
        Html('<meta name="color-scheme" content="light dark">\n'),
        tag("title", title),
        Html(f"\n<style>\n{_style()}</style>\n</head>\n<body>\n"),
        tag("header", header),
        tag("main", main),
        Html("\n</body>\n</html>\n"),
    )


def _attribute(key: str, value: str | int) -> str:
    # Numbers and the names in the style sheet are these pages' own, and most of what they have.
    own = isinstance(value, int) or key == "class_"
    safe = escape(str(value)) if own else text(str(value))
    return f' {key.rstrip("_").replace("_", "-")}="{safe}"'


@cache
def _style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")
