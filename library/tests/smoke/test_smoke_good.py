"""A release with nothing wrong passes every check, and is left as it was."""

import subprocess
import sys

from smoke_served import STAMP, TOKEN, Served, Site

import castoff.smoke
from castoff.config import FormConfig, SmokeConfig
from castoff.model import SmokeCheck

SEARCH = FormConfig("/search/", {"words": "gin"})


def failed(checks: dict[str, SmokeCheck]) -> list[SmokeCheck]:
    return [check for check in checks.values() if not check.ok]


def test_over_http_everything_passes_in_a_fixed_order(good: Served) -> None:
    checks = good.ask(pages=("/", "/search/"), forms=(SEARCH,))
    assert failed(checks) == []
    assert list(checks) == [
        *("health", "stamp", "page:/", "page:/search/", "not-found", "static"),
        *("admin", "form", "form:/search/", "probe"),
    ]
    assert all(0 < check.seconds < 5 for check in checks.values())


def test_over_https_everything_passes(good_https: Served, site: Site) -> None:
    with site.served("https-redirect", origin=good_https.url) as plain:
        checks = good_https.ask(http_url=plain.url, forms=(SEARCH,))
    assert failed(checks) == []
    assert list(checks)[-4:] == ["redirect", "hsts", "cookies", "certificate"]
    assert checks["redirect"].detail == "301 in one hop"
    assert checks["hsts"].detail == "max-age=86400"
    assert checks["cookies"].detail == "Secure: csrftoken"
    assert checks["certificate"].detail.endswith("days left: 89")


def test_what_the_public_does_not_reach_yet_is_asked_by_its_own_name_at_its_address(
    site: Site,
) -> None:
    name = "http://localhost"  # on port 80, where nobody listens
    with site.served(origin=name) as served:
        port = int(served.url.rpartition(":")[2])
        checks = served.ask(url=name, address=("127.0.0.1", port), forms=(SEARCH,))
    assert failed(checks) == []


def test_the_answers_say_what_was_found(good: Served) -> None:
    checks = good.ask()
    assert checks["stamp"].detail == STAMP
    assert checks["not-found"].detail == "404"
    assert checks["static"].detail.startswith("files: 4; bytes sent: ")
    assert checks["static"].detail.endswith("with hashed names: 4")
    assert checks["probe"].detail.startswith("postgresql ")


def test_an_odd_https_port_has_no_http_side_that_could_be_known(good_https: Served) -> None:
    assert "redirect" not in good_https.ask()


def test_without_a_token_the_probe_is_not_asked_and_says_so(good: Served) -> None:
    probe = good.ask(token=None)["probe"]
    assert probe.ok
    assert probe.detail == "not asked: the probe's token is not known here"


def test_each_check_is_told_when_it_ends_and_again_in_the_result(good: Served) -> None:
    told: list[SmokeCheck] = []
    checks = castoff.smoke.ask(
        good.url,
        stamp=STAMP,
        token=TOKEN,
        options=SmokeConfig(),
        admin="/admin/",
        on_check=told.append,
    )
    assert told[0].id == "health"
    assert sorted(map(repr, told)) == sorted(map(repr, checks))


def test_nothing_is_written_but_the_probes_own_row(good: Served, site: Site) -> None:
    tables = ("auth_user", "django_session", "django_admin_log", "castoff_release")
    before = [site.count(table) for table in tables]
    good.ask()
    assert [site.count(table) for table in tables] == before
    assert site.count("castoff_probe_mark") == 1


def test_nobody_needs_httpx_to_import_it() -> None:
    program = "import sys, castoff.smoke; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
