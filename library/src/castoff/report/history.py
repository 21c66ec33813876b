"""The history page: the last runs, made anew from the record of each."""

from datetime import datetime
from pathlib import Path

import msgspec

from castoff.console import redacted
from castoff.report import figures
from castoff.report.account import Account, Verdict
from castoff.report.folder import HISTORY, Folder
from castoff.report.html import Html, document, join, tag
from castoff.report.parts import MARKS, badge, body, figure, kind, quiet, section, table

HEIGHT = 140  # pixels of the longest run's bar
TOP = 18  # pixels for the mark above it
WIDEST = 4.0  # per cent
LEFT = 9.0  # per cent, for the figures of the axis
HEADS = ("Run", "Result", "Took")


class Record(msgspec.Struct, frozen=True):
    """What the history says of a run.

    Attributes:
        project, task: what was run.
        targets: on what.
        began: when, with its time zone.
        seconds: how long it took.
        verdict: how it ended.
        commit: the short hash of what was deployed, or of what serves; empty when nothing does.
        dirty: whether it had uncommitted changes.
        subject: the first line of its message.
    """

    project: str
    task: str
    targets: tuple[str, ...]
    began: datetime
    seconds: float
    verdict: Verdict
    commit: str
    dirty: bool
    subject: str


Run = tuple[str, Record]
"""A run's name, and its record."""


def record(account: Account) -> bytes:
    """What is kept of a run for the history, as JSON without secrets."""
    stamp, subject = _code(account)
    kept = Record(
        project=account.project,
        task=account.task,
        targets=tuple(account.results),
        began=account.began,
        seconds=round(account.seconds, 3),
        verdict=account.verdict,
        commit=stamp[:9],
        dirty="-dirty-" in stamp,
        subject=subject,
    )
    return msgspec.json.encode(redacted(kept))


def rewrite(folder: Folder, run: str) -> Path:
    """Write the history page; runs that end at the same time leave a page that has them all.

    Args:
        folder: the reports.
        run: the name of the run that writes it.

    Raises:
        OSError: it cannot be written.
    """
    while True:
        seen = folder.records()
        page = folder.write(HISTORY, render(_read(seen)).encode(), run)
        # Another run may have come in between, and been overwritten.
        if folder.records() == seen:
            return page


def render(runs: list[Run]) -> str:
    """Make the history page of runs, oldest first."""
    name = f"Runs of {runs[-1][1].project}" if runs else "Runs"
    newest = runs[::-1]
    listed = table("The newest first", HEADS, body(map(_cells, newest)))
    header = tag("p", "Reports of castoff", class_="quiet")
    main = join(
        tag("h1", name),
        section("durations", "How long they took", tag("figure", _chart(runs))),
        section("runs", f"The last {len(runs)}" if len(runs) > 1 else "The last run", listed),
    )
    return document(name, header, main)


def _code(account: Account) -> tuple[str, str]:
    """The stamp and the subject of what was deployed, or of what serves."""
    if account.source:
        return account.source.stamp, account.source.subject
    released = (one.release for one in account.results.values() if one.release)
    stamp = next((one.commit for one in released), "")
    return stamp, account.subjects.get(stamp, "")


def _read(records: list[Path]) -> list[Run]:
    """The records that are there and whole: one may just be pruned, or of an older castoff."""
    runs = []
    for path in records:
        try:
            runs.append((path.stem, msgspec.json.decode(path.read_bytes(), type=Record)))
        except (OSError, msgspec.DecodeError):
            continue
    return sorted(runs, key=lambda run: run[1].began)


def _cells(run: Run) -> tuple[str, ...]:
    name, one = run
    when = f"{one.began.astimezone():%Y-%m-%d %H:%M:%S}"
    link = tag("a", f"{one.task} {', '.join(one.targets)}", href=f"{name}.html")
    time = tag("time", when, datetime=one.began.isoformat(), class_="quiet figure")
    dirty = quiet(" with uncommitted changes") if one.dirty else ""
    code = tag("p", tag("code", one.commit), f" {one.subject}", dirty) if one.commit else ""
    took = figure(figures.seconds(one.seconds))
    return join(tag("p", link, " ", time), code), badge(one.verdict), took


def _chart(runs: list[Run]) -> Html:
    """A bar for each run, the newest at the right."""
    most = max((one.seconds for _, one in runs), default=0.0)
    title = tag(
        "title", "How long each run took, the oldest first; the table has the same.", id="drawing"
    )
    wide = (100 - LEFT) / max(len(runs), 1)
    bars = (_bar(one, LEFT + place * wide, wide, most) for place, (_, one) in enumerate(runs))
    return tag(
        "svg", title, _axis(most), *bars, class_="chart", role="img",
        aria_labelledby="drawing", width="100%", height=HEIGHT + TOP + 8,
    )  # fmt: skip


def _axis(most: float) -> Html:
    lines = []
    for tick in figures.ticks(most):
        y = f"{_height(tick, most):.1f}"
        lines.append(tag("line", x1=f"{LEFT}%", x2="100%", y1=y, y2=y, class_="grid"))
        lines.append(tag("text", f"{tick:g} s", x=f"{LEFT - 1}%", y=y, dy=4, class_="tick"))
    return join(*lines)


def _bar(one: Record, x: float, wide: float, most: float) -> Html:
    top, middle, half = _height(one.seconds, most), x + wide / 2, min(wide * 0.7, WIDEST) / 2
    bar = tag(
        "rect",
        tag("title", f"{one.task} {one.verdict}, {figures.seconds(one.seconds)}"),
        x=Html(f"{middle - half:.2f}%"),
        y=Html(f"{top:.1f}"),
        width=Html(f"{2 * half:.2f}%"),
        height=Html(f"{HEIGHT + TOP - top:.1f}"),
        class_=f"bar {kind(one.verdict)}",
    )
    if one.verdict is Verdict.DONE:
        return bar
    y = Html(f"{top - 4:.1f}")
    return join(bar, tag("text", MARKS[one.verdict], x=f"{middle:.2f}%", y=y, class_="mark"))


def _height(seconds: float, most: float) -> float:
    """How far from the top a duration ends."""
    share = seconds / most if most else 0.0
    return TOP + HEIGHT - max(1.0, share * HEIGHT)
