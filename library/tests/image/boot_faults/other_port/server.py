"""Serves on a port of its own choice."""

from http.server import HTTPServer, SimpleHTTPRequestHandler

HTTPServer(("", 5000), SimpleHTTPRequestHandler).serve_forever()
