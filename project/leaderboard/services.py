"""Everything that writes. Each service validates, and leaves nothing half done when it raises."""

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Collate

from project.leaderboard import names
from project.leaderboard.models import Match, Player

FORM_USED = "form-used"


@dataclass(frozen=True)
class Recorded:
    """A match, and whether it is new: False when the same form had recorded it before."""

    match: Match
    is_new: bool


@transaction.atomic
def record_match(*, winner: str, loser: str, kind: str, points: int, entry: UUID) -> Recorded:
    """Records a match between two players by name, and enters those who are new.

    `entry` is the form's token: sent twice, a form records one match.
    Raises ValidationError with the keys `winner`, `loser`, `kind` and `points`, or with the code
    `FORM_USED` when the token has recorded a match that was not this one.
    """
    won, lost = _lock_or_create(_two_names(winner, loser), entry=entry)
    outcome = {"player_a": won, "player_b": lost, "winner": won, "kind": kind, "points": points}
    Match(**outcome).clean_fields(exclude={"player_a", "player_b", "winner"})
    match, is_new = Match.objects.get_or_create(entry=entry, defaults=outcome)
    if any(getattr(match, field) != value for field, value in outcome.items()):
        raise ValidationError(
            "This form has recorded another match before. Send it once more to record this one.",
            code=FORM_USED,
        )
    return Recorded(match, is_new)


@transaction.atomic
def undo_match(*, entry: UUID) -> Match | None:
    """Takes back the match that the form with this token recorded; None when there is none.

    A player whom that form had entered goes too, unless other matches were played since.
    """
    recorded = Match.objects.filter(entry=entry)
    match = recorded.select_related("player_a", "player_b", "winner").first()
    if match is None:
        return None
    # The lock of `record_match`, in its order: no match of theirs can appear meanwhile.
    both = Player.objects.filter(pk__in=[match.player_a_id, match.player_b_id])
    list(both.select_for_update().order_by(Collate("name_key", "C")))
    deleted, _ = recorded.delete()
    both.filter(first_entry=entry, matches_as_a__isnull=True, matches_as_b__isnull=True).delete()
    return match if deleted else None


def _two_names(winner: str, loser: str) -> tuple[str, str]:
    tidied: list[str] = []
    errors: dict[str, ValidationError] = {}
    for field, raw in (("winner", winner), ("loser", loser)):
        try:
            tidied.append(names.tidy(raw))
        except ValidationError as error:
            errors[field] = error
    if not errors and names.key(tidied[0]) == names.key(tidied[1]):
        errors["loser"] = ValidationError("A player cannot play against themselves.")
    if errors:
        raise ValidationError(errors)
    return tidied[0], tidied[1]


def _lock_or_create(pair: tuple[str, str], *, entry: UUID) -> list[Player]:
    """The two players, entered if they are new, locked until the transaction ends.

    One INSERT … ON CONFLICT does both, so that two people who enter one name at once get one
    player. Its rows are in the order of the keys, so that A against B and B against A cannot
    deadlock.
    """
    keys = [names.key(name) for name in pair]
    by_key = dict(sorted(zip(keys, pair, strict=True)))
    Player.objects.bulk_create(
        [Player(name=name, name_key=key, first_entry=entry) for key, name in by_key.items()],
        update_conflicts=True,
        unique_fields=["name_key"],
        update_fields=["name_key"],
    )
    found = {player.name_key: player for player in Player.objects.filter(name_key__in=keys)}
    return [found[key] for key in keys]
