"""The static files that the home page links."""

import re
from functools import partial

from castoff.smoke.browser import Answer, path_of
from castoff.smoke.explain import unexpected
from castoff.smoke.html import Linked, files
from castoff.smoke.pages import fetch
from castoff.smoke.site import Site
from castoff.smoke.together import together
from castoff.smoke.wrong import Wrong, shown

ASKED = {"Accept-Encoding": "gzip, br"}
ONE_PACKET = 1400  # bytes; below it there is nothing to win by compressing
YEAR = 31_536_000  # seconds
ROUNDS = 3  # times the seconds for one request, for all files together
SHOWN_FILES = 4

# Twelve hexadecimal digits before the last suffix: ManifestStaticFilesStorage (Django 5.2).
HASHED = re.compile(r"\.[0-9a-f]{12}\.[^./]+$")
SUFFIX = re.compile(r"\.[A-Za-z0-9]+$")
JAVASCRIPT = {"text/javascript", "application/javascript", "application/x-javascript"}
TEXT = re.compile(r"text/.*|.*\+xml|.*\+json|application/(javascript|json|xml|x-javascript)")
# What a browser takes a file for when it is told not to guess (X-Content-Type-Options).
TYPES = {
    "stylesheet": re.compile(r"text/css"),
    "script": re.compile("|".join(JAVASCRIPT)),
    "image": re.compile(r"image/.+"),
    "manifest": re.compile(r"application/(manifest\+)?json"),
}


def static(site: Site) -> str:
    """Every file: 200, the right type, compressed when asked, hashed names kept for ever."""
    try:
        linked = files(fetch(site, site.home))
    except Wrong as error:
        raise Wrong(
            f"the home page cannot be read, so its files are not known: {error.what}", error.why
        ) from None
    faults, size = _ask_for(site, linked)
    if faults:
        raise _told(faults, len(linked))
    if not linked:
        return f"{site.home} links no files of its own"
    hashed = sum(1 for file in linked if HASHED.search(_name(file.url)))
    return f"files: {len(linked)}; bytes sent: {size:,}; with hashed names: {hashed}"


def check_file(site: Site, file: Linked) -> int:
    """Ask for one file; return the bytes that were sent.

    Raises:
        Wrong: a browser could not use it, or would load it again and again.
    """
    answer = site.browser.get(file.url, ASKED)
    if answer.status != 200:
        raise _missing(answer)
    _judge_type(answer, file.use)
    _judge_compression(answer)
    _judge_caching(answer)
    return answer.sent


def _ask_for(site: Site, linked: list[Linked]) -> tuple[list[Wrong], int]:
    faults: dict[int, Wrong | None] = dict.fromkeys(range(len(linked)), None)
    size = 0
    waiting = set(faults)
    jobs = [partial(_try, site, file) for file in linked]
    for index, result in together(jobs, site.options.timeout * ROUNDS):
        waiting.discard(index)
        if isinstance(result, Wrong):
            faults[index] = result
        else:
            size += result
    for index in waiting:
        faults[index] = Wrong(f"{shown(path_of(linked[index].url))} gave no answer in time")
    return [fault for fault in faults.values() if fault], size


def _try(site: Site, file: Linked) -> int | Wrong:
    try:
        return check_file(site, file)
    except Wrong as error:
        return error


def _told(faults: list[Wrong], count: int) -> Wrong:
    """One text for all: each file once, each cause once."""
    names = "; ".join(fault.what for fault in faults[:SHOWN_FILES])
    more = f"; and {len(faults) - SHOWN_FILES} more" if len(faults) > SHOWN_FILES else ""
    causes = dict.fromkeys(fault.why for fault in faults if fault.why)
    return Wrong(f"wrong are {len(faults)} of {count}: {names}{more}", "\n".join(causes))


def _missing(answer: Answer) -> Wrong:
    error = unexpected(answer)
    if answer.status != 404:
        return error
    return Wrong(
        error.what,
        "`collectstatic` did not run for this release or did not find the file (STATIC_ROOT, "
        "STATICFILES_DIRS), or WhiteNoise is not right after SecurityMiddleware.",
    )


def _judge_type(answer: Answer, use: str) -> None:
    is_svg = _name(answer.url).endswith(".svg")
    fits = (
        answer.media_type == "image/svg+xml" if is_svg else TYPES[use].fullmatch(answer.media_type)
    )
    if not fits:
        raise Wrong(
            f"{answer.path} came as {shown(answer.media_type) or 'no type'}, used as a {use}",
            "A browser refuses a file of another type. text/html means that a page answers in "
            "its place; otherwise the type is missing from WHITENOISE_MIMETYPES.",
        )


def _judge_compression(answer: Answer) -> None:
    is_text = TEXT.fullmatch(answer.media_type) and SUFFIX.search(_name(answer.url))
    if is_text and answer.sent > ONE_PACKET and not answer.header("content-encoding"):
        raise Wrong(
            f"{answer.path} came uncompressed, {answer.sent:,} bytes",
            'STORAGES["staticfiles"] should be '
            "whitenoise.storage.CompressedManifestStaticFilesStorage.",
        )


def _judge_caching(answer: Answer) -> None:
    control = answer.header("cache-control").lower()
    age = re.search(r"max-age=\"?(\d+)", control)
    kept = "immutable" in control or (age and int(age[1][:12]) >= YEAR)
    if HASHED.search(_name(answer.url)) and not kept:
        raise Wrong(
            f"{answer.path} may not be kept (Cache-Control: {shown(control) or 'none'})",
            "Its name changes with its content, so that browsers may keep it for ever: serve it "
            "by WhiteNoise, or let the proxy before it pass `immutable` on.",
        )


def _name(url: str) -> str:
    return path_of(url).partition("?")[0].rpartition("/")[2]
