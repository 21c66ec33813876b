from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path


def home(request: HttpRequest) -> HttpResponse:
    if "broken-home" in settings.FAULTS:
        raise RuntimeError("the home page is broken")
    if "unlinked" in settings.FAULTS:
        return HttpResponse("<p>no files")
    return render(request, "home.html")


def search(request: HttpRequest) -> HttpResponse:
    """A form of the site's own: writes nothing, and says what is wrong."""
    status = 422 if request.method == "POST" and not request.POST.get("words") else 200
    return render(request, "search.html", {"posted": request.POST}, status=status)


def members(request: HttpRequest) -> HttpResponse:
    return redirect("/admin/login/")


def data(request: HttpRequest) -> HttpResponse:
    return HttpResponse("{}", content_type="application/json")


def broken_404(request: HttpRequest, exception: Exception) -> HttpResponse:
    raise RuntimeError("the 404 page is broken")


urlpatterns = [
    path("", home),
    path("search/", search),
    path("members/", members),
    path("data/", data),
    path("office/" if "moved-admin" in settings.FAULTS else "admin/", admin.site.urls),
]
if "broken-404" in settings.FAULTS:
    handler404 = broken_404
