"""The page of one run: how it ended, and what it was about; the rest is in sections.py."""

from castoff.model import Release, Source
from castoff.report import figures
from castoff.report.account import VERDICTS, Account
from castoff.report.html import Html, document, join, tag, text
from castoff.report.parts import badge, facts, link, quiet, section
from castoff.report.sections import findings, log, notes, sizes, smoke
from castoff.report.timeline import timeline
from castoff.run import TargetError, TargetResult

SHOWN_PATHS = 100
SECTIONS = (timeline, findings, smoke, sizes, notes, log)


def render(account: Account, history: str) -> str:
    """Make the page of a run.

    Args:
        account: what it says.
        history: where the history page is, from here.
    """
    name = f"{account.task} of {account.project}"
    began = tag("time", figures.moment(account.began), datetime=account.began.isoformat())
    return document(
        f"{name}: {account.verdict}",
        tag("nav", tag("a", "All runs", href=history), aria_label="Reports"),
        join(
            tag("h1", f"{name} ", badge(account.verdict)),
            tag("p", began, f", took {figures.seconds(account.seconds)}", class_="quiet"),
            _ended(account),
            _origin(account),
            *(one(account) for one in SECTIONS),
        ),
    )


def stamp(commit: str) -> str:
    """A release's stamp as a person reads it."""
    hash_, dirty, _ = commit.partition("-dirty-")
    return hash_[:12] + (" with uncommitted changes" if dirty else "")


def _ended(account: Account) -> Html:
    cards = (_card(account, result) for result in account.results.values())
    return section("result", "Result", *cards)


def _card(account: Account, result: TargetResult) -> Html:
    told = [("Address", link(result.url))] if result.url else []
    if result.release:
        told.append(("Release now", _release(account, result.release)))
    return tag(
        "article",
        tag("h3", f"{result.name} ", badge(VERDICTS[result.code])),
        _problem(result.error) if result.error else "",
        facts([*told, ("Took", text(figures.seconds(result.seconds)))]),
    )


def _problem(error: TargetError) -> Html:
    parts = (("What failed", error.what), ("State now", error.state), ("Next", error.next))
    told = facts((name, tag("span", said, class_="said")) for name, said in parts if said)
    return tag("div", told, class_="problem")


def _release(account: Account, release: Release) -> Html:
    note = f" ({release.note})" if release.note else ""
    by = f" by {release.by}" if release.by else ""
    return join(
        tag("p", tag("strong", release.id), f"{note}: ", tag("code", stamp(release.commit))),
        tag("p", account.subjects.get(release.commit, "")),
        tag("p", f"put live {figures.moment(release.at)}{by}", class_="quiet"),
    )


def _origin(account: Account) -> Html:
    person = account.person
    who = [("By", join(person.git, quiet(", as git has it")))] if person.git else []
    machine = join(f"{person.user} on {person.host}", quiet(", as the operating system has it"))
    source = _source(account.source) if account.source else []
    title = "What and who" if source else "Who"
    return section("origin", title, facts([*source, *who, ("User and machine", machine)]))


def _source(source: Source) -> list[tuple[str, Html]]:
    committed = quiet(f", committed {figures.moment(source.committed_at)}")
    told = [
        ("Commit", join(tag("code", source.commit), committed)),
        ("Subject", text(source.subject)),
        ("Version", text(source.version)),
        ("Uncommitted changes", _paths(source.dirty) if source.dirty else text("none")),
    ]
    if source.untracked:
        told.append(("Not deployed, git does not track", _paths(source.untracked)))
    return told


def _paths(paths: tuple[str, ...]) -> Html:
    listed = (tag("li", tag("code", path)) for path in paths[:SHOWN_PATHS])
    more = len(paths) - SHOWN_PATHS
    return tag("ul", *listed, tag("li", f"and {more} more") if more > 0 else "")
