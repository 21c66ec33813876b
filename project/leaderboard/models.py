"""Players and the matches between them. What must always hold, the database enforces."""

import uuid
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from project.leaderboard import names

MIN_POINTS = 1
MAX_POINTS = 500


class Player(models.Model):
    """Someone who plays. `name_key` makes the name unique whatever its letters' case.

    `first_entry` is the token of the form that entered the player with a first match, and null
    for one from the admin.
    """

    name = models.CharField(max_length=names.MAX_LENGTH)
    name_key = models.TextField(unique=True, editable=False)
    first_entry = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(name=""), name="player_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Tidies the name; raises ValidationError when another player has it."""
        try:
            self.name = names.tidy(self.name)
        except ValidationError as error:
            raise ValidationError({"name": error}) from None
        same_name = Player.objects.filter(name_key=names.key(self.name))
        if same_name.exclude(pk=self.pk).exists():
            raise ValidationError({"name": "There is a player of this name already."})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keeps the key in step with the name."""
        self.name_key = names.key(self.name)
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "name_key"}
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        """The player's page."""
        return reverse("player", args=[self.pk])


class Match(models.Model):
    """One hand of Gin Rummy between two players, with the winner's points.

    `entry` is the token of the form that recorded it. It is unique, so that one form records
    one match however often it is sent, and known only to the browser that was given the form,
    so that having it is the right to undo.
    """

    class Kind(models.TextChoices):
        """How the hand ended."""

        GIN = "gin", "Gin"
        UNDERCUT = "undercut", "Undercut"
        KNOCK = "knock", "Knock"

    player_a = models.ForeignKey(Player, models.PROTECT, related_name="matches_as_a")
    player_b = models.ForeignKey(Player, models.PROTECT, related_name="matches_as_b")
    winner = models.ForeignKey(Player, models.PROTECT, related_name="matches_won")
    kind = models.CharField(max_length=8, choices=Kind)
    points = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(MIN_POINTS), MaxValueValidator(MAX_POINTS)]
    )
    played_at = models.DateTimeField(default=timezone.now, db_index=True)
    entry = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    class Meta:
        verbose_name_plural = "matches"
        ordering: ClassVar = ["-played_at", "-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(player_a=F("player_b")),
                name="match_players_differ",
                violation_error_message="A player cannot play against themselves.",
            ),
            models.CheckConstraint(
                condition=Q(winner=F("player_a")) | Q(winner=F("player_b")),
                name="match_winner_is_one_of_the_two",
                violation_error_message="The winner must be one of the two players.",
            ),
            models.CheckConstraint(
                condition=Q(points__gte=MIN_POINTS, points__lte=MAX_POINTS),
                name="match_points_in_range",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["gin", "undercut", "knock"]), name="match_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.winner} beat {self.loser}: {self.kind}, {self.points} points"

    @property
    def loser(self) -> Player:
        """The one of the two who did not win."""
        return self.player_b if self.winner_id == self.player_a_id else self.player_a

    @property
    def players(self) -> tuple[Player, Player]:
        """Both, winner first."""
        return self.winner, self.loser
