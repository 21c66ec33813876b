"""The apps that are served here: a plain WSGI one, and a Django project with castoff installed."""

from pathlib import Path
from textwrap import dedent

TOKEN = "t0ken-" * 8

PLAIN = """
    import json, os, sys, time

    mode = os.environ["MODE"]
    print("loading in mode", mode, flush=True)
    if mode == "crash":
        raise RuntimeError("no such luck")
    if mode == "hang":
        time.sleep(60)

    def application(environ, start):
        status, body = answer(environ["PATH_INFO"], environ)
        start(status, [("X-Release", os.environ["STAMP"]), ("Content-Length", str(len(body)))])
        return [body]

    def answer(path, environ):
        if path == "/healthz":
            return ("500 Sorry" if mode == "500" else "200 OK"), b"ok"
        if path == "/-/castoff/probe":
            return probe(environ)
        if path == "/slow":
            time.sleep(0.4)
        return "200 OK", f"{os.environ['STAMP']} {os.getpid()}".encode()

    def probe(environ):
        if environ.get("HTTP_AUTHORIZATION") != "Bearer " + os.environ["CASTOFF_PROBE_TOKEN"]:
            return "404 Not Found", b""
        pending = ["shop.0002_more"] if mode == "pending" else []
        return "200 OK", json.dumps({"migrations": {"pending": pending}}).encode()
"""

SETTINGS = """
    import os
    import dj_database_url

    SECRET_KEY = "k" * 60
    ALLOWED_HOSTS = ["localhost"]
    INSTALLED_APPS = ["castoff.django"]
    MIDDLEWARE = ["castoff.django.middleware.ReleaseMiddleware"]
    ROOT_URLCONF = "urls"
    DATABASES = {"default": dj_database_url.config(conn_health_checks=True)}
    POOL = {"min_size": 1, "max_size": 4, "timeout": float(os.environ["POOL_TIMEOUT"])}
    DATABASES["default"]["OPTIONS"] = {"pool": POOL}
"""

URLS = """
    from django.db import connection
    from django.http import HttpResponse
    from django.urls import path

    def count(request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM castoff_probe_mark")
            return HttpResponse(str(cursor.fetchone()[0]))

    urlpatterns = [path("", count), path("slow", count)]
"""


def write_plain(folder: Path) -> str:
    """Write the plain app; return its WSGI name."""
    (folder / "plain.py").write_text(dedent(PLAIN))
    return "plain:application"


def write_django(folder: Path, stamp: str) -> str:
    """Write the Django project; return its WSGI name."""
    (folder / "settings.py").write_text(dedent(SETTINGS))
    (folder / "urls.py").write_text(dedent(URLS))
    (folder / "release.json").write_text(f'{{"commit": "{stamp}"}}')
    (folder / "site_wsgi.py").write_text(
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    return "site_wsgi:application"
