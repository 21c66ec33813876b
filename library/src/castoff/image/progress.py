"""What BuildKit prints with ``--progress=plain``, as a person wants it: steps and their lines."""

import re
from collections import deque
from collections.abc import Callable

import msgspec

LINE = re.compile(r"#(\d+) (.*)")
OUTPUT = re.compile(r"\d+\.\d+ (.*)")  # seconds since the step began, then what it printed
KEPT = 15  # lines of each step
WIDTH = 200  # letters of a line


class Trouble(msgspec.Struct, frozen=True):
    """Why a build failed.

    Attributes:
        step: the step as the Dockerfile has it, with its stage; empty when none had begun.
        lines: the last lines that it printed.
        reason: what BuildKit says.
    """

    step: str
    lines: tuple[str, ...]
    reason: str


class Progress:
    """Takes the lines of a build, and says each step once, with what it prints.

    Args:
        say: takes what is for a person.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._heads: dict[str, str] = {}
        self._lines: dict[str, deque[str]] = {}
        self._failed: dict[str, str] = {}
        self._last = ""

    def __call__(self, line: str) -> None:
        """Take one line."""
        found = LINE.fullmatch(line.rstrip())
        if not found:
            if not self._last.startswith("ERROR: "):  # what comes after that are hints
                self._last = line.strip() or self._last
            return
        number, text = found.groups()
        if number not in self._heads:
            self._begin(number, text)
        elif printed := OUTPUT.fullmatch(text):
            self._take(number, printed[1])
        elif text.startswith("ERROR: "):
            self._failed[number] = text.removeprefix("ERROR: ")

    @property
    def trouble(self) -> Trouble:
        """What is known of a build that failed."""
        number, reason = next(iter(self._failed.items()), ("", ""))
        lines = tuple(self._lines.get(number, ()))
        return Trouble(self._heads.get(number, ""), lines, reason or self._last)

    def _begin(self, number: str, text: str) -> None:
        self._heads[number] = head = short(" ".join(text.split()))
        self._lines[number] = deque(maxlen=KEPT)
        if not head.startswith("[internal]"):
            self._say(head)

    def _take(self, number: str, text: str) -> None:
        # What it printed last may lack a line's end, and has BuildKit's next words behind it then.
        if glued := re.fullmatch(rf"(.*)#{number} (?:ERROR: (.*)|DONE \d+\.\ds|CANCELED)", text):
            text, reason = glued.groups()
            self._failed |= {number: reason} if reason else {}
        self._lines[number].append(text)
        self._say(short(text))


def short(text: str) -> str:
    """Return a line's beginning, as much of it as a person wants to read."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
