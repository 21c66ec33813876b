"""Listens at once, and is never ready."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class NotReady(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503)
        self.end_headers()


HTTPServer(("", int(os.environ["PORT"])), NotReady).serve_forever()
