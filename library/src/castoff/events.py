"""What happened, as values. The console, JSON lines, log and report only listen."""

import threading
from collections.abc import Callable

import msgspec

from castoff.model import Finding, SmokeCheck


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """Something that happened in one step of one target.

    Attributes:
        target: the target's name; empty for what is done once for all.
        step: the step's name.
    """

    target: str
    step: str


class Started(Event, frozen=True):
    """A step began."""


class Finished(Event, frozen=True):
    """A step ended well.

    Attributes:
        seconds: how long it took.
        detail: its result in one line.
        changed: whether it did anything, or found everything as it should be.
    """

    seconds: float
    detail: str
    changed: bool = True


class Failed(Event, frozen=True):
    """A step failed, with the three parts of its error.

    Attributes:
        seconds: how long it took.
        what: what failed.
        state: what state things are in now.
        next: what to do next.
    """

    seconds: float
    what: str
    state: str
    next: str


class Planned(Event, frozen=True):
    """With ``--dry``: what would be done, and why.

    Attributes:
        what: what would be done.
        why: what was found that asks for it.
    """

    what: str
    why: str


class Found(Event, frozen=True):
    """A check found something.

    Attributes:
        finding: what it found.
    """

    finding: Finding


class Smoked(Event, frozen=True):
    """Smoke asked one question.

    Attributes:
        check: the question, with its answer.
    """

    check: SmokeCheck


class Measured(Event, frozen=True):
    """What a step made was measured.

    Attributes:
        sizes: the bytes of each part, by a name for a person.
    """

    sizes: dict[str, int]


class Output(Event, frozen=True):
    """A line that a program printed.

    Attributes:
        line: the line, without its end.
    """

    line: str


class Note(Event, frozen=True):
    """Something a person should know.

    Attributes:
        text: what it is.
        warning: whether it may need them to do something.
    """

    text: str
    warning: bool = False


Listener = Callable[[Event], None]


class Bus:
    """Hands each event to every listener, one at a time.

    Attributes:
        listeners: who is told.
    """

    def __init__(self, *listeners: Listener) -> None:
        self.listeners = listeners
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            for listen in self.listeners:
                listen(event)
