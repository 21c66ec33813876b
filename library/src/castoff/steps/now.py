"""What is there now: the current release, what its probe says, and whether it serves."""

from castoff import smoke as questions
from castoff.errors import StepError
from castoff.model import Release, current_of
from castoff.smoke import ProbeAnswer
from castoff.steps import Job


def current(job: Job) -> Release | None:
    """Return the release that serves, or that did until it was stopped; None before the first."""
    return current_of(job.target.releases())


def live(job: Job) -> ProbeAnswer | None:
    """Ask the probe of what serves now; None when nothing answers it."""
    found, token = job.target.status(revive=False), job.target.probe_token()
    if token is None or not found.serving:
        return None
    try:
        return questions.probe(found.url, token, timeout=5)
    except StepError:
        return None


def standing(job: Job) -> str:
    """Say in one sentence what serves now."""
    found = job.target.status(revive=False)
    if found.release is None:
        return "Nothing serves: nothing was released yet."
    if found.serving:
        return f"{found.release.id} serves at {found.url}."
    return f"Nothing serves: {found.release.id} does not run."
