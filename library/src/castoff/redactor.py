"""The one redactor: it knows every secret of this run and sits before every output."""

import base64
import html
import json
import re
import threading
from itertools import chain
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN = "[redacted]"
SHORT = 6  # a shorter value, such as "1", is hidden only on a line that also has its name
ONE_LOOK = 10_000  # letters; in a longer text a search for each value is faster
# So are the words that settings are made of: hidden everywhere they would spoil every output.
COMMON = {
    *("console", "default", "development", "disabled", "django", "enabled", "localhost"),
    *("postgres", "postgresql", "production", "project", "public", "required", "secret"),
    *("staging", "static", "testing", "warning"),
}


class Redactor:
    """Hides the values that were added to it, in the forms in which programs print them."""

    def __init__(self) -> None:
        self._long: tuple[str, ...] = ()
        self._heads: frozenset[str] = frozenset()
        self._beside: tuple[tuple[str, re.Pattern[str]], ...] = ()
        self._lock = threading.Lock()

    def add(self, name: str, value: str) -> None:
        """Hide ``value`` from now on, and the encodings and lines of it that tools print."""
        forms = _forms(value)
        plain = {form for form in forms if len(form) < SHORT or form.lower() in COMMON}
        known = {(name, _as_word(form)) for form in plain} if name else set()
        with self._lock:  # readers take no lock: each tuple is replaced whole
            long = {*self._long, *forms} - plain
            self._heads = frozenset(form[:SHORT] for form in long)
            self._long = tuple(sorted(long, key=len, reverse=True))
            self._beside = tuple({*self._beside, *known})

    def redact(self, text: str) -> str:
        """Return ``text`` with every known value replaced."""
        spans = []
        if self._may_have(text):
            spans = [span for value in self._long if value in text for span in _spans(value, text)]
        for name, pattern in self._beside:
            if name in text:
                spans += [match.span() for match in pattern.finditer(text)]
        return _without(text, spans) if spans else text

    def _may_have(self, text: str) -> bool:
        """Whether a value's first letters are in it: one look for all values, not one for each."""
        if len(text) > ONE_LOOK:
            return True
        return not self._heads.isdisjoint([text[at : at + SHORT] for at in range(len(text))])


def _spans(value: str, text: str) -> list[tuple[int, int]]:
    found = []
    start = text.find(value)
    while start >= 0:
        found.append((start, start + len(value)))
        start = text.find(value, start + 1)
    return found


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """Replace what the spans cover; those that overlap or touch become one."""
    parts, done, end = [], 0, -1
    for start, stop in sorted(spans):
        if start > end:
            parts += [text[done:start], HIDDEN]
        done = end = max(end, stop)
    return "".join([*parts, text[done:]])


def _as_word(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(form)}(?!\w)")


def _forms(value: str) -> set[str]:
    # Programs end a line at a line feed; Python and some tools at eight other characters too.
    parts = {value, *value.split("\n"), *value.splitlines(), *_password(value)}
    forms = chain.from_iterable(_encodings(part) for part in parts)
    return {form.strip() for form in forms} - {""}


def _encodings(value: str) -> list[str]:
    # A variable's bytes that are no UTF-8 are surrogates here, and bytes again in a child.
    data = value.encode("utf-8", "surrogateescape" if _is_bytes(value) else "replace")
    printed = data.decode("utf-8", "replace")
    return [
        value,
        printed,
        json.dumps(value)[1:-1],
        json.dumps(printed, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        repr(data)[2:-1],
        quote(data),
        quote(data, safe=""),
        quote_plus(data),
        html.escape(printed),
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode(),
    ]


def _is_bytes(value: str) -> bool:
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _password(value: str) -> list[str]:
    """The password inside a URL, which error texts print by itself."""
    try:
        password = urlsplit(value).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


REDACTOR = Redactor()
