"""A run as its report is told of it, with one text in every place that takes text."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

from castoff.errors import ExitCode
from castoff.events import Bus, Failed, Finished, Found, Measured, Note, Output, Smoked, Started
from castoff.model import Finding, Level, Release, SmokeCheck, Source
from castoff.person import Person
from castoff.report.account import Account, Log
from castoff.report.gather import Gathered
from castoff.run import TargetError, TargetResult

WHEN = datetime(2026, 11, 21, 12, 23, 2, tzinfo=UTC)
COMMIT = "a287c3f118c9fc14b1a05b37803bd76631aa0282"


def gathered(text: str) -> Gathered:
    """A deploy to two targets, one of which fails."""
    heard = Gathered()
    tell = Bus(heard)
    for target in ("fly", "heroku"):
        for step in ("check", "build"):
            tell(Started(target, step))
        tell(Output(target, "build", text))
        tell(Found(target, "check", Finding("E101", Level.ERROR, text, text, text)))
        tell(Found(target, "check", Finding("W102", Level.WARNING, text, text, text, text)))
        tell(Note(target, "check", text, warning=True))
        tell(Smoked(target, "smoke", SmokeCheck(text, target == "fly", text, 0.25)))
        tell(Measured(target, "build", {text: 8_200_000}))
    for step in ("check", "build"):
        tell(Finished("fly", step, 0.5, text, changed=step == "build"))
    tell(Failed("heroku", "check", 0.5, text, text, text))
    tell(Note("heroku", "build", text, warning=True))
    heard.close()
    return heard


def account(text: str) -> Account:
    """What the report of that deploy says."""
    heard = gathered(text)
    release = Release("v2", f"{COMMIT}-dirty-0123456789ab", "a", "current", WHEN, text, text)
    error = TargetError(text, text, text)
    source = Source(
        Path(text), "", COMMIT, COMMIT, release.commit, WHEN, text, text, (text,), (text,)
    )
    return Account(
        task="deploy",
        project="shop",
        began=WHEN,
        seconds=2.0,
        person=Person(text, text, text),
        source=source,
        subjects={release.commit: text},
        results={
            "fly": TargetResult("fly", True, text, release, 1.0, None, ExitCode.DONE),
            "heroku": TargetResult("heroku", False, "", None, 1.0, error, ExitCode.FAILED),
        },
        steps=heard.steps,
        findings={name: heard.findings(name) for name in ("fly", "heroku")},
        checks={name: heard.checks(name) for name in ("fly", "heroku")},
        sizes=heard.sizes,
        notes=heard.notes,
        log=Log(Path(text), text, 1000, text),
    )


class Page(HTMLParser):
    """A page as a browser takes it.

    Attributes:
        elements: every element with its attributes, in order.
        text: all that stands between them.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[dict[str, str]]:
        """The attributes of each element of a name."""
        return [attributes for tag, attributes in self.elements if tag == name]
