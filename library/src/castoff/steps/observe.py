"""What is there: status, releases, names of secrets, logs; and stop, which keeps everything."""

from castoff.model import NamedSecret, Release, Status
from castoff.run import Work
from castoff.session import Session
from castoff.steps import Job, Made, Outcome, run
from castoff.steps.create import create
from castoff.steps.now import current, standing
from castoff.steps.secrets import secrets as step


def status(session: Session, seen: dict[str, Status]) -> Work:
    """Make the work of ``inv status``: look, bring back what died, show."""

    def work(job: Job, made: Made) -> Made:
        found = seen[job.target.name] = job.target.status(revive=not job.project.dry)
        _show_status(session, job, found)
        return Made(release=found.release)

    return work


def releases(session: Session, found: dict[str, list[Release]]) -> Work:
    """Make the work of ``inv releases``: list them, newest first."""

    def work(job: Job, made: Made) -> Made:
        rows = found[job.target.name] = job.target.releases()
        session.terminal.table(
            ["release", "commit", "status", "when", "by", "note"], (_row(one) for one in rows)
        )
        return Made(release=current(job))

    return work


def secrets(session: Session, found: dict[str, tuple[NamedSecret, ...]]) -> Work:
    """Make the work of ``inv secrets``: set what is missing, then show every name."""

    def work(job: Job, made: Made) -> Made:
        with job.locked("secrets"):
            made = run(((create,), (step,)), job, made)
        rows = found[job.target.name] = made.secrets
        head = [job.target.name] if len(session.names) > 1 else []
        session.terminal.table(
            [*("target" for _ in head), "name", "from", "state"],
            ([*head, one.name, one.origin, one.state] for one in rows),
        )
        return made

    return work


def logs(session: Session, follow: bool) -> Work:
    """Make the work of ``inv logs``: show the app's lines."""

    def work(job: Job, made: Made) -> Made:
        head = f"{job.target.name}  " if len(session.names) > 1 else ""
        for line in job.target.logs(follow):
            session.terminal.line(head + line)
        return made

    return work


def stop(session: Session) -> Work:
    """Make the work of ``inv stop``."""

    def step(job: Job, made: Made) -> Outcome:
        if not job.plan("stop", "stop the app", "it was asked for"):
            return Outcome("would stop", changed=False)
        with job.locked("stop"):
            stopped = job.target.stop(job.say("stop"))
        detail = "stopped; data and releases are kept" if stopped else "nothing was running"
        return Outcome(detail, changed=stopped)

    step.__name__ = "stop"
    return lambda job, made: run(((step,),), job, made)


def _show_status(session: Session, job: Job, found: Status) -> None:
    session.terminal.line(f"{job.target.name}: {standing(job)}", "bold")
    for part, text in found.parts.items():
        session.terminal.line(f"  {part:<12}{text}")
    for problem in found.problems:
        session.terminal.line(f"  ! {problem}", "yellow")


def _row(one: Release) -> list[str]:
    when = f"{one.at.astimezone():%Y-%m-%d %H:%M}"
    dirty = " dirty" if "-dirty-" in one.commit else ""
    return [one.id, one.commit[:9] + dirty, one.status, when, one.by, one.note]
