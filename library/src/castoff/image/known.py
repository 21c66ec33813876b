"""Values that are known to be secret, searched for as the bytes that a file may have."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

from castoff.checks.secrets import PLACEHOLDER
from castoff.model import Secret
from castoff.redactor import COMMON

SHORTEST = 8  # characters; a shorter value is in every image by chance
SHORTEST_NAMELESS = 16
SECRET_NAME = re.compile(
    r"secret|passw(or)?d|passphrase|token|api_?key|private_?key|access_?key|credential",
    re.IGNORECASE,
)
NOT_THE_VALUE = re.compile(r"_(file|path|dir|name|id|url|length|age|ttl|timeout)$", re.IGNORECASE)


class Known:
    """The values that are known to be secret, as bytes that a file may have.

    Args:
        secrets: by their config var's name. One that only looks like configuration (a region, a
            host) is not searched for: every image has it by right.

    Attributes:
        overlap: bytes of a piece that must be looked at again with the next one.
    """

    def __init__(self, secrets: Mapping[str, Secret]) -> None:
        forms = {
            (name, form)
            for name, secret in secrets.items()
            for value in _worth(name, secret.reveal())
            for form in _forms(value)
        }
        self._forms = tuple(sorted(forms, key=lambda one: one[1]))
        self.overlap = max((len(form) for _, form in self._forms), default=1) - 1

    def names_in(self, data: bytes) -> frozenset[str]:
        """Return the names of the values that are in it."""
        return frozenset(name for name, form in self._forms if form in data)


def _worth(name: str, value: str) -> Iterable[str]:
    """A value, and the password of one that is a URL, where they are worth a search."""
    try:
        password = urlsplit(value).password or ""
    except ValueError:
        password = ""
    values = {value, password, unquote(password)} if password else {value}
    for one in values:
        if len(one) < SHORTEST or one.lower() in COMMON or PLACEHOLDER.match(one):
            continue
        if password or looks_secret(name) or _is_random(one):
            yield one


def looks_secret(name: str) -> bool:
    """Whether a config var's name says that its value is secret."""
    return bool(SECRET_NAME.search(name)) and not NOT_THE_VALUE.search(name)


def _is_random(value: str) -> bool:
    """Whether it is no host, address, path or word of people."""
    return (
        len(value) >= SHORTEST_NAMELESS
        and not re.search(r"[\s.@]|://", value)
        and len(set(value)) >= SHORTEST_NAMELESS / 2
        and bool(re.search(r"\d", value) and re.search(r"[A-Za-z]", value))
        and not re.fullmatch(r"([a-z]+|\d+)([-_/]([a-z]+|\d+))*", value)
    )


def _forms(value: str) -> set[bytes]:
    data = value.encode("utf-8", "surrogateescape")
    escaped = json.dumps(value)[1:-1].encode()
    return {data, escaped, base64.b64encode(data).rstrip(b"=")}
