"""Create: the app on the platform, where it is missing and was asked for."""

from castoff.errors import StepError
from castoff.steps import Job, Made, Outcome


def create(job: Job, made: Made) -> Outcome:
    """Make the app if it is not there; a platform's app is made only with ``--create``.

    Raises:
        StepError: the app is missing and nobody asked for it.
    """
    if job.target.exists():
        return Outcome("", changed=False)
    if job.target.asks_before_create and not job.options.create:
        raise StepError(
            f"E803: the app does not exist on {job.target.name}",
            "Nothing was changed.",
            f"`inv deploy --target={job.target.name} --create` makes it.",
        )
    if not job.plan("create", "make the app", "it does not exist there yet"):
        return Outcome("would make the app", changed=False)
    return Outcome(job.target.create(job.say("create")))
