"""Asks everything: health first, and then all the rest at the same time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from threading import Event
from time import perf_counter

from castoff.config import SmokeConfig
from castoff.model import Secret, SmokeCheck
from castoff.redactor import REDACTOR
from castoff.smoke import forms, https, pages, release, static
from castoff.smoke.browser import Browser, origin_of
from castoff.smoke.probe import ask_probe
from castoff.smoke.site import Site
from castoff.smoke.together import together
from castoff.smoke.wrong import NoAnswer, Wrong, shown

OnCheck = Callable[[SmokeCheck], None]
Ask = Callable[[], str]
"""Asks, and returns what came back, in words; raises Wrong."""
Question = tuple[str, Ask]

LONGEST = 6  # times the seconds for one request, after which nothing is waited for


def ask(
    url: str,
    *,
    stamp: str,
    token: Secret | None,
    options: SmokeConfig,
    admin: str | None,
    health_path: str = "/healthz",
    http_url: str | None = None,
    address: tuple[str, int] | None = None,
    on_check: OnCheck,
    cancelled: Event | None = None,
) -> list[SmokeCheck]:
    """Ask the release that runs at ``url`` whether it is the right one and works.

    Args:
        url: where the public reaches it, as in ``https://host`` or ``http://localhost:8000``.
        stamp: the stamp that it must answer.
        token: its probe's token; None when it is not known here.
        options: the pages and forms to ask, and the seconds for each request.
        admin: the admin's path; what the app's probe says when empty; None when there is none.
        health_path: where it answers health checks.
        http_url: the plain http side of an https URL; port 80 of the same host when left out,
            and not asked when the https port is not 443.
        address: host and port to connect to in place of the URL's, where the public is not let in
            yet.
        on_check: called with each check as it ends, in this thread.
        cancelled: set, from another thread, when nobody wants to know any more.

    Returns:
        The checks in a fixed order. Only one, a failed one, when nothing answers at all
        (``health``) or the server cannot prove who it is (``certificate``).

    Raises:
        WrongInput: ``url`` is not one that can be asked.
        Interrupted: it was cancelled.
    """
    plain = https.plain_side(origin_of(url)) if http_url is None else http_url.rstrip("/")
    with Browser(url, options.timeout, plain, address) as browser:
        site = Site(
            browser=browser,
            stamp=stamp,
            token=token,
            options=options,
            admin=f"/{admin.strip('/')}/".replace("//", "/") if admin else "",
            health_path=health_path,
            http_url=plain,
            now=datetime.now(UTC),
        )
        first, goes_on = _health(site, cancelled)
        on_check(first)
        if not goes_on:
            return [first]
        if admin == "":
            site = replace(site, admin=_admin(site))
        return [first, *_all(questions(site), options.timeout, on_check, cancelled)]


def questions(site: Site) -> list[Question]:
    """Everything that is asked of a release that answers, in the order in which it is told."""
    asked: list[Question] = [("stamp", partial(release.stamp, site))]
    asked += [(f"page:{path}", partial(pages.page, site, path)) for path in site.options.pages]
    asked.append(("not-found", partial(pages.not_found, site)))
    if site.options.pages:
        asked.append(("static", partial(static.static, site)))
    if site.admin:
        asked.append(("admin", partial(forms.admin, site)))
        asked.append(("form", partial(forms.login, site)))
    asked += [(f"form:{form.path}", partial(forms.form, site, form)) for form in site.options.forms]
    asked.append(("probe", partial(release.probe, site)))
    if site.browser.is_https:
        asked += https.questions(site)
    return asked


def _admin(site: Site) -> str:
    """The admin's path as the app says it; empty when there is none, or no probe to say it."""
    try:
        answer = ask_probe(site.browser, site.token) if site.token else None
    except Wrong:
        return ""  # the probe has a check of its own, which says what is wrong with it
    return answer.admin if answer else ""


def _health(site: Site, cancelled: Event | None) -> tuple[SmokeCheck, bool]:
    """Ask for health; also return whether anything answers, so that there is more to ask."""
    silent: list[NoAnswer] = []

    def listen() -> str:
        try:
            return release.health(site)
        except NoAnswer as error:
            silent.append(error)
            rest = f"{error.why} The other checks were not asked.".strip()
            raise Wrong(error.what, rest) from None

    limit = site.options.timeout * LONGEST
    for _, check in together([partial(_judge, "health", listen)], limit, cancelled):
        untrusted = bool(silent) and silent[0].untrusted
        named = SmokeCheck("certificate", False, check.detail, check.seconds)
        return named if untrusted else check, not silent
    return _unfinished("health", limit), False


def _all(
    asked: Sequence[Question], timeout: float, on_check: OnCheck, cancelled: Event | None
) -> list[SmokeCheck]:
    limit = timeout * LONGEST
    checks: list[SmokeCheck | None] = [None] * len(asked)
    jobs = [partial(_judge, name, question) for name, question in asked]
    for index, check in together(jobs, limit, cancelled):
        checks[index] = check
        on_check(check)
    for index, (name, _) in enumerate(asked):
        if checks[index] is None:
            checks[index] = late = _unfinished(name, limit)
            on_check(late)
    return [check for check in checks if check]


def _judge(name: str, question: Ask) -> SmokeCheck:
    began = perf_counter()
    try:
        ok, detail = True, question()
    except Wrong as error:
        ok, detail = False, str(error)
    except Exception as error:
        ok = False
        detail = (
            f"the check itself failed: {type(error).__name__}: {shown(str(error))}\n"
            "This is a fault of castoff's; please report it."
        )
    seconds = round(perf_counter() - began, 4)
    return SmokeCheck(name, ok, REDACTOR.redact(detail), seconds)


def _unfinished(name: str, limit: float) -> SmokeCheck:
    detail = (
        f"no end in {limit:g} s\n"
        "The server sends its answer too slowly, or looking up its host hangs: `inv logs`."
    )
    return SmokeCheck(name, False, detail, limit)
