"""Serves the project over real HTTP on a free port of loopback, whose number it prints."""

import os
from wsgiref.simple_server import make_server

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
application = get_wsgi_application()

if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, application)
    print(server.server_port, flush=True)
    server.serve_forever()
