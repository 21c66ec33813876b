"""Attach: a database for the app; attaching twice is one attachment."""

from castoff.steps import Job, Made, Outcome


def attach(job: Job, made: Made) -> Outcome:
    """Find the attached database, or make and attach one.

    Raises:
        StepError: the platform cannot make it; what served before still serves.
    """
    there = job.target.database()
    if there:
        job.measured("attach", there.sizes)
        return Outcome(there.detail, changed=False)
    why = f"{job.target.database_name} names no database yet"
    if not job.plan("attach", "attach a PostgreSQL database", why):
        return Outcome("would attach a database", changed=False)
    attachment = job.target.attach(job.say("attach"))
    job.measured("attach", attachment.sizes)
    return Outcome(attachment.detail)
