"""Deploy: the steps in one tuple; the steps of an inner tuple run side by side."""

from itertools import takewhile

from castoff.errors import CastoffError, Interrupted, NeedsAPerson, StepError
from castoff.model import Release
from castoff.smoke import ProbeAnswer
from castoff.steps import Job, Made, Outcome, Stage, run
from castoff.steps.attach import attach
from castoff.steps.build import build
from castoff.steps.check import check
from castoff.steps.create import create
from castoff.steps.now import live, standing
from castoff.steps.release import release
from castoff.steps.rollback import refuse_broken
from castoff.steps.secrets import secrets
from castoff.steps.smoke import smoke

UNTIL_LIVE: tuple[Stage, ...] = ((check, build), (create,), (secrets,), (attach,), (release,))


def deploy(job: Job, made: Made) -> Made:
    """Take a source live; a release that fails its smoke test is rolled back by itself.

    Raises:
        StepError: a step failed; what served before still serves, or serves again.
        NeedsAPerson: smoke failed, and going back is not possible.
    """
    with job.locked("deploy"):
        made = run(UNTIL_LIVE, job, made)
        migrated = _has_migrated(job, made)
        answer = live(job) if migrated else None
        try:
            return run(((smoke,),), job, made)
        except Interrupted:
            raise
        except StepError as error:
            _go_back(job, made, error, migrated, answer)
            raise


def _go_back(
    job: Job, made: Made, error: StepError, migrated: bool, answer: ProbeAnswer | None
) -> None:
    """Put the release that served before back, and say so in the error.

    Args:
        job: the target's run.
        made: what was released, and what served before.
        error: what the smoke test found.
        migrated: whether the schema may have changed.
        answer: what the probe said of the schema then; None where nothing answered.
    """
    failed, before = made.release, made.before
    if failed is None or (before and before.id == failed.id):
        return
    if before is None:
        error.state = f"{error.state} It is the first release: there is none to go back to."
        return
    for line in job.target.logs(follow=False):
        job.say("smoke")(line)  # after the rollback `inv logs` shows the other release
    try:
        if migrated:
            refuse_broken(job, before, answer)
        back = _rolled_back(job, before)
    except CastoffError as reason:
        raise NeedsAPerson(
            f"{error.what}\nand going back was not possible: {reason.what}",
            f"{standing(job)} It failed its smoke test.",
            reason.next,
        ) from None
    error.state = f"{back.id} serves again, with the code of {before.id}; no data was touched."
    error.next = f"Mend it and deploy again; the run's log has what {failed.id} said."


def _has_migrated(job: Job, made: Made) -> bool:
    """Whether the schema may be another than the one that the release before served with.

    Not only the last release may have changed it: one in between may have failed after that.
    """
    if made.before is None or made.release is None:
        return False
    before = made.before.id
    newer = takewhile(lambda one: one.id != before, job.target.releases())
    return any(one.migrated for one in newer)


def _rolled_back(job: Job, before: Release) -> Release:
    def rollback(job: Job, made: Made) -> Outcome:
        back = job.target.rollback(before, job.say("rollback"))
        return Outcome(f"{back.id} is live, with the code of {before.id}", {"release": back})

    made = run(((rollback,),), job, Made())
    assert made.release is not None
    return made.release
