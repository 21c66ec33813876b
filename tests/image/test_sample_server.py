"""The sample's image as it serves: read-only, without rights, without a shell."""

import re
from collections.abc import Iterator

import pytest
from checkout import get
from sample_image import RELEASE, SampleImage, Server, serving

from castoff.image.boot.database import Database, scratch_database
from castoff.image.engine import Engine

# What is imported for the first request, and has no byte code: it would be compiled at each boot.
COMPILED_AT_BOOT = """
import gunicorn.app.wsgiapp, gunicorn.workers.gthread, os, project.wsgi, sys
from django.core.management import load_command_class
from django.urls import get_resolver

get_resolver().url_patterns
load_command_class("castoff.django", "release")
specs = [module.__spec__ for module in sys.modules.values()]
files = [one.cached for one in specs if one and one.has_location and one.cached]
print(*(file for file in files if not os.path.exists(file)))
"""
OVER_IPV6 = """
import os, urllib.request

here = os.path.exists("/proc/net/if_inet6") and "00000001" in open("/proc/net/if_inet6").read()
host = "[::1]" if here else "127.0.0.1"
print(urllib.request.urlopen(f"http://{host}:{os.environ['PORT']}/healthz").status)
"""


@pytest.fixture(scope="module")
def database(engine: Engine) -> Iterator[Database]:
    """A PostgreSQL that containers can reach."""
    with scratch_database(engine.client) as found:
        yield found


@pytest.fixture(scope="module")
def server(image: SampleImage, database: Database) -> Iterator[Server]:
    """It, on a port of the platform's choice."""
    with serving(image, database, port=9123) as found:
        yield found


def test_it_answers_with_its_release(server: Server) -> None:
    assert get(f"{server.url}/healthz").release == RELEASE["commit"]


def test_a_page_and_its_stylesheets_are_served(server: Server) -> None:
    page = get(f"{server.url}/")
    assert page.status == 200
    assert "No matches yet" in page.text or "Leaderboard" in page.text
    styles = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
    assert styles
    for style in styles:
        answer = get(server.url + style)
        assert answer.status == 200
        assert answer.headers["cache-control"] == "max-age=315360000, public, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"  # it is there compressed, too


def test_it_answers_over_both_protocols(server: Server) -> None:
    assert server.python(OVER_IPV6) == "200"


def test_the_server_is_the_first_process(server: Server) -> None:
    first = server.python("print(open('/proc/1/cmdline').read().split(chr(0)))")
    assert "/usr/local/bin/gunicorn" in first


def test_nothing_is_compiled_at_boot(server: Server) -> None:
    assert server.python(COMPILED_AT_BOOT) == ""


def test_it_listens_on_port_8000_unless_told_and_ends_well_when_asked(
    image: SampleImage, database: Database
) -> None:
    with serving(image, database) as server:
        assert server.stop() == 0
