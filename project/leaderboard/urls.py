"""The paths of the leaderboard."""

from django.urls import path

from project.leaderboard import views

urlpatterns = [
    path("", views.all_time, name="leaderboard"),
    path("last-30-days/", views.last_30_days, name="last-30-days"),
    path("record/", views.record, name="record"),
    path("undo/", views.undo, name="undo"),
    path("players/<int:pk>/", views.player, name="player"),
]
