"""Whether it answers, with which code, and whether it can use its database."""

from castoff.smoke.browser import Answer, origin_of
from castoff.smoke.explain import unexpected
from castoff.smoke.probe import ProbeAnswer, ask_probe
from castoff.smoke.site import Site
from castoff.smoke.wrong import NoAnswer, Wrong, shown

PAUSE = 0.05  # seconds between two tries while nothing listens yet
UNSTAMPED = "unknown"
SHOWN_PENDING = 5


def health(site: Site) -> str:
    """200 at the health path; waits for the first answer as long as for any request."""
    try:
        answer = site.browser.get(site.health_path)
    except NoAnswer as silence:
        if not silence.may_come:
            raise
        answer = _awaited(site)
    if answer.status == 200:
        return "200"
    error = unexpected(answer)
    if answer.status in (301, 302, 307, 308, 400, 404):
        raise Wrong(error.what, MIDDLEWARE)
    raise error


def _awaited(site: Site) -> Answer:
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

    tries = Retrying(
        stop=stop_after_delay(site.options.timeout),
        wait=wait_fixed(PAUSE),
        retry=retry_if_exception(lambda error: isinstance(error, NoAnswer) and error.may_come),
        reraise=True,
    )
    return tries(site.browser.get, site.health_path)


def stamp(site: Site) -> str:
    """The code that answers is the code that was just deployed."""
    answer = site.browser.get(site.health_path)
    found = answer.header("x-release")
    if found == site.stamp:
        return found
    if not found:
        raise Wrong(f"{answer.path} answered {answer.status} without X-Release", MIDDLEWARE)
    if found == UNSTAMPED:
        raise Wrong(
            "the release that answers has no stamp",
            "release.json is missing from the artifact or from the folder that the app starts in "
            "(or BASE_DIR): deploy it with `inv deploy`, which writes it.",
        )
    raise Wrong(
        f"{shown(found)} answers, and not {site.stamp}",
        "The release before this one still serves, or some of its processes do, or another app "
        "answers at this URL: `inv status` and `inv releases` tell which.",
    )


def probe(site: Site) -> str:
    """The database takes a write and gives it back, is migrated, and the app knows its URL."""
    if site.token is None:
        return "not asked: the probe's token is not known here"
    answer = ask_probe(site.browser, site.token)
    if answer is None:
        raise Wrong(
            "the probe answered 404",
            "The token is not the one that the release runs with, or it has fewer than 32 "
            "characters: `inv secrets`, and deploy again. Or castoff's middleware is not first.",
        )
    _judge_database(answer)
    _judge_url(answer, site.browser.origin)
    used = answer.database
    return (
        f"{used.vendor} {used.version}, {used.latency_ms:g} ms, written and read back; "
        f"migrations applied: {len(answer.migrations.applied)}"
    )


def _judge_database(answer: ProbeAnswer) -> None:
    if not answer.database.written:
        raise Wrong("the database took no write", "It is read-only, or full: `inv logs`.")
    pending = answer.migrations.pending
    if pending:
        names = ", ".join(pending[:SHOWN_PENDING]) + (" …" if len(pending) > SHOWN_PENDING else "")
        raise Wrong(
            f"migrations that are not applied ({len(pending)}): {shown(names, 300)}",
            "The release command did not run, or ran on another database: it must be "
            "`manage.py release`. `inv deploy` runs it.",
        )


def _judge_url(answer: ProbeAnswer, origin: str) -> None:
    if answer.url is None:
        raise Wrong(
            f"the app refuses its own host: {shown(answer.url_error)}",
            f"ALLOWED_HOSTS lacks it: put {origin} into PUBLIC_URLS.",
        )
    found = origin_of(answer.url)
    if found.partition("://")[2] != origin.partition("://")[2]:
        raise Wrong(
            f"the app takes {shown(answer.url)} for its URL, and not {origin}",
            "What stands before the app passes another Host header on, or USE_X_FORWARDED_HOST "
            "believes a client: links in mails and redirects lead astray. Pass the true Host.",
        )
    if found != origin or answer.is_secure != origin.startswith("https:"):
        raise Wrong(
            f"the app takes the request for {'https' if answer.is_secure else 'http'} "
            f"({shown(answer.url)}), and it came to {origin}",
            "The edge must send X-Forwarded-Proto, and the settings must have "
            'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") exactly when '
            "PUBLIC_URLS is https. Otherwise forms get 403 and redirects never end.",
        )


MIDDLEWARE = (
    "castoff's ReleaseMiddleware is not the first entry of MIDDLEWARE, the health path is not "
    "CASTOFF_HEALTH_PATH, or another app answers at this URL."
)
