"""The admin, for corrections."""

from django.contrib.auth.models import User
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from project.leaderboard.models import Match, Player
from project.leaderboard.tests.factories import player, record

MATCHES = "/admin/leaderboard/match/"


class Admin(TestCase):
    def setUp(self) -> None:
        self.client.force_login(User.objects.create_superuser("admin"))

    def queries_of_the_list(self) -> int:
        with CaptureQueriesContext(connection) as queries:
            self.assertContains(self.client.get(MATCHES, {"q": "inner"}), "Winner 0")
        return len(queries)

    def test_the_list_does_not_ask_once_per_line(self) -> None:
        record("Winner 0", "Loser 0")
        with_one = self.queries_of_the_list()
        for n in range(1, 5):
            record(f"Winner {n}", f"Loser {n}")
        self.assertEqual(self.queries_of_the_list(), with_one)

    def test_players_can_be_searched(self) -> None:
        record("Anna", "Ben")
        page = self.client.get("/admin/leaderboard/player/", {"q": "ANN"})
        self.assertContains(page, "Anna")
        self.assertNotContains(page, "Ben")

    def test_a_taken_name_is_a_message_and_not_a_crash(self) -> None:
        record("Anna", "Ben")
        page = self.client.post("/admin/leaderboard/player/add/", {"name": "ANNA"})
        self.assertContains(page, "There is a player of this name already.")

    def test_an_impossible_match_is_a_message_and_not_a_crash(self) -> None:
        match = record("Anna", "Ben")
        carl = Player.objects.create(name="Carl")
        page = self.client.post(
            f"{MATCHES}{match.pk}/change/",
            {
                "player_a": player("Anna").pk,
                "player_b": player("Ben").pk,
                "winner": carl.pk,
                "kind": "gin",
                "points": "31",
                "played_at_0": "2026-01-01",
                "played_at_1": "12:00",
            },
        )
        self.assertContains(page, "The winner must be one of the two players.")
        self.assertEqual(Match.objects.get().winner.name, "Anna")
