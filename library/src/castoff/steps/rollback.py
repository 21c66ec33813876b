"""Rollback: the code of an earlier release, where the schema allows it.

Without ``--to`` each rollback goes one release further back in the history of the code: the one
after a rollback to v3 goes to what served before v3, and never forward again to what was left.
"""

import re

from castoff.errors import Interrupted, NeedsAPerson, StepError, WrongInput
from castoff.model import Release, current_of
from castoff.smoke import ProbeAnswer
from castoff.steps import Job, Made, Outcome, run
from castoff.steps.now import current, live, standing
from castoff.steps.smoke import smoke

UNKNOWN = "unknown"  # what --accept takes where no migration can be named


def go_back(job: Job, made: Made) -> Made:
    """Roll back, and prove that the earlier code serves.

    Raises:
        StepError: as ``rollback``; what served before still serves.
        NeedsAPerson: the earlier code serves now, and fails its smoke test.
    """
    with job.locked("rollback"):
        before = current(job)
        made = run(((rollback,),), job, made)
        try:
            return run(((smoke,),), job, made)
        except Interrupted:
            raise
        except StepError as error:
            if made.release == before:
                raise
            raise NeedsAPerson(error.what, error.state, error.next) from None


def rollback(job: Job, made: Made) -> Outcome:
    """Put an earlier release's code live, without its release command.

    Raises:
        StepError: there is none to go back to, or its code cannot stand today's schema.
        WrongInput: ``--to`` names no release.
    """
    releases = job.target.releases()
    earlier = choose(releases, job.options.to)
    if earlier.status == "current":
        detail = f"{earlier.id} serves already: nothing to do"
        return Outcome(detail, {"release": earlier}, changed=False)
    why = f"{earlier.commit[:9]} served before"

    def may() -> None:
        refuse_broken(job, earlier, live(job))

    if job.project.dry:
        may()
    if not job.plan("rollback", f"put the code of {earlier.id} live", why):
        return Outcome(f"would go back to {earlier.id}", changed=False)
    released = job.target.rollback(earlier, job.say("rollback"), may)
    return Outcome(f"{released.id} is live, with the code of {earlier.id}", {"release": released})


def choose(releases: list[Release], to: str) -> Release:
    """Return the release that ``--to`` names, or the last other code that served before.

    Args:
        releases: newest first.
        to: a release's id, or an empty text.

    Raises:
        StepError: there is no earlier release.
        WrongInput: ``to`` names no release, or one that never served.
    """
    served = [one for one in releases if one.status != "failed"]
    if to:
        return _named(served, to)
    now = current_of(served)
    origin = _origin(served, now) if now else None
    before = served[served.index(origin) + 1 :] if origin else served
    code = origin.artifact if origin else ""
    earlier = next((one for one in before if one.artifact != code), None)
    if earlier is None:
        raise StepError(
            "there is no earlier release to go back to",
            "Nothing was changed; what served before still serves.",
            "`inv releases` lists what was released.",
        )
    return earlier


def refuse_broken(job: Job, earlier: Release, answer: ProbeAnswer | None) -> None:
    """Refuse when migrations that the earlier code cannot stand were applied since.

    Args:
        job: its options name what a person takes upon themselves.
        earlier: the release to go back to.
        answer: what the probe of the serving release says; None when it does not answer.

    Raises:
        StepError: names each migration, what it broke, and the line that does it all the same.
    """
    broken = broken_since(earlier, answer)
    left = {name: why for name, why in broken.items() if name not in job.options.accept}
    if not left:
        return
    lines = "\n".join(f"  {name}: {why}" for name, why in left.items())
    forced = ",".join(broken)
    verb = "may not" if UNKNOWN in left else "cannot"
    raise StepError(
        f"the code of {earlier.id} {verb} stand the schema that is there now:\n{lines}",
        f"Nothing was changed. {standing(job)}",
        "Mend it forward with a new deploy. To go back all the same: "
        f"`inv rollback --to={earlier.id} --accept={forced}`.",
    )


def broken_since(earlier: Release, answer: ProbeAnswer | None) -> dict[str, str]:
    """Return the migrations that the earlier code does not know and cannot be shown to stand."""
    if answer is None:
        return {UNKNOWN: "nothing answers the probe, so the schema cannot be seen"}
    row = next((row for row in answer.ledger if row.commit == earlier.commit), None)
    if row is None:
        return {UNKNOWN: f"the ledger has no record of {earlier.commit[:9]}"}
    breaks = {one.migration: one.breaks for old in answer.ledger for one in old.applied}
    unknown = "no record of what it changed"
    later = [name for name in answer.migrations.applied if name not in row.known]
    found = {name: "; ".join(breaks.get(name, [unknown])) for name in later}
    return {name: why for name, why in found.items() if why and not name.startswith("castoff.")}


def _origin(served: list[Release], release: Release) -> Release:
    """The release that first brought the code, when this one only went back to it."""
    found = re.search(r"rollback to (\S+)", release.note, re.IGNORECASE)
    earlier = next((one for one in served if found and one.id == found[1]), None)
    return _origin(served, earlier) if earlier else release


def _named(served: list[Release], to: str) -> Release:
    found = next((one for one in served if to in (one.id, one.id.removeprefix("v"))), None)
    if found is None:
        raise _unknown(served, to)
    return found


def _unknown(releases: list[Release], to: str) -> WrongInput:
    known = ", ".join(one.id for one in releases[:8]) or "none"
    return WrongInput(
        f"--to={to}: there is no such release that served",
        "Nothing was changed.",
        f"Releases that served: {known}.",
    )
