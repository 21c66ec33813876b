"""Deploy: the steps in one tuple; the steps of an inner tuple run side by side."""

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
        answer = None if job.project.dry else live(job)
        try:
            return run(((smoke,),), job, made)
        except Interrupted:
            raise
        except StepError as error:
            _go_back(job, made, answer, error)
            raise


def _go_back(job: Job, made: Made, answer: ProbeAnswer | None, error: StepError) -> None:
    """Put the release that served before back, and say so in the error."""
    failed, before = made.release, made.before
    if failed is None or (before and before.id == failed.id):
        return
    if before is None:
        error.state = f"{error.state} It is the first release: there is none to go back to."
        return
    for line in job.target.logs(follow=False):
        job.say("smoke")(line)  # after the rollback `inv logs` shows the other release
    try:
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


def _rolled_back(job: Job, before: Release) -> Release:
    def rollback(job: Job, made: Made) -> Outcome:
        back = job.target.rollback(before, job.say("rollback"))
        return Outcome(f"{back.id} is live, with the code of {before.id}", {"release": back})

    made = run(((rollback,),), job, Made())
    assert made.release is not None
    return made.release
