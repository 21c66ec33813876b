"""Smoke: questions to the running release, which prove that the new code serves."""

from castoff import smoke as questions
from castoff.errors import StepError
from castoff.events import Smoked
from castoff.model import Release, SmokeCheck
from castoff.smoke import ProbeAnswer
from castoff.steps import Job, Made, Outcome


def smoke(job: Job, made: Made) -> Outcome:
    """Ask the running release everything; a wrong answer fails the step.

    Raises:
        StepError: nothing was released, or an answer was wrong.
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
    answers = ask(job, release)
    wrong = [answer for answer in answers if not answer.ok]
    if wrong:
        raise StepError(
            f"{len(wrong)} of {len(answers)} smoke checks failed:\n"
            + "\n".join(f"{answer.id}: {answer.detail}" for answer in wrong),
            f"{release.id} serves at {job.target.url}.",
            f"`inv logs --target={job.target.name}` shows what the app said.",
        )
    return Outcome(f"{len(answers)} checks of {job.target.url}", {"smoke": tuple(answers)}, False)


def ask(job: Job, release: Release) -> list[SmokeCheck]:
    """Ask a release at the target's URL, and tell each answer as it comes."""
    emit, name, options = job.project.emit, job.target.name, job.project.config.smoke
    return questions.ask(
        job.target.url,
        stamp=release.commit,
        token=job.target.probe_token(),
        options=options,
        admin=_admin(job),
        on_check=lambda answer: emit(Smoked(name, "smoke", answer)),
    )


def _admin(job: Job) -> str | None:
    """The admin's path: as configured, else as the app itself says."""
    configured = job.project.config.smoke.admin
    if configured:
        return None if configured == "none" else configured
    answer = live(job)
    return answer.admin if answer else None


def live(job: Job) -> ProbeAnswer | None:
    """Ask the probe of what serves now; None when nothing answers it."""
    token = job.target.probe_token()
    if token is None or current(job) is None:
        return None
    try:
        return questions.probe(job.target.url, token, timeout=5)
    except StepError:
        return None


def current(job: Job) -> Release | None:
    """Return the release that serves, if there is one."""
    return next((one for one in job.target.releases() if one.status == "current"), None)
