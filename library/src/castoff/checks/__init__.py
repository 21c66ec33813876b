"""Checks: functions that look at the facts of a deploy and yield findings, each with a stable id.

Only the standard library and the model are imported here: a project's ``tasks.py`` imports this
to add checks of its own. The families load when they are run.
"""

import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from castoff.errors import CastoffError, WrongInput, headline
from castoff.model import Finding, Level
from castoff.nearest import meant
from castoff.shell import Shell

if TYPE_CHECKING:
    from castoff.checks.app_facts import AppFacts
    from castoff.checks.tracked import Tracked
    from castoff.config import Config
    from castoff.model import Environment, Secret, Source

MODULES = ("source", "tracked", "settings", "hosts", "static", "database", "secrets", "image")
# Found in an image when it is audited (castoff.image), not by a check that is registered here.
AUDITED = ("E302", "E303", "E304", "E305", "E307", "E308", "W309")
OWN_ID = re.compile(r"([A-Za-z_]\w*\.)?[EW]\d{3}")
DJANGO_ID = re.compile(r"\w+\.[A-Z]\d{3}")

# What the app did not get to is None; each with what is then said.
APP_PARTS = {
    "settings": "the settings cannot be imported",
    "messages": "Django's own checks did not run",
    "health": "the app could not be asked for its health",
    "migrations": "the migrations cannot be loaded",
    "changes": "models and migrations could not be compared",
}


@dataclass(frozen=True)
class Facts:
    """What checks look at: gathered once, changed by none.

    Attributes:
        source: what git says of what will be deployed.
        tree: the project's folder in the unpacked source.
        config: the configuration.
        environment: the lock's virtualenv; None when there is no usable lock.
        stale: why the lock is older than what it locks; empty when it is not.
        lock_problem: why there is no virtualenv; empty when there is one.
        app: what the app is when it is imported for real; None when that gave no answer.
        app_problem: why it gave none.
        tracked: secrets in the source's files; None when they were not looked at.
        tracked_problem: why they were not.
        public_urls: the target's own URL and its custom domains.
        accepts_dirty: whether the target takes uncommitted changes.
        applied: migrations on the live database as ``app.name``; None when nothing serves.
        set_names: config vars that are set on the target.
        offered: values that the source of secrets would set.
        generated: names that castoff makes or that the target provides.
        shell: runs git.
    """

    source: "Source"
    tree: Path
    config: "Config"
    environment: "Environment | None" = None
    stale: str = ""
    lock_problem: str = ""
    app: "AppFacts | None" = None
    app_problem: str = ""
    tracked: "tuple[Tracked, ...] | None" = None
    tracked_problem: str = ""
    public_urls: tuple[str, ...] = ()
    accepts_dirty: bool = False
    applied: tuple[str, ...] | None = None
    set_names: frozenset[str] = frozenset()
    offered: "Mapping[str, Secret]" = field(default_factory=dict)
    generated: frozenset[str] = frozenset()
    shell: Shell = field(default_factory=Shell)


class Report(NamedTuple):
    """What the checks found.

    Attributes:
        findings: errors first, by id; the silenced ones too.
        looked: how many checks looked.
        not_looked: the ids that could not look, each with the reason.
    """

    findings: tuple[Finding, ...]
    looked: int
    not_looked: dict[str, str]

    @property
    def not_looked_lines(self) -> list[str]:
        """One line for each reason, with all of its ids."""
        by_reason: dict[str, list[str]] = {}
        for id_, reason in self.not_looked.items():
            by_reason.setdefault(reason, []).append(id_)
        return [f"{', '.join(ids)} not looked at: {why}" for why, ids in by_reason.items()]


class NotLooked(Exception):
    """Raised by a check that finds that it cannot look after all; its text is the reason."""


Look = Callable[[Facts], Iterable[Finding]]


class Check(NamedTuple):
    """A registered check.

    Attributes:
        id: its stable id.
        family: what it is listed under.
        needs: the facts without which it cannot look.
        look: its function.
    """

    id: str
    family: str
    needs: tuple[str, ...]
    look: Look


REGISTRY: list[Check] = []


def check(id: str, *, family: str = "project", needs: Iterable[str] = ()) -> Callable[[Look], Look]:
    """Register a check, as in ``@check("shop.E001", needs=["settings"])``.

    Args:
        id: a stable id: E (stops a deploy) or W (is shown) and three digits, after a name and
            a dot when it is a project's own.
        family: what it is listed under.
        needs: facts without which it cannot look: ``environment``, ``app``, ``settings``,
            ``health``, ``messages``, ``migrations``, ``changes``, ``applied``.

    Raises:
        ValueError: the id or a need is not one.
    """
    if not OWN_ID.fullmatch(id):
        raise ValueError(f"{id!r} is not an id such as E101 or shop.W001")
    unknown = set(needs) - {"environment", "app", "applied", *APP_PARTS}
    if unknown:
        raise ValueError(f"{id}: there is no fact named {', '.join(sorted(unknown))}")

    def register(look: Look) -> Look:
        REGISTRY.append(Check(id, family, tuple(needs), look))
        return look

    return register


def finding(id: str, where: str, message: str, hint: str = "") -> Finding:
    """Make a finding whose level is the letter of its id."""
    letter = id.rpartition(".")[2][0]
    return Finding(id, Level.ERROR if letter == "E" else Level.WARNING, where, message, hint)


def counted(stops: Sequence[Finding], where: str = "") -> str:
    """Say how many errors stop a run, and which; ``where`` follows their number."""
    ids = ", ".join(sorted({one.id for one in stops}))
    return f"{len(stops)} error{'s' * (len(stops) != 1)}{where}: {ids}"


def how_to_silence(id_: str) -> str:
    """Say what to write for a finding that does not hold."""
    return (
        "One that does not hold here can be silenced in invoke.yaml: "
        f"`castoff: {{silence: {{{id_}: the reason}}}}`."
    )


def run(facts: Facts, known: Iterable[str] = ()) -> Report:
    """Run every check.

    Args:
        facts: what they look at.
        known: ids beside the registered ones that the configuration may silence.

    Raises:
        WrongInput: ``castoff.silence`` has an id that no check has, or no reason.
    """
    for module in MODULES:
        import_module(f"castoff.checks.{module}")
    _check_silence(facts.config.silence, {one.id for one in REGISTRY}.union(AUDITED, known))
    found: list[Finding] = []
    looked: set[str] = set()
    missed: dict[str, str] = {}
    for one in REGISTRY:
        try:
            _need(facts, one.needs)
            found += _silenced(_look(one, facts), facts.config.silence, one.id)
            looked.add(one.id)
        except NotLooked as reason:
            missed[one.id] = str(reason)
    found.sort(key=lambda one: (one.level is not Level.ERROR, one.id))
    return Report(tuple(found), len(looked), missed)


def silence(findings: Iterable[Finding], config: "Config") -> list[Finding]:
    """Return findings that came from elsewhere, as a target's own, with silence applied."""
    return list(_silenced(findings, config.silence))


def _look(one: Check, facts: Facts) -> list[Finding]:
    try:
        return list(one.look(facts))
    except (CastoffError, NotLooked):
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        text = f"the check itself failed, so that nothing is known: {type(error).__name__}: {error}"
        hint = f"If it is castoff's own, report it; until then silence {one.id} with that reason."
        return [finding(one.id, where, text, hint)]


def _silenced(
    findings: Iterable[Finding], reasons: Mapping[str, str], also: str = ""
) -> Iterator[Finding]:
    from msgspec.structs import replace

    for one in findings:
        reason = reasons.get(one.id) or reasons.get(also, "")
        yield replace(one, silenced=reason) if reason else one


def _check_silence(reasons: Mapping[str, str], known: set[str]) -> None:
    for id_, reason in reasons.items():
        if id_ not in known and not DJANGO_ID.fullmatch(id_):
            raise WrongInput(
                f"castoff.silence.{id_}: no check has this id",
                "Nothing was done.",
                f"{meant(id_, known)}"
                "Ids are as `inv check` shows them; Django's own as security.W004.",
            )
        if not reason.strip():
            raise WrongInput(
                f"castoff.silence.{id_}: no reason is given",
                "Nothing was done.",
                "Say in a few words why it does not hold here; the report shows it.",
            )


def _need(facts: Facts, names: Iterable[str]) -> None:
    for name in names:
        if name == "environment" and facts.environment is None:
            raise NotLooked(facts.lock_problem or "there is no virtualenv of the lock")
        if name == "applied" and facts.applied is None:
            raise NotLooked("nothing serves there yet that could tell its migrations")
        if (name == "app" or name in APP_PARTS) and facts.app is None:
            problem = facts.app_problem or facts.lock_problem or "the app was not looked at"
            raise NotLooked(headline(problem))
        if name in APP_PARTS and getattr(facts.app, name) is None:
            imported = getattr(facts.app, "settings", None) is not None
            raise NotLooked(APP_PARTS[name if imported else "settings"])
