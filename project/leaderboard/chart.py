"""A small line chart, as numbers for an inline SVG."""

from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 320, 120
MARGIN = 6
BOTTOM = HEIGHT - MARGIN


@dataclass(frozen=True)
class Chart:
    """A line of (x, y) in a box of `WIDTH` by `HEIGHT`, from the first day to the last."""

    line: list[tuple[float, float]]
    first_day: date
    last_day: date
    first_total: int
    last_total: int

    @property
    def polyline(self) -> str:
        """The line as SVG's `points` attribute."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.line)

    @property
    def area(self) -> str:
        """The same with the two corners below it, at zero points."""
        (first_x, _), (last_x, _) = self.line[0], self.line[-1]
        return f"{first_x:g},{BOTTOM} {self.polyline} {last_x:g},{BOTTOM}"


def line_chart(totals: list[tuple[date, int]]) -> Chart | None:
    """The chart of totals by day; None for fewer than two days, which make no line.

    The bottom is zero points; the line ends at the top right.
    """
    if len(totals) < 2:
        return None
    (first_day, first_total), (last_day, last_total) = totals[0], totals[-1]
    across = (WIDTH - 2 * MARGIN) / (last_day - first_day).days
    upward = (BOTTOM - MARGIN) / last_total
    line = [
        (
            round(MARGIN + (day - first_day).days * across, 1),
            round(BOTTOM - total * upward, 1),
        )
        for day, total in totals
    ]
    return Chart(line, first_day, last_day, first_total, last_total)
