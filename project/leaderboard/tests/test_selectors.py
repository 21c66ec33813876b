"""What the pages read, and in how many queries."""

from datetime import timedelta

from django.test import TestCase
from django.utils import timezone

from project.leaderboard import selectors
from project.leaderboard.chart import line_chart
from project.leaderboard.models import Player
from project.leaderboard.tests.factories import days_ago, player, record


class Leaderboard(TestCase):
    def lines(self, **options: object) -> list[tuple[int, str, int, int, int]]:
        page = selectors.leaderboard(**options)  # type: ignore[arg-type]
        return [(s.rank, s.name, s.points, s.wins, s.played) for s in page.standings]

    def test_points_decide_then_wins_and_equals_share_a_rank(self) -> None:
        record("Anna", "Ben", points=20)
        record("Anna", "Ben", points=20)
        record("Ben", "Anna", points=40)
        record("Carl", "Dora", points=60)
        record("Dora", "Carl", points=60)
        self.assertEqual(
            self.lines(),
            [
                (1, "Carl", 60, 1, 2),
                (1, "Dora", 60, 1, 2),
                (3, "Anna", 40, 2, 3),
                (4, "Ben", 40, 1, 3),
            ],
        )

    def test_the_last_30_days_leave_out_what_was_before(self) -> None:
        record("Anna", "Ben", points=50, played_at=days_ago(31))
        record("Ben", "Carl", points=10, played_at=days_ago(29))
        self.assertEqual(
            self.lines(since=days_ago(30)), [(1, "Ben", 10, 1, 1), (2, "Carl", 0, 0, 1)]
        )
        self.assertEqual(self.lines()[0], (1, "Anna", 50, 1, 1))

    def test_who_never_played_has_no_rank(self) -> None:
        Player.objects.create(name="Anna")
        self.assertEqual(self.lines(), [])

    def test_it_is_one_query_however_many_players(self) -> None:
        for n in range(8):
            record(f"Winner {n}", f"Loser {n}", points=n + 1)
        with self.assertNumQueries(1):
            self.assertEqual(len(self.lines()), 16)
        with self.assertNumQueries(1):
            self.assertEqual(len(self.lines(since=days_ago(30))), 16)

    def test_a_long_one_comes_in_pages_that_continue_the_ranks(self) -> None:
        for n in range(selectors.PAGE_SIZE):
            record(f"Winner {n:03}", "Ben", points=n + 1)
        first, second = selectors.leaderboard(page=1), selectors.leaderboard(page=2)
        self.assertEqual((len(first.standings), first.has_next), (selectors.PAGE_SIZE, True))
        self.assertEqual([s.name for s in second.standings], ["Ben"])
        self.assertEqual((second.standings[0].rank, second.has_next), (51, False))


class PlayerPage(TestCase):
    def test_the_sums_count_both_seats(self) -> None:
        record("Anna", "Ben", kind="gin", points=30)
        record("Anna", "Ben", kind="knock", points=12)
        record("Ben", "Anna", kind="undercut", points=25)
        anna = player("Anna")
        with self.assertNumQueries(1):
            sums = selectors.player_record(anna)
        self.assertEqual(
            (sums.played, sums.wins, sums.points, sums.best, sums.win_percent), (3, 2, 42, 30, 67)
        )

    def test_a_player_without_matches_has_zeros(self) -> None:
        sums = selectors.player_record(Player.objects.create(name="Anna"))
        self.assertEqual((sums.played, sums.points, sums.best, sums.win_percent), (0, 0, 0, 0))

    def test_recent_matches_come_newest_first_in_one_query(self) -> None:
        for n in range(selectors.RECENT_MATCHES + 5):
            record("Anna", f"Ben {n % 3}", points=n + 1, played_at=days_ago(100 - n))
        anna = player("Anna")
        with self.assertNumQueries(1):
            recent = [(match.points, match.loser.name) for match in selectors.recent_matches(anna)]
        self.assertEqual(len(recent), selectors.RECENT_MATCHES)
        self.assertEqual(recent[0], (25, "Ben 0"))

    def test_points_add_up_day_by_day(self) -> None:
        noon = timezone.now().replace(hour=12) - timedelta(days=10)
        for days, points in ((0, 10), (0, 5), (3, 20)):
            record("Anna", "Ben", points=points, played_at=noon + timedelta(days=days))
        record("Ben", "Anna", points=99)
        anna = player("Anna")
        with self.assertNumQueries(1):
            totals = selectors.points_over_time(anna)
        first, last = noon.date(), noon.date() + timedelta(days=3)
        self.assertEqual(totals, [(first, 15), (last, 35)])


class Chart(TestCase):
    def test_it_rises_from_left_to_right_inside_its_box(self) -> None:
        start = timezone.localdate()
        chart = line_chart(
            [(start, 10), (start + timedelta(days=1), 15), (start + timedelta(days=4), 40)]
        )
        assert chart
        self.assertEqual(chart.line, [(6, 87), (83, 73.5), (314, 6)])

    def test_one_day_makes_no_line(self) -> None:
        self.assertIsNone(line_chart([]))
        self.assertIsNone(line_chart([(timezone.localdate(), 10)]))
