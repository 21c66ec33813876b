"""What must always hold holds in the database, whoever writes."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.test import TestCase

from project.leaderboard.models import Match, Player


class PlayerInTheDatabase(TestCase):
    def test_a_name_is_taken_in_every_spelling(self) -> None:
        Player.objects.create(name="Änna Straße")
        for same in ("Änna Straße", "ÄNNA STRASSE", "a\u0308nna stra\u00dfe"):
            with self.subTest(same), self.assertRaises(IntegrityError), transaction.atomic():
                Player.objects.create(name=same)

    def test_a_renamed_player_keeps_the_new_name_taken(self) -> None:
        renamed = Player.objects.create(name="Anna")
        renamed.name = "Berta"
        renamed.save(update_fields=["name"])
        with self.assertRaises(IntegrityError), transaction.atomic():
            Player.objects.create(name="BERTA")

    def test_a_player_has_a_name(self) -> None:
        with self.assertRaises(IntegrityError), transaction.atomic():
            Player.objects.create(name="")

    def test_the_admin_is_told_about_a_taken_name(self) -> None:
        Player.objects.create(name="Anna")
        with self.assertRaisesMessage(ValidationError, "There is a player of this name"):
            Player(name=" ANNA ").full_clean()


class MatchInTheDatabase(TestCase):
    def setUp(self) -> None:
        self.anna, self.ben, self.carl = (
            Player.objects.create(name=name) for name in ("Anna", "Ben", "Carl")
        )

    def create(self, **changes: Any) -> Match:
        fields = {
            "player_a": self.anna,
            "player_b": self.ben,
            "winner": self.ben,
            "kind": "knock",
            "points": 12,
        }
        return Match.objects.create(**(fields | changes))

    def test_either_of_the_two_can_win(self) -> None:
        self.assertEqual(self.create().loser, self.anna)
        self.assertEqual(self.create(winner=self.anna).loser, self.ben)

    def test_nonsense_is_refused(self) -> None:
        nonsense: dict[str, dict[str, Any]] = {
            "match_players_differ": {"player_b": self.anna, "winner": self.anna},
            "match_winner_is_one_of_the_two": {"winner": self.carl},
            "match_kind_is_known": {"kind": "bluff"},
            "match_points_in_range": {"points": 0},
        }
        for constraint, changes in nonsense.items():
            with (
                self.subTest(constraint),
                self.assertRaisesMessage(IntegrityError, constraint),
                transaction.atomic(),
            ):
                self.create(**changes)

    def test_points_beyond_the_range_are_refused(self) -> None:
        with self.assertRaises(IntegrityError), transaction.atomic():
            self.create(points=501)
        self.assertEqual(self.create(points=500).points, 500)

    def test_a_form_records_one_match(self) -> None:
        entry = UUID(int=1)
        self.create(entry=entry)
        with self.assertRaises(IntegrityError), transaction.atomic():
            self.create(entry=entry)

    def test_a_player_with_matches_cannot_be_deleted(self) -> None:
        self.create()
        with self.assertRaises(ProtectedError):
            self.anna.delete()
