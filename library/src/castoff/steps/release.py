"""Release: the release command, then the new code takes over from the old."""

from castoff.model import Release
from castoff.steps import Job, Made, Outcome
from castoff.steps.now import current


def release(job: Job, made: Made) -> Outcome:
    """Put the artifact live, unless what serves is just that.

    Raises:
        StepError: the new code did not come up; what served before still serves.
    """
    before = current(job)
    why = _why(job, made, before)
    if not why and before:
        detail = f"{before.id} serves this already: nothing to do"
        return Outcome(detail, {"before": before, "release": before}, changed=False)
    name = made.artifact.id if made.artifact else "the new artifact"
    if not job.plan("release", f"put {name} live", why):
        return Outcome("would release it", {"before": before}, changed=False)
    assert made.artifact is not None
    released = job.target.release(made.artifact, job.say("release"))
    return Outcome(f"{released.id} is live: {why}", {"before": before, "release": released})


def _why(job: Job, made: Made, before: Release | None) -> str:
    """Why it is to be released; empty when what serves is just that."""
    if made.artifact is None:
        return f"{before.id} runs other code" if before else "the first release"
    return job.target.outdated(made.artifact.id) or (
        f"{', '.join(made.unset)} would change" if made.unset else ""
    )
