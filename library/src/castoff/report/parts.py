"""The parts that pages are made of."""

from collections.abc import Iterable, Sequence

from castoff.report.account import Verdict
from castoff.report.html import Html, tag, text

MARKS = {
    Verdict.DONE: "✓",
    Verdict.FAILED: "✗",
    Verdict.NEEDS_A_PERSON: "✗",
    Verdict.INTERRUPTED: "–",
}


def section(id_: str, title: str, *inside: str) -> Html:
    """A part of the page with a heading of its own."""
    return tag("section", tag("h2", title, id=id_), *inside, aria_labelledby=id_)


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names with what there is to say of each."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", said)) for name, said in pairs))


def table(caption: str, heads: Sequence[str], *bodies: Html) -> Html:
    """A table of bodies that ``body`` made."""
    columns = (tag("th", head, scope="col") for head in heads)
    head = tag("thead", tag("tr", *columns))
    return tag("table", tag("caption", caption), head, *bodies)


def body(rows: Iterable[Sequence[str]], title: str = "", columns: int = 1) -> Html:
    """Rows of a table, each headed by its first cell.

    Args:
        rows: the cells of each row.
        title: what the rows have in common, put above them.
        columns: how many the table has.
    """
    head = tag("tr", tag("th", title, scope="rowgroup", colspan=columns)) if title else ""
    return tag("tbody", head, *map(_row, rows))


def badge(verdict: Verdict) -> Html:
    """How a run ended: a mark and words, so that it is not told by its colour alone."""
    mark = tag("span", MARKS[verdict], aria_hidden="true")
    return tag("span", mark, f" {verdict}", class_=f"badge {kind(verdict)}")


def kind(verdict: Verdict) -> str:
    """The name of a verdict in the style sheet."""
    return verdict.replace(" ", "-")


def quiet(said: str) -> Html:
    """Text that is beside the point."""
    return tag("span", said, class_="quiet")


def figure(said: str) -> Html:
    """A figure with its unit, which is not broken in two."""
    return tag("span", said, class_="figure")


def link(url: str) -> Html:
    """A link to a web address; any other text stays text."""
    return tag("a", url, href=url) if url.startswith(("http://", "https://")) else text(url)


def _row(cells: Sequence[str]) -> Html:
    return tag("tr", tag("th", cells[0], scope="row"), *(tag("td", cell) for cell in cells[1:]))
