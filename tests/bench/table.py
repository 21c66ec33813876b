"""The rows of the bench's table, each with what is wanted and whether it was reached."""

from dataclasses import dataclass
from math import inf
from statistics import median

HEAD = ("figure", "castoff", "baseline", "ratio", "wanted", "")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        name: what was measured, and against what.
        ours, baseline: medians with their unit; "" where there is no baseline.
        ratio: the median of the ratios of each pair.
        wanted: what is wanted; "" for a figure that is only reported.
        met: whether it was reached.
        note: what is told below the table.
    """

    name: str
    ours: str
    baseline: str = ""
    ratio: str = ""
    wanted: str = ""
    met: bool = True
    note: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        verdict = ("met" if self.met else "MISSED") if self.wanted else ""
        return self.name, self.ours, self.baseline, self.ratio, self.wanted, verdict


def paired(
    name: str,
    ours: list[float],
    baseline: list[float],
    unit: str = "s",
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    seconds: float | None = None,
) -> Row:
    """A row of pairs that were measured in turn.

    Args:
        name: what was measured.
        ours, baseline: what was measured, in the same order.
        unit: of both.
        at_most, at_least: what the ratio should be.
        seconds: what our own median should be at most.
    """
    ratio = median(a / b if b else inf for a, b in zip(ours, baseline, strict=True))
    wishes = [
        (at_most, f"≤ {at_most} ×", at_most is None or ratio <= at_most),
        (at_least, f"≥ {at_least} ×", at_least is None or ratio >= at_least),
        (seconds, f"≤ {seconds} s", seconds is None or median(ours) <= seconds),
    ]
    asked = [wish for wish in wishes if wish[0] is not None]
    return Row(
        name,
        f"{median(ours):.3g} {unit}",
        f"{median(baseline):.3g} {unit}",
        f"{ratio:.2f}",
        ", ".join(text for _, text, _ in asked),
        all(met for _, _, met in asked),
    )


def counted(name: str, count: int, total: int, kinds: str = "") -> Row:
    """A row of things that should not happen at all."""
    return Row(name, f"{count} of {total:,}", wanted="0", met=count == 0, note=kinds)


def table(rows: list[Row]) -> str:
    """The rows as Markdown, which is easily read as it is."""
    lines = [HEAD, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = tuple("-" * width for width in widths)
    shown = (
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in (lines[0], rule, *lines[1:])
    )
    notes = (f"- {row.name}: {row.note}" for row in rows if row.note)
    return "\n".join((*shown, "", *notes)).rstrip()
