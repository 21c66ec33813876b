"""Every path of the site, except those that castoff's middleware answers."""

from django.contrib import admin
from django.urls import include, path

from project.leaderboard.views import favicon

urlpatterns = [
    path("", include("project.leaderboard.urls")),
    path("admin/", admin.site.urls),
    # Pages of the admin name no icon, so that browsers ask here.
    path("favicon.ico", favicon),
]
