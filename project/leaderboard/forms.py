"""The form that records a match."""

from django import forms

from project.leaderboard import names
from project.leaderboard.models import MAX_POINTS, MIN_POINTS, Match


class MatchForm(forms.Form):
    """Names, not keys, so that a new player needs no form of their own.

    What depends on the database is checked by the service. `entry` is the form's own token.
    """

    winner = forms.CharField(max_length=names.MAX_LENGTH)
    loser = forms.CharField(max_length=names.MAX_LENGTH)
    kind = forms.ChoiceField(choices=Match.Kind.choices)
    points = forms.IntegerField(min_value=MIN_POINTS, max_value=MAX_POINTS)
    entry = forms.UUIDField()
