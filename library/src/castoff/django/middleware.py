"""First in `MIDDLEWARE`: answers the health check and the probe, and touches nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.response import HttpResponseBase

from castoff.django import probe
from castoff.django.stamp import stamp

HEALTH_PATH = "/healthz"
PROBE_PATH = "/-/castoff/probe"


class ReleaseMiddleware:
    """Answers `GET /healthz` and `POST /-/castoff/probe` before any other middleware sees them.

    A platform's health check comes with an IP address for a host and over plain http: so neither
    `ALLOWED_HOSTS` nor a redirect to https may be asked before it.

    Attributes:
        health_path: `settings.CASTOFF_HEALTH_PATH`, or `/healthz`.
        release: the stamp of the code that this process runs.
        is_async: whether what it wraps is asynchronous.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        self.health_path: str = getattr(settings, "CASTOFF_HEALTH_PATH", HEALTH_PATH)
        self.release = stamp()  # read now: the working folder may change later

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """The answer, or what the rest of the project answers."""
        if self.is_async:
            return self._call_async(request)
        if self._asks_for_health(request):
            return self._health(request)
        if request.path_info == PROBE_PATH:
            return self._probe(request)
        answer: HttpResponseBase = self.get_response(request)
        return answer

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        if self._asks_for_health(request):
            return self._health(request)
        if request.path_info == PROBE_PATH:
            return await sync_to_async(self._probe)(request)
        answer: HttpResponseBase = await self.get_response(request)
        return answer

    def _asks_for_health(self, request: HttpRequest) -> bool:
        return request.path_info == self.health_path and request.method in ("GET", "HEAD")

    def _health(self, request: HttpRequest) -> HttpResponse:
        headers = {
            "X-Release": self.release.commit,
            "Cache-Control": "no-store",
            "Content-Length": "2",
        }
        body = b"" if request.method == "HEAD" else b"ok"
        return HttpResponse(body, content_type="text/plain", headers=headers)

    def _probe(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and probe.is_authorized(request):
            return probe.answer(request)
        return HttpResponseNotFound(b"Not Found", content_type="text/plain")
