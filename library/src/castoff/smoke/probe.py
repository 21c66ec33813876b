"""The probe: what the running release says of itself and of its database."""

from datetime import datetime

import msgspec

from castoff.errors import StepError
from castoff.model import Secret
from castoff.smoke.browser import Answer, Browser
from castoff.smoke.explain import unexpected
from castoff.smoke.wrong import Wrong, shown

PATH = "/-/castoff/probe"


class Stamp(msgspec.Struct, frozen=True):
    """Which code runs: the stamp, the commit's own time (ISO 8601) and its version."""

    commit: str
    committed_at: str = ""
    version: str = ""


class Migrations(msgspec.Struct, frozen=True):
    """Migrations as ``app.name``: those in the database, and those still to be applied."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


class Database(msgspec.Struct, frozen=True):
    """The database as the release uses it.

    Attributes:
        vendor: as Django names it, as in ``postgresql``.
        version: as in ``18.6``.
        latency_ms: milliseconds of the shortest query.
        written: whether a row was written and read back.
    """

    vendor: str
    version: str
    latency_ms: float
    written: bool


class AppliedMigration(msgspec.Struct, frozen=True):
    """A migration that a release command applied.

    Attributes:
        migration: its name as ``app.name``.
        sha256: the hash of its file.
        breaks: what code from before it cannot stand, in words; empty when it can.
    """

    migration: str
    sha256: str
    breaks: tuple[str, ...] = ()


class LedgerRow(msgspec.Struct, frozen=True):
    """A release command that ran.

    Attributes:
        commit: the stamp of its code.
        known: every migration in that code, each with the hash of its file.
        applied: the migrations that it applied.
        verdict: whether code from before it can go on.
        who: who ran it.
        at: when it ran.
    """

    commit: str
    known: dict[str, str]
    applied: tuple[AppliedMigration, ...]
    verdict: str
    who: str
    at: datetime


class ProbeAnswer(msgspec.Struct, frozen=True):
    """All that the probe answers.

    Attributes:
        release: which code answers.
        migrations: what is applied and what is pending.
        database: what it is, and whether it can be used.
        is_secure: whether the app takes the request for https.
        url: what the app takes for its own URL; None when it refuses the host.
        url_error: why it refuses the host.
        admin: the admin's path; empty when the app has none.
        ledger: the last release commands, newest first.
    """

    release: Stamp
    migrations: Migrations
    database: Database
    is_secure: bool
    url: str | None
    url_error: str = ""
    admin: str = ""
    ledger: tuple[LedgerRow, ...] = ()


class _Refusal(msgspec.Struct):
    error: str


def probe(url: str, token: Secret, timeout: float) -> ProbeAnswer | None:
    """Ask the probe of the release that runs at ``url``.

    Args:
        url: the release's public URL.
        token: the probe's token.
        timeout: seconds for the request.

    Returns:
        What it answers, or None when it answers nothing to this token (404).

    Raises:
        StepError: nothing runs there, its database cannot be used, or the answer is not a probe's.
        WrongInput: ``url`` is not one that can be asked.
    """
    try:
        with Browser(url, timeout) as browser:
            return ask_probe(browser, token)
    except Wrong as error:
        raise StepError(f"the probe: {error.what}", "Nothing was changed.", error.why) from None


def ask_probe(browser: Browser, token: Secret) -> ProbeAnswer | None:
    """Ask with a browser that is at hand.

    Raises:
        Wrong: as ``probe`` raises StepError.
    """
    answer = browser.post(PATH, {"Authorization": f"Bearer {token.reveal()}"}, {})
    if answer.status == 404:
        return None
    if answer.status == 503:
        raise _refused(answer)
    if answer.status != 200:
        raise unexpected(answer)
    try:
        return msgspec.json.decode(answer.body, type=ProbeAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Wrong(
            "the answer is not the one of castoff's probe",
            "Another app answers there, or its `castoff` is of another version than this one: "
            "lock the same version for both.",
        ) from None


def _refused(answer: Answer) -> Wrong:
    try:
        reason = msgspec.json.decode(answer.body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return unexpected(answer)
    return Wrong(
        f"503: {shown(reason, 200)}",
        "The release runs and cannot use its database: look whether it runs, whether "
        "DATABASE_URL is right (`inv attach`), and whether `manage.py release` migrated it; "
        "`inv logs` has the error.",
    )
