"""The timeline of a run: what ran when, as a drawing in which overlap is visible, and as a table.

Places across are in per cent of the drawing, so that its text keeps its size on a narrow screen.
"""

from collections.abc import Iterator

from castoff.report import figures
from castoff.report.account import Account
from castoff.report.gather import Ending, Stretch
from castoff.report.html import Html, join, tag
from castoff.report.parts import body, figure, section, table

LEFT, RIGHT = 22.0, 82.0  # per cent, where the bars' time begins and ends
ROW = 24  # pixels
BAR = 12
SHORTEST = 0.4  # per cent, so that every step can be seen
MARKS = {Ending.DONE: "✓", Ending.SAME: "✓", Ending.FAILED: "✗", Ending.CUT: "–"}
CLASSES = {Ending.DONE: "done", Ending.SAME: "same", Ending.FAILED: "failed", Ending.CUT: "cut"}
HEADS = ("Step", "Began", "Took", "How it ended")

Group = tuple[str, list[Stretch]]


def timeline(account: Account) -> Html:
    """The steps of every target, as a drawing and as a table."""
    if not account.steps:
        return Html()
    groups = list(_groups(account))
    title = tag("title", "Timeline of the steps; the table below has the same.", id="drawing")
    same = any(stretch.ending is Ending.SAME for stretch in account.steps)
    legend = tag("figcaption", "A step with a light bar changed nothing.") if same else ""
    drawing = tag("figure", _drawing(groups, account.seconds, title), legend)
    bodies = (body(map(_cells, steps), target, len(HEADS)) for target, steps in groups)
    return section("timeline", "Timeline", drawing, table("When each step ran", HEADS, *bodies))


def _groups(account: Account) -> Iterator[Group]:
    """The steps by target, those for all of them first; with one target no group has a title."""
    several = len(account.results) > 1
    if not several:
        yield "", sorted(account.steps, key=lambda stretch: stretch.began)
        return
    for target in ("", *account.results):
        steps = [stretch for stretch in account.steps if stretch.target == target]
        if steps:
            yield target or "all targets", steps


def _drawing(groups: list[Group], seconds: float, title: Html) -> Html:
    rows, top = [], 0
    for target, steps in groups:
        if target:
            rows.append(_text(0, top, target, "group"))
            top += ROW
        for stretch in steps:
            rows.append(_row(stretch, top, seconds))
            top += ROW
    parts = (title, _axis(seconds, top), *rows)
    return tag(
        "svg", *parts, class_="timeline", role="img", aria_labelledby="drawing",
        width="100%", height=top + ROW,
    )  # fmt: skip


def _axis(seconds: float, height: int) -> Html:
    lines = []
    for tick in figures.ticks(seconds):
        x = _place(tick, seconds)
        lines.append(tag("line", x1=x, x2=x, y1=0, y2=height, class_="grid"))
        lines.append(tag("text", f"{tick:g} s", x=x, y=height + ROW - 8, class_="tick"))
    return join(*lines)


def _row(stretch: Stretch, top: int, seconds: float) -> Html:
    share = stretch.seconds / seconds * (RIGHT - LEFT) if seconds else 0.0
    bar = tag(
        "rect",
        x=_place(stretch.began, seconds),
        y=top + (ROW - BAR) // 2,
        width=f"{max(share, SHORTEST):.2f}%",
        height=BAR,
        rx=2,
        class_=f"bar {CLASSES[stretch.ending]}",
    )
    mark = f"{MARKS[stretch.ending]} " if stretch.ending in (Ending.FAILED, Ending.CUT) else ""
    took = _text(100, top, f"{mark}{figures.seconds(stretch.seconds)}", "took")
    return join(_text(0, top, stretch.step, "step"), bar, took)


def _text(x: float, top: int, said: str, kind: str) -> Html:
    return tag("text", said, x=f"{x:g}%", y=top + ROW - 8, class_=kind)


def _place(moment: float, seconds: float) -> Html:
    share = moment / seconds if seconds else 0.0
    return Html(f"{LEFT + share * (RIGHT - LEFT):.2f}%")


def _cells(stretch: Stretch) -> tuple[str, ...]:
    words = f"{MARKS[stretch.ending]} {stretch.ending}"
    ending = tag("span", words, class_=CLASSES[stretch.ending])
    said = tag("span", f": {stretch.detail}", class_="said") if stretch.detail else ""
    times = (figure(figures.seconds(time)) for time in (stretch.began, stretch.seconds))
    return stretch.step, *times, join(ending, said)
