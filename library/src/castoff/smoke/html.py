"""What a page has in it: the files that it links, and its forms."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from castoff.smoke.browser import Answer, origin_of, resolve

# What a link's `rel` makes a browser load, and as what.
RELS = {
    "stylesheet": "stylesheet",
    "icon": "image",
    "apple-touch-icon": "image",
    "mask-icon": "image",
    "modulepreload": "script",
    "manifest": "manifest",
}
UNSENT = {"submit", "button", "image", "reset", "file"}
SCRIPTS = {"", "module", "text/javascript", "application/javascript"}
# Django's own error classes, those of CSS frameworks, and what assistive technology reads.
INVALID = re.compile(r"error|invalid|danger", re.IGNORECASE)


@dataclass(frozen=True)
class Linked:
    """A file that a page links: its absolute URL, and what the page uses it as."""

    url: str
    use: str


@dataclass
class Form:
    """A form as a browser would send it untouched."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    has_password: bool = False


@dataclass
class Page:
    """What was found in a page; ``says_invalid`` is whether it marks anything as wrong."""

    links: list[tuple[str, str]] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    base: str = ""
    says_invalid: bool = False


def read(answer: Answer) -> Page:
    """Find everything in a page, however broken its markup is."""
    parser = _Parser()
    try:
        parser.feed(answer.text)
        parser.close()
    except AssertionError:
        pass  # html.parser gives up on `<![` with junk behind it; what came before is known
    return parser.page


def files(answer: Answer) -> list[Linked]:
    """The files that a page links on its own origin, each once."""
    page = read(answer)
    base = resolve(answer.url, page.base) or answer.url
    found: dict[str, Linked] = {}
    for link, use in page.links:
        url = resolve(base, link)
        if url and origin_of(url) == origin_of(answer.url):
            found.setdefault(url, Linked(url, use))
    return list(found.values())


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if INVALID.search(given.get("class", "")) or given.get("aria-invalid") == "true":
            self.page.says_invalid = True
        match tag:
            case "base":
                self.page.base = self.page.base or given.get("href", "")
            case "link" | "script" | "img":
                self._link(tag, given)
            case "form":
                method = given.get("method", "get").lower()
                self._form = Form(method, given.get("action", ""))
                self.page.forms.append(self._form)
            case "input" | "select" | "textarea" if self._form:
                _add(self._form, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def _link(self, tag: str, given: dict[str, str]) -> None:
        link, use = given.get("src", ""), {"script": "script", "img": "image"}.get(tag, "")
        if tag == "link":
            rels = given.get("rel", "").lower().split()
            link, use = given.get("href", ""), next((RELS[r] for r in rels if r in RELS), "")
        if tag == "script" and given.get("type", "").lower() not in SCRIPTS:
            return
        if link.strip() and use:
            self.page.links.append((link, use))


def _add(form: Form, tag: str, given: dict[str, str]) -> None:
    kind = given.get("type", "text").lower() if tag == "input" else tag
    name = given.get("name", "")
    if not name or kind in UNSENT:
        return
    form.names.add(name)
    form.has_password |= kind == "password"
    if tag == "input" and (kind not in ("checkbox", "radio") or "checked" in given):
        form.fields[name] = given.get("value", "")
