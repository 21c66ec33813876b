"""The admin: corrections that the app itself does not offer."""

from django.contrib import admin

from project.leaderboard.models import Match, Player


@admin.register(Player)
class PlayerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Players by name."""

    list_display = ("name", "created_at")
    search_fields = ("name",)
    readonly_fields = ("created_at",)


@admin.register(Match)
class MatchAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Matches, newest first."""

    list_display = ("played_at", "winner", "loser", "kind", "points")
    list_filter = ("kind", "played_at")
    list_select_related = ("player_a", "player_b", "winner")
    search_fields = ("player_a__name", "player_b__name")
    autocomplete_fields = ("player_a", "player_b", "winner")
    date_hierarchy = "played_at"
