"""Build: the artifact of a commit, stamped; nothing is released."""

from castoff.steps import Job, Made, Outcome


def build(job: Job, made: Made) -> Outcome:
    """Make the artifact, or find the one that was made of this source before.

    Raises:
        StepError: the app cannot be built; what served before still serves.
    """
    assert made.source is not None
    if made.lock_problem:
        raise made.lock_problem
    found = job.target.find(made.source, made.environment) if made.environment else None
    if found:
        job.measured("build", found.sizes)
        return Outcome(f"{found.detail}, made before", {"artifact": found}, changed=False)
    if not job.plan("build", f"build {made.source.short}", "no artifact was made of it yet"):
        return Outcome(f"would build {made.source.short}", changed=False)
    assert made.environment is not None
    artifact = job.target.build(made.source, made.environment, job.say("build"))
    job.measured("build", artifact.sizes)
    return Outcome(artifact.detail, {"artifact": artifact})
