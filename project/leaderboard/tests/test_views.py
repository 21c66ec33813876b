"""The pages, as a browser without JavaScript uses them."""

import re
from typing import Any
from uuid import uuid4

from django.test import Client, TestCase
from django.urls import reverse

from project.leaderboard.models import Match, Player
from project.leaderboard.tests.factories import days_ago, player, record

HOSTILE = "<script>alert('1')</script>"


class Browser(TestCase):
    """A browser that keeps its cookies and sends the tokens of the forms that it was given."""

    def setUp(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def html(self, response: Any) -> str:
        return str(response.content.decode())

    def hidden(self, page: str, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]+)"', page)
        assert found, f"no field {name}"
        return found[1]

    def open_form(self) -> dict[str, str]:
        page = self.html(self.client.get(reverse("record")))
        return {name: self.hidden(page, name) for name in ("csrfmiddlewaretoken", "entry")}

    def send(self, form: dict[str, str] | None = None, **changes: str) -> Any:
        fields = {"winner": "Anna", "loser": "Ben", "kind": "gin", "points": "31"}
        data = fields | (self.open_form() if form is None else form) | changes
        return self.client.post(reverse("record"), data, follow=True)

    def undo(self) -> Any:
        token = self.open_form()["csrfmiddlewaretoken"]
        return self.client.post(reverse("undo"), {"csrfmiddlewaretoken": token}, follow=True)


class LeaderboardPage(Browser):
    def test_a_visitor_without_cookies_costs_one_query(self) -> None:
        record("Anna", "Ben")
        for name in ("leaderboard", "last-30-days"):
            with self.subTest(name), self.assertNumQueries(1):
                self.assertContains(self.client.get(reverse(name)), "Anna")

    def test_each_period_shows_its_own(self) -> None:
        record("Anna", "Ben", played_at=days_ago(40))
        self.assertContains(self.client.get("/"), "Anna")
        recent = self.client.get("/last-30-days/")
        self.assertNotContains(recent, "Anna")
        self.assertContains(recent, "Nobody has played for 30 days")

    def test_an_empty_one_says_what_to_do(self) -> None:
        page = self.client.get("/")
        self.assertContains(page, "No matches yet")
        self.assertContains(page, f'href="{reverse("record")}"')

    def test_a_page_that_is_not_a_number_is_not_found(self) -> None:
        for number in ("0", "-1", "x", "9" * 5000, "\u0662"):
            with self.subTest(number[:5]):
                self.assertEqual(self.client.get("/", {"page": number}).status_code, 404)
        self.assertContains(self.client.get("/", {"page": "2"}), "Nobody is this far down")


class RecordingAMatch(Browser):
    def test_the_match_counts_and_the_browser_is_told(self) -> None:
        page = self.send()
        self.assertRedirects(page, "/")
        self.assertContains(page, "Match recorded.")
        self.assertEqual(str(Match.objects.get()), "Anna beat Ben: gin, 31 points")

    def test_known_players_are_offered(self) -> None:
        record("Anna", "Ben")
        page = self.client.get(reverse("record"))
        self.assertContains(page, '<option value="Anna"></option>', html=True)

    def test_a_rematch_fills_in_the_names(self) -> None:
        self.send(winner="Anna & Co", loser="Ben")
        page = self.client.get("/")
        self.assertContains(page, "?winner=Anna+%26+Co&amp;loser=Ben")
        form = self.client.get(reverse("record"), {"winner": "Anna & Co"})
        self.assertContains(form, 'value="Anna &amp; Co"')

    def test_what_was_typed_stays_when_something_is_wrong(self) -> None:
        page = self.send(winner="Anna", loser="ANNA", points="77")
        self.assertContains(page, "A player cannot play against themselves.")
        self.assertContains(page, 'aria-invalid="true" aria-describedby="id_loser_error"')
        self.assertContains(page, 'value="77"')
        self.assertFalse(Match.objects.exists())

    def test_each_wrong_field_is_marked(self) -> None:
        wrong = {"winner": " ", "loser": "x" * 41, "kind": "bluff", "points": "-3"}
        page = self.html(self.send(None, **wrong))
        for field in wrong:
            self.assertIn(f'id="id_{field}_error"', page)
        self.assertFalse(Player.objects.exists())

    def test_awkward_bytes_are_refused_and_not_a_crash(self) -> None:
        for name in ("a\x00b", "a\u202eb", "\u200b"):
            with self.subTest(ascii(name)):
                self.assertContains(self.send(winner=name), 'id="id_winner_error"')

    def test_a_form_sent_twice_counts_once(self) -> None:
        form = self.open_form()
        self.send(form)
        page = self.send(form)
        self.assertContains(page, "counts once")
        self.assertEqual(Match.objects.count(), 1)

    def test_a_used_form_with_another_match_asks_once_and_then_records_it(self) -> None:
        form = self.open_form()
        self.send(form)
        page = self.send(form, points="12")
        self.assertContains(page, "Send it once more")
        self.send(form, points="12", entry=self.hidden(self.html(page), "entry"))
        self.assertEqual(Match.objects.count(), 2)

    def test_a_form_without_its_token_gets_a_new_one(self) -> None:
        page = self.send(entry="nonsense")
        self.assertContains(page, "This form was incomplete")
        self.send(entry=self.hidden(self.html(page), "entry"))
        self.assertEqual(Match.objects.count(), 1)

    def test_a_form_from_elsewhere_is_refused_politely(self) -> None:
        page = self.client.post(reverse("record"), {"winner": "Anna"})
        self.assertContains(page, "Nothing was recorded", status_code=403)


class TakingAMatchBack(Browser):
    def test_the_browser_that_recorded_it_can(self) -> None:
        self.assertContains(self.send(), "Your last entry")
        page = self.undo()
        self.assertContains(page, "Taken back: Anna beat Ben")
        self.assertNotContains(page, "Your last entry")
        self.assertFalse(Match.objects.exists())

    def test_another_browser_cannot(self) -> None:
        self.send()
        self.client = Client(enforce_csrf_checks=True)
        self.assertNotContains(self.client.get("/"), "Your last entry")
        self.assertContains(self.undo(), "nothing to take back")
        self.assertEqual(Match.objects.count(), 1)

    def test_a_forged_cookie_does_not_help(self) -> None:
        match = record()
        self.client.cookies["undo"] = str(match.entry)
        self.assertContains(self.undo(), "nothing to take back")
        self.assertEqual(Match.objects.count(), 1)

    def test_only_the_last_one_and_only_once(self) -> None:
        self.send(points="10")
        self.send(points="20")
        self.undo()
        self.undo()
        self.assertEqual(Match.objects.get().points, 10)

    def test_a_match_that_is_gone_offers_nothing(self) -> None:
        self.send()
        Match.objects.all().delete()
        self.assertNotContains(self.client.get("/"), "Your last entry")
        self.assertContains(self.undo(), "nothing to take back")

    def test_a_link_cannot_do_it_nor_a_form_from_elsewhere(self) -> None:
        self.send()
        self.assertEqual(self.client.get(reverse("undo")).status_code, 405)
        self.assertEqual(self.client.post(reverse("undo")).status_code, 403)
        self.assertEqual(Match.objects.count(), 1)


class PlayerPage(Browser):
    def test_it_shows_sums_chart_and_matches_in_a_fixed_number_of_queries(self) -> None:
        for days in (3, 2, 1):
            record("Anna", f"Ben {days}", points=10, played_at=days_ago(days))
        path = player("Anna").get_absolute_url()
        with self.assertNumQueries(4):
            page = self.client.get(path)
        self.assertContains(page, '<title id="chart-title">Points of Anna over time</title>')
        self.assertContains(page, "Ben 1")

    def test_a_newcomer_has_a_page_too(self) -> None:
        anna = Player.objects.create(name="Anna")
        page = self.client.get(anna.get_absolute_url())
        self.assertContains(page, "No matches yet.")
        self.assertNotContains(page, "<svg")

    def test_nobody_is_not_found(self) -> None:
        for path in ("/players/1/", f"/players/{10**30}/"):
            self.assertContains(self.client.get(path), "This page does not exist", status_code=404)


class EveryPage(Browser):
    def test_names_are_text_and_never_markup(self) -> None:
        for days in (2, 1):
            record(HOSTILE, "Ben", played_at=days_ago(days))
        self.send(winner=HOSTILE, loser="Ben")
        invalid = self.send(winner=HOSTILE, points="0")
        for page in (
            self.client.get("/"),
            self.client.get(player(HOSTILE).get_absolute_url()),
            self.client.get(player("Ben").get_absolute_url()),
            self.client.get(reverse("record")),
            self.client.get(reverse("record"), {"winner": HOSTILE}),
            invalid,
            self.undo(),
        ):
            html = self.html(page)
            self.assertNotIn("<script", html)
            self.assertIn("&lt;script&gt;", html)

    def test_nothing_is_inline_and_nothing_comes_from_elsewhere(self) -> None:
        record("Anna", "Ben", played_at=days_ago(2))
        record("Anna", "Ben")
        for path in ("/", "/record/", player("Anna").get_absolute_url(), "/nowhere/"):
            page = self.client.get(path)
            self.assertIn("default-src 'self'", page["Content-Security-Policy"])
            self.assertNotRegex(self.html(page), r'<script|<style|style="|(src|href)="https?:')

    def test_an_unknown_path_is_a_clean_404(self) -> None:
        page = self.client.get(f"/{uuid4()}/")
        self.assertContains(page, "This page does not exist", status_code=404)

    def test_a_crash_shows_a_page_that_needs_no_database(self) -> None:
        crashing = Client(raise_request_exception=False)
        with (
            self.settings(ROOT_URLCONF="project.leaderboard.tests.crashing_urls"),
            self.assertNumQueries(0),
            self.assertLogs("django.request", "ERROR"),
        ):
            page = crashing.get("/")
        self.assertContains(page, "Something went wrong", status_code=500)

    def test_the_icon_is_where_browsers_guess(self) -> None:
        self.assertRedirects(
            self.client.get("/favicon.ico"),
            "/static/leaderboard/favicon.svg",
            fetch_redirect_response=False,
        )
