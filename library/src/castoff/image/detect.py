"""Tokens, found by their form with a maintained detector: MongoDB's Kingfisher."""

from functools import cache
from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from castoff.errors import StepError

if TYPE_CHECKING:
    from kingfisher_sdk.core import Finding

PACKAGE = "kingfisher-secret-scanner"
ALLOW = "kingfisher:ignore"  # in a comment on the same line, as the detector has it
_MAKING = Lock()


class Token(NamedTuple):
    """A secret that was found by its form.

    Attributes:
        kind: what it is, as in ``github-pat``.
        line: the line that it is on, from 1.
    """

    kind: str
    line: int


class Detector:
    """Finds tokens by their form, offline: MongoDB's Kingfisher, in this process.

    The first one in a process takes a quarter of a second, the first on a machine some seconds,
    in which the rules are compiled into the user's cache folder.

    Raises:
        ImportError: the package is not installed.
    """

    def __init__(self) -> None:
        from kingfisher_sdk import DetectionPolicy, Rules, Scanner

        self._scanner = Scanner(Rules(), policy=DetectionPolicy())

    def look(self, path: str, data: bytes) -> list[Token]:
        """Return the tokens in a file's content, without those marked as allowed."""
        from kingfisher_sdk import ScanInput

        found = self._scanner.scan_input(ScanInput(path=path, data=data))
        return [_token(one) for one in found if one.visible and _is_grave(one)]


def detector() -> Detector:
    """Return the detector of this process.

    Raises:
        StepError: its package is not installed.
    """
    with _MAKING:
        return _detector()


@cache
def _detector() -> Detector:
    try:
        return Detector()
    except ImportError:
        raise StepError(
            f"tokens are not looked for: {PACKAGE} is not installed",
            "Nothing was changed.",
            f"`pip install {PACKAGE}`",
        ) from None


def _token(found: "Finding") -> Token:
    kind = found.rule_id.rpartition("/")[2].rpartition(".")[2]
    return Token(kind, found.location["line"])


def _is_grave(found: "Finding") -> bool:
    """Whether somebody elsewhere could use it: not a password of a database on this machine."""
    host = found.captures.get("host", "") if found.rule_id.endswith("credential-uri") else ""
    return found.confidence != "low" and not (host and _is_near(host))


def _is_near(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return "." not in host  # localhost, or a neighbour's name in a compose file
