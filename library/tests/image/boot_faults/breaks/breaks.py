"""Has a page that writes beside the code."""

from pathlib import Path

from project.wsgi import application as app


def application(environ, start_response):
    if environ["PATH_INFO"] == "/":
        Path("/app/visits.txt").write_text("1")
    return app(environ, start_response)
