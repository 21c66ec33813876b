"""Players and matches for the tests, made as the app makes them."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.utils import timezone

from project.leaderboard.models import Match, Player
from project.leaderboard.services import record_match


def record(
    winner: str = "Anna",
    loser: str = "Ben",
    *,
    kind: str = "gin",
    points: int = 31,
    entry: UUID | None = None,
    played_at: datetime | None = None,
) -> Match:
    """A match through the service, moved to `played_at` if given."""
    token = entry or uuid4()
    match = record_match(winner=winner, loser=loser, kind=kind, points=points, entry=token).match
    if played_at:
        match.played_at = played_at
        match.save()
    return match


def days_ago(days: float) -> datetime:
    """That moment."""
    return timezone.now() - timedelta(days=days)


def player(name: str) -> Player:
    """The player of exactly this name."""
    return Player.objects.get(name=name)
