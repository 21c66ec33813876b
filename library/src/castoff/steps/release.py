"""Release: the release command, then the new code takes over from the old."""

from castoff.steps import Job, Made, Outcome


def release(job: Job, made: Made) -> Outcome:
    """Put the artifact live, unless what serves is just that.

    Raises:
        StepError: the new code did not come up; what served before still serves.
    """
    before = next((one for one in job.target.releases() if one.status == "current"), None)
    if made.artifact is None:
        job.plan("release", "put the new artifact live", "what serves was made of other code")
        return Outcome("would release it", {"before": before}, changed=False)
    why = job.target.outdated(made.artifact.id)
    if not why and before:
        detail = f"{before.id} serves this already: nothing to do"
        return Outcome(detail, {"before": before, "release": before}, changed=False)
    if not job.plan("release", f"put {made.artifact.id} live", why):
        return Outcome("would release it", {"before": before}, changed=False)
    released = job.target.release(made.artifact, job.say("release"))
    return Outcome(f"{released.id} is live: {why}", {"before": before, "release": released})
