"""The one redactor: it knows every secret of this run and sits before every output."""

import base64
import json
import threading
from urllib.parse import quote, quote_plus, urlsplit

HIDDEN = "[redacted]"
SHORT = 6  # a shorter value, such as "1", is hidden only on a line that also has its name


class Redactor:
    """Hides the values that were added to it, in the forms in which programs print them."""

    def __init__(self) -> None:
        self._values: dict[str, None] = {}
        self._short: set[tuple[str, str]] = set()
        self._ordered: list[str] = []
        self._lock = threading.Lock()

    def add(self, name: str, value: str) -> None:
        """Hide ``value`` from now on, and the encodings and lines of it that tools print."""
        forms = set(_forms(value))
        with self._lock:
            self._values.update(dict.fromkeys(form for form in forms if len(form) >= SHORT))
            self._short |= {(name, form) for form in forms if 0 < len(form) < SHORT}
            self._ordered = sorted(self._values, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return ``text`` with every known value replaced."""
        for value in self._ordered:
            if value in text:
                text = text.replace(value, HIDDEN)
        for name, value in self._short:
            if name and name in text:
                text = text.replace(value, HIDDEN)
        return text


def _forms(value: str) -> list[str]:
    parts = [value, *value.splitlines(), *_password(value)]
    forms = [form for part in parts for form in _encodings(part)]
    return [form.strip() for form in forms if form.strip()]


def _encodings(value: str) -> list[str]:
    data = value.encode("utf-8", "surrogateescape")
    safe = data.decode("utf-8", "replace")
    return [
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        quote(data),
        quote(data, safe=""),
        quote_plus(safe),
        base64.b64encode(data).decode(),
    ]


def _password(value: str) -> list[str]:
    """The password inside a URL, which error texts print by itself."""
    try:
        password = urlsplit(value).password
    except ValueError:
        return []
    return [password] if password and len(password) >= SHORT else []


REDACTOR = Redactor()
