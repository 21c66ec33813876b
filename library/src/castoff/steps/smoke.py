"""Smoke: questions to the running release, which prove that the new code serves."""

from castoff import smoke as questions
from castoff.errors import StepError
from castoff.events import Smoked
from castoff.model import Release, SmokeCheck
from castoff.steps import Job, Made, Outcome
from castoff.steps.now import current, standing


def smoke(job: Job, made: Made) -> Outcome:
    """Ask the running release everything; a wrong answer fails the step.

    Raises:
        StepError: nothing was released, or an answer was wrong.
        Interrupted: the run was cancelled.
    """
    release = made.release or current(job)
    if job.project.dry:
        job.plan("smoke", f"ask {job.target.url}", "to prove that the new code serves")
        return Outcome("would ask the new release", changed=False)
    if release is None:
        raise StepError(
            f"no release serves on {job.target.name}",
            "Nothing was asked.",
            f"`inv deploy --target={job.target.name}` makes the first one.",
        )
    found = job.target.status(revive=False)
    if not found.serving:
        raise StepError(
            f"{release.id} does not run",
            standing(job),
            f"`inv deploy --target={job.target.name}` starts it; `inv status` says more.",
        )
    answers = ask(job, release, found.url)
    wrong = [answer for answer in answers if not answer.ok]
    if wrong:
        raise StepError(
            f"{len(wrong)} of {len(answers)} smoke checks failed:\n"
            + "\n".join(f"{answer.id}: {answer.detail}" for answer in wrong),
            standing(job),
            f"`inv logs --target={job.target.name}` shows what the app said.",
        )
    detail = f"{len(answers)} checks of {found.url}"
    return Outcome(detail, {"release": release}, changed=False)


def ask(job: Job, release: Release, url: str) -> list[SmokeCheck]:
    """Ask a release at the URL where it serves, and tell each answer as it comes."""
    emit, name, options = job.project.emit, job.target.name, job.project.config.smoke
    return questions.ask(
        url,
        stamp=release.commit,
        token=job.target.probe_token(),
        options=options,
        admin=None if options.admin == "none" else options.admin,
        on_check=lambda answer: emit(Smoked(name, "smoke", answer)),
        cancelled=job.project.shell.cancelled,
    )
