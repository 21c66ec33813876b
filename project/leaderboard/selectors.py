"""Everything that reads."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate
from uuid import UUID

from django.db.models import Count, F, Func, Max, OuterRef, Q, Subquery, Sum, Window
from django.db.models.functions import Coalesce, Rank, TruncDate

from project.leaderboard.models import Match, Player

PAGE_SIZE = 50
SUGGESTED_NAMES = 200
RECENT_MATCHES = 20
CHART_DAYS = 200


@dataclass(frozen=True)
class Standing:
    """One line of the leaderboard; `points` are those of the matches won."""

    rank: int
    pk: int
    name: str
    points: int
    wins: int
    played: int


@dataclass(frozen=True)
class Page:
    """Some lines of the leaderboard; `number` counts from 1."""

    standings: list[Standing]
    number: int
    has_next: bool


@dataclass(frozen=True)
class Record:
    """What a player has done so far; `best` is the most points in one match, 0 without a win."""

    played: int
    wins: int
    points: int
    best: int

    @property
    def win_percent(self) -> int:
        """Matches won, of a hundred."""
        return round(100 * self.wins / self.played) if self.played else 0


def leaderboard(*, since: datetime | None = None, page: int = 1) -> Page:
    """Players who played since then (None: ever), by points, then by wins. One query.

    Equal points and wins share a rank.
    """
    period = Q() if since is None else Q(played_at__gte=since)
    won = Q() if since is None else Q(matches_won__played_at__gte=since)
    of_player = Q(player_a=OuterRef("pk")) | Q(player_b=OuterRef("pk"))
    played = Match.objects.filter(period, of_player).order_by()
    rows = (
        Player.objects.annotate(
            points=Coalesce(Sum("matches_won__points", filter=won), 0),
            wins=Count("matches_won", filter=won),
            played=Subquery(played.annotate(n=Func(F("pk"), function="COUNT")).values("n")),
            rank=Window(Rank(), order_by=[F("points").desc(), F("wins").desc()]),
        )
        .filter(played__gt=0)
        .order_by("rank", "name", "pk")
        .values("rank", "pk", "name", "points", "wins", "played")
    )
    start = (page - 1) * PAGE_SIZE
    standings = [Standing(**row) for row in rows[start : start + PAGE_SIZE + 1]]
    return Page(standings[:PAGE_SIZE], page, has_next=len(standings) > PAGE_SIZE)


def suggested_names() -> list[str]:
    """Names to choose from when a match is recorded."""
    return list(Player.objects.order_by("name").values_list("name", flat=True)[:SUGGESTED_NAMES])


def match_of_entry(entry: UUID) -> Match | None:
    """The match that the form with this token recorded, with its players."""
    matches = Match.objects.select_related("player_a", "player_b", "winner")
    return matches.filter(entry=entry).first()


def player_record(player: Player) -> Record:
    """The sums of a player's matches. One query."""
    won = Q(winner=player)
    sums = Match.objects.filter(Q(player_a=player) | Q(player_b=player)).aggregate(
        played=Count("pk"),
        wins=Count("pk", filter=won),
        best=Coalesce(Max("points", filter=won), 0),
        # Last: it hides the column of its name from those after it.
        points=Coalesce(Sum("points", filter=won), 0),
    )
    return Record(**sums)


def recent_matches(player: Player) -> list[Match]:
    """The player's last matches, newest first, with both players. One query."""
    matches = Match.objects.select_related("player_a", "player_b", "winner")
    return list(matches.filter(Q(player_a=player) | Q(player_b=player))[:RECENT_MATCHES])


def points_over_time(player: Player) -> list[tuple[date, int]]:
    """The player's points so far, at the end of each of the last days with a win. One query."""
    days = list(
        Match.objects.filter(winner=player)
        .annotate(day=TruncDate("played_at"))
        .values_list("day")
        .annotate(points=Sum("points"))
        .order_by("day")
    )
    totals = accumulate(points for _, points in days)
    return list(zip((day for day, _ in days), totals, strict=True))[-CHART_DAYS:]
