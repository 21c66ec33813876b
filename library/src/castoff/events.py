"""What happened, as values. The console, the JSON lines and the log file only listen."""

import threading
from collections.abc import Callable

import msgspec

from castoff.model import Finding, SmokeCheck


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """Something that happened in one step of one target."""

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
    """A step failed, with the three parts of its error."""

    seconds: float
    what: str
    state: str
    next: str


class Planned(Event, frozen=True):
    """With ``--dry``: what would be done, and why."""

    what: str
    why: str


class Found(Event, frozen=True):
    """A check found something."""

    finding: Finding


class Smoked(Event, frozen=True):
    """Smoke asked one question."""

    check: SmokeCheck


class Output(Event, frozen=True):
    """A line that a program printed."""

    line: str


class Note(Event, frozen=True):
    """Something a person should know."""

    text: str
    warning: bool = False


Listener = Callable[[Event], None]


class Bus:
    """Hands each event to every listener, one at a time."""

    def __init__(self, *listeners: Listener) -> None:
        self.listeners = listeners
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            for listen in self.listeners:
                listen(event)
