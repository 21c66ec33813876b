"""The sections of a run's page about what was found, asked, measured, told and logged."""

from castoff.events import Note
from castoff.model import Finding, SmokeCheck
from castoff.report import figures
from castoff.report.account import Account
from castoff.report.gather import Ending
from castoff.report.html import Html, join, tag
from castoff.report.parts import body, figure, quiet, section, table


def findings(account: Account) -> Html:
    """What the checks found, errors first, each with its fix; of several targets only once."""
    where: dict[Finding, list[str]] = {}
    for target, found in account.findings.items():
        for finding in found:
            where.setdefault(finding, []).append(target)
    if not where:
        looked = any(one.step == "check" and one.ending is Ending.SAME for one in account.steps)
        none = tag("p", "Nothing was found.")
        return section("findings", "Findings", none) if looked else Html()
    several = len(account.results) > 1
    ordered = sorted(where, key=lambda finding: (bool(finding.silenced), not finding.stops))
    listed = (_finding(one, where[one] if several else []) for one in ordered)
    return section("findings", "Findings", tag("ul", *listed, class_="findings"))


def _finding(finding: Finding, targets: list[str]) -> Html:
    kind = "silenced" if finding.silenced else str(finding.level)
    on = quiet(f" on {', '.join(targets)}") if targets else ""
    head = tag("h3", f"{finding.id} ", tag("span", kind, class_=f"badge {kind}"))
    reason = tag("p", f"Silenced: {finding.silenced}") if finding.silenced else ""
    hint = tag("pre", finding.hint) if finding.hint else ""
    place = tag("p", tag("code", finding.where), on)
    return tag("li", head, place, tag("p", finding.message), hint, reason)


def smoke(account: Account) -> Html:
    """What the smoke test asked, what came back, and how long it took."""
    if not account.checks:
        return Html()
    several = len(account.results) > 1
    heads = ("Check", "Answer", "Took")
    bodies = (
        body(map(_check, checks), target if several else "", len(heads))
        for target, checks in account.checks.items()
    )
    return section("smoke", "Smoke test", table("What the release was asked", heads, *bodies))


def _check(check: SmokeCheck) -> tuple[str, str, str]:
    word, kind = ("✓ right:", "done") if check.ok else ("✗ wrong:", "failed")
    answer = join(tag("span", word, class_=kind), " ", tag("span", check.detail, class_="said"))
    name = tag("span", check.id, class_="said")
    return name, answer, figure(figures.seconds(check.seconds))


def sizes(account: Account) -> Html:
    """How large what was made is."""
    if not any(account.sizes.values()):
        return Html()
    several = len(account.results) > 1
    heads = ("What", "Size")
    bodies = (
        body(map(_size, parts.items()), target if several else "", len(heads))
        for target, parts in account.sizes.items()
    )
    return section("sizes", "Sizes", table("What this run made or found made", heads, *bodies))


def _size(part: tuple[str, int]) -> tuple[str, str]:
    return part[0], figure(figures.size(part[1]))


def notes(account: Account) -> Html:
    """What castoff told on the way, but for what the page says of the source."""
    told = [note for note in account.notes if note.target or account.source is None]
    return section("notes", "Notes", tag("ul", *map(_note, told))) if told else Html()


def _note(note: Note) -> Html:
    place = " ".join(part for part in (note.target, note.step) if part)
    mind = tag("strong", "Mind: ", class_="warning") if note.warning else ""
    return tag("li", quiet(f"{place}: "), mind, note.text)


def log(account: Account) -> Html:
    """The run's log, folded in."""
    if account.log is None:
        return Html()
    found = account.log
    path = tag("p", "The whole log: ", tag("code", str(found.path)))
    text = tag("pre", found.head)
    if found.left_out:
        cut = f"{figures.size(found.left_out)} left out here; the file has them."
        text = join(text, tag("p", cut, class_="cut"), tag("pre", found.tail))
    return section("log", "Log", path, tag("details", tag("summary", "Show the log"), text))
