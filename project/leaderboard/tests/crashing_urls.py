"""A site whose only page crashes."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def crash(request: HttpRequest) -> HttpResponse:
    """Raises."""
    raise RuntimeError("as the test wants it")


urlpatterns = [path("", crash)]
