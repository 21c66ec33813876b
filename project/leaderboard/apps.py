"""How Django sees the app."""

from django.apps import AppConfig


class LeaderboardConfig(AppConfig):
    """The Gin Rummy leaderboard."""

    name = "project.leaderboard"
    label = "leaderboard"
    verbose_name = "Gin Rummy leaderboard"
