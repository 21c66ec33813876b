"""HTTP in, services and selectors, HTTP out."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from project.leaderboard import selectors, services
from project.leaderboard.chart import line_chart
from project.leaderboard.forms import MatchForm
from project.leaderboard.models import MAX_POINTS, MIN_POINTS, Match, Player

# The right to undo lives in the browser that recorded the match, for an evening of cards.
UNDO_COOKIE = "undo"
UNDO_SECONDS = 12 * 3600
PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,3}")


@require_safe
def all_time(request: HttpRequest) -> HttpResponse:
    """The leaderboard over everything."""
    page = selectors.leaderboard(page=_page_number(request))
    return _leaderboard(request, page, shown="leaderboard")


@require_safe
def last_30_days(request: HttpRequest) -> HttpResponse:
    """The leaderboard over the last 30 days."""
    since = timezone.now() - timedelta(days=30)
    page = selectors.leaderboard(since=since, page=_page_number(request))
    return _leaderboard(request, page, shown="last-30-days")


@require_safe
def player(request: HttpRequest, pk: int) -> HttpResponse:
    """One player: the sums, the chart, the last matches."""
    found = get_object_or_404(Player, pk=pk)
    context = {
        "player": found,
        "record": selectors.player_record(found),
        "matches": selectors.recent_matches(found),
        "chart": line_chart(selectors.points_over_time(found)),
    }
    return render(request, "leaderboard/player.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def record(request: HttpRequest) -> HttpResponse:
    """The form that records a match; `?winner=` and `?loser=` fill in the names."""
    if request.method != "POST":
        return _form(request, MatchForm(initial=request.GET.dict()))
    form = MatchForm(request.POST)
    if form.is_valid():
        try:
            recorded = services.record_match(**form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _recorded(request, recorded)
    return _form(request, form)


@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Takes back the match that this browser recorded last."""
    entry = _entry_to_undo(request)
    match = services.undo_match(entry=entry) if entry else None
    if match:
        messages.success(request, f"Taken back: {match}.")
    else:
        messages.info(request, "There is nothing to take back.")
    response = redirect("leaderboard")
    response.delete_cookie(UNDO_COOKIE)
    return response


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Where the icon is, for browsers that guess."""
    return redirect(static("leaderboard/favicon.svg"))


def _leaderboard(request: HttpRequest, page: selectors.Page, *, shown: str) -> HttpResponse:
    entry = _entry_to_undo(request)
    context = {
        "page": page,
        "shown": shown,
        "undoable": selectors.match_of_entry(entry) if entry else None,
    }
    return render(request, "leaderboard/leaderboard.html", context)


def _form(request: HttpRequest, form: MatchForm) -> HttpResponse:
    context = {
        "form": form,
        "entry": _entry_of_form(form),
        "names": selectors.suggested_names(),
        "kinds": Match.Kind.choices,
        "min_points": MIN_POINTS,
        "max_points": MAX_POINTS,
    }
    return render(request, "leaderboard/record.html", context)


def _entry_of_form(form: MatchForm) -> UUID:
    """The token to send with the form: the same while it has recorded nothing, else a new one."""
    if form.is_bound and not form.has_error(NON_FIELD_ERRORS, services.FORM_USED):
        return form.cleaned_data.get("entry") or uuid4()
    return uuid4()


def _recorded(request: HttpRequest, recorded: services.Recorded) -> HttpResponse:
    if recorded.is_new:
        messages.success(request, "Match recorded.")
    else:
        messages.info(request, "This match was recorded before, and counts once.")
    response = redirect("leaderboard")
    response.set_signed_cookie(
        UNDO_COOKIE,
        str(recorded.match.entry),
        salt=UNDO_COOKIE,
        max_age=UNDO_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _entry_to_undo(request: HttpRequest) -> UUID | None:
    value = request.get_signed_cookie(
        UNDO_COOKIE, default=None, salt=UNDO_COOKIE, max_age=UNDO_SECONDS
    )
    return UUID(value) if value else None


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    if not PAGE_NUMBER.fullmatch(text):
        raise Http404("There is no such page.")
    return int(text)
