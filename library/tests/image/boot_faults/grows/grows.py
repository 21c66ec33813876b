"""Keeps a little of each request for ever."""

from project.wsgi import application as app

kept = []


def application(environ, start_response):
    if environ["PATH_INFO"] == "/":
        kept.append(bytearray(b"x") * 8_000_000)
    return app(environ, start_response)
