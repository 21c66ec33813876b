"""Build: the artifact of a commit, stamped; nothing is released."""

from castoff.errors import StepError
from castoff.steps import Job, Made, Outcome


def build(job: Job, made: Made) -> Outcome:
    """Make the artifact, or find the one that was made of this source before.

    Raises:
        StepError: the app cannot be built; what served before still serves.
    """
    assert made.source is not None
    if made.environment is None:
        if not job.project.dry:
            raise StepError(made.lock_problem, "Nothing was built.", "Add a lock and commit it.")
        job.plan("build", f"build {made.source.short}", "the artifact of this commit")
        return Outcome(f"would build {made.source.short}", changed=False)
    found = job.target.find(made.source, made.environment)
    if found:
        return Outcome(f"{found.detail}, made before", {"artifact": found}, changed=False)
    artifact = job.target.build(made.source, made.environment, job.say("build"))
    return Outcome(artifact.detail, {"artifact": artifact})
