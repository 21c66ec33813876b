"""What a question ends with when there is no right answer to it."""

from castoff.redactor import REDACTOR

SHOWN = 120  # characters that are shown of anything that a server sent


class Wrong(Exception):
    """The answer is not right, or the question makes no sense there.

    Args:
        what: what came back, in one sentence.
        why: the likely cause and the fix.
    """

    def __init__(self, what: str, why: str = "") -> None:
        self.what = what
        self.why = why
        super().__init__("\n".join(part for part in (what, why) if part))


class NoAnswer(Wrong):
    """Nothing came back that is an HTTP answer.

    Attributes:
        may_come: whether an answer may come when asked again, because nothing listens yet.
        untrusted: whether the server could not prove that it is the one of the URL.
    """

    def __init__(
        self, what: str, why: str = "", *, may_come: bool = False, untrusted: bool = False
    ) -> None:
        self.may_come = may_come
        self.untrusted = untrusted
        super().__init__(what, why)


def shown(text: str, longest: int = SHOWN) -> str:
    """A server's own text on one line: short, and without what would steer a terminal."""
    # Hidden first: half a secret is not known to the redactor.
    known = REDACTOR.redact(text)[: longest * 4]
    words = " ".join("".join(c if c.isprintable() else " " for c in known).split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"
