"""Recording a match and taking it back."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import connection
from django.test import TestCase, TransactionTestCase

from project.leaderboard import services
from project.leaderboard.models import Match, Player
from project.leaderboard.services import record_match, undo_match
from project.leaderboard.tests.factories import record


def together(*tasks: Callable[[], object]) -> list[object]:
    """Runs the tasks at the same moment, each on its own connection; their results or errors."""
    barrier = Barrier(len(tasks))
    results: list[object] = [None] * len(tasks)

    def run(index: int, task: Callable[[], object]) -> None:
        barrier.wait()
        try:
            results[index] = task()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Recording(TestCase):
    def refused(self, **changes: Any) -> dict[str, list[str]]:
        fields: dict[str, Any] = {
            "winner": "Anna",
            "loser": "Ben",
            "kind": "gin",
            "points": 31,
            "entry": uuid4(),
        }
        with self.assertRaises(ValidationError) as caught:
            record_match(**(fields | changes))
        self.assertFalse(Match.objects.exists())
        self.assertFalse(Player.objects.exists())
        return caught.exception.message_dict

    def test_new_players_are_entered_with_their_first_match(self) -> None:
        match = record("Anna", "Ben")
        self.assertEqual([str(player) for player in match.players], ["Anna", "Ben"])
        self.assertEqual((match.kind, match.points), ("gin", 31))

    def test_a_known_player_is_found_in_any_spelling_and_keeps_the_first(self) -> None:
        record("Anna", "Ben")
        match = record("  ben ", "ANNA")
        self.assertEqual([str(player) for player in match.players], ["Ben", "Anna"])
        self.assertEqual(Player.objects.count(), 2)

    def test_nobody_plays_against_themselves(self) -> None:
        self.assertEqual(
            self.refused(winner="Anna", loser=" aNNa"),
            {"loser": ["A player cannot play against themselves."]},
        )

    def test_unfit_names_are_refused_each_at_its_field(self) -> None:
        errors = self.refused(winner=" \t ", loser="x" * 41)
        self.assertEqual(list(errors), ["winner", "loser"])
        self.assertEqual(list(self.refused(winner="An\u202ena")), ["winner"])

    def test_points_and_kind_are_checked(self) -> None:
        self.assertEqual(list(self.refused(points=0)), ["points"])
        self.assertEqual(list(self.refused(points=501)), ["points"])
        self.assertEqual(list(self.refused(kind="bluff")), ["kind"])

    def test_a_form_sent_twice_records_once(self) -> None:
        entry = uuid4()
        fields: dict[str, Any] = {"loser": "Ben", "kind": "gin", "points": 31, "entry": entry}
        first = record_match(winner="Anna", **fields)
        second = record_match(winner="anna", **fields)
        self.assertEqual((first.is_new, second.is_new), (True, False))
        self.assertEqual(first.match, second.match)
        self.assertEqual(Match.objects.count(), 1)

    def test_a_form_sent_again_with_another_match_loses_neither_in_silence(self) -> None:
        entry = uuid4()
        record("Anna", "Ben", entry=entry)
        for changes in ({"points": 12}, {"winner": "Ben", "loser": "Anna"}, {"winner": "Carl"}):
            with self.subTest(changes), self.assertRaises(ValidationError) as caught:
                record(**{"entry": entry, **changes})  # type: ignore[arg-type]
            self.assertEqual(caught.exception.code, services.FORM_USED)
        self.assertEqual(Match.objects.get().points, 31)
        self.assertFalse(Player.objects.filter(name="Carl").exists())


class TakingBack(TestCase):
    def test_the_match_and_the_players_it_brought_are_gone(self) -> None:
        entry = uuid4()
        record(entry=entry)
        undone = undo_match(entry=entry)
        self.assertEqual(str(undone), "Anna beat Ben: gin, 31 points")
        self.assertFalse(Match.objects.exists())
        self.assertFalse(Player.objects.exists())

    def test_players_who_have_played_since_stay(self) -> None:
        entry = uuid4()
        record("Anna", "Ben", entry=entry)
        record("Anna", "Carl")
        undo_match(entry=entry)
        self.assertEqual(set(Player.objects.values_list("name", flat=True)), {"Anna", "Carl"})

    def test_players_whom_another_entry_or_the_admin_brought_stay(self) -> None:
        Player.objects.create(name="Anna")
        first, second = uuid4(), uuid4()
        record("Anna", "Ben", entry=first)
        record("Anna", "Ben", entry=second)
        undo_match(entry=first)
        undo_match(entry=second)
        self.assertEqual(set(Player.objects.values_list("name", flat=True)), {"Anna", "Ben"})

    def test_twice_is_once(self) -> None:
        entry = uuid4()
        record(entry=entry)
        other = record("Carl", "Dora")
        undo_match(entry=entry)
        self.assertIsNone(undo_match(entry=entry))
        self.assertEqual(Match.objects.get(), other)


class AtTheSameMoment(TransactionTestCase):
    """On real connections, so that the database's own locks decide."""

    def recording(self, winner: str, loser: str, entry: UUID | None = None) -> Callable[[], object]:
        return lambda: record(winner, loser, entry=entry)

    def test_one_new_name_entered_by_many_is_one_player(self) -> None:
        tasks = [self.recording("Anna" if n % 2 else "ANNA", f"Opponent {n}") for n in range(6)]
        for result in together(*tasks):
            self.assertIsInstance(result, Match)
        self.assertEqual(Player.objects.filter(name_key="anna").count(), 1)
        self.assertEqual(Match.objects.count(), 6)

    def test_two_who_beat_each_other_do_not_deadlock(self) -> None:
        tasks = [self.recording("Anna", "Ben"), self.recording("Ben", "Anna")] * 3
        for result in together(*tasks):
            self.assertIsInstance(result, Match)

    def test_a_double_tap_records_once(self) -> None:
        entry = uuid4()
        results = together(*[self.recording("Anna", "Ben", entry)] * 4)
        self.assertEqual(len({match.pk for match in results if isinstance(match, Match)}), 1)
        self.assertEqual(Match.objects.count(), 1)

    def test_undo_while_others_record_leaves_no_match_without_its_players(self) -> None:
        for _ in range(5):
            entry = uuid4()
            record("Anna", "Ben", entry=entry)
            undone, *recorded = together(
                lambda entry=entry: undo_match(entry=entry),  # type: ignore[misc]
                self.recording("Ben", "Anna"),
                self.recording("Anna", "Carl"),
            )
            self.assertIsInstance(undone, Match)
            for result in recorded:
                self.assertIsInstance(result, Match)
        self.assertEqual(Match.objects.count(), 10)
