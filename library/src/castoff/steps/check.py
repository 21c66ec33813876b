"""Check: every finding that stops a deploy, before anything is changed."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from castoff import app_env, checks, vault
from castoff.checks import Facts
from castoff.checks.app_facts import AppFacts, inspect
from castoff.checks.tracked import Tracked, scan
from castoff.errors import StepError
from castoff.events import Found
from castoff.model import Finding, Secret
from castoff.steps import Job, Made, Outcome
from castoff.steps.now import live


def check(job: Job, made: Made) -> Outcome:
    """Look at the source, the app and the target, and tell what would break.

    Raises:
        StepError: an error was found that is not silenced.
    """
    if job.project.dry and made.environment is None and not made.lock_problem:
        job.plan("check", "run every check", "an error stops a deploy before anything changes")
        return Outcome("would check the app", changed=False)
    looked = facts(job, made)
    report = checks.run(looked)
    own = checks.silence(job.target.preflight(), job.project.config)
    findings = (*own, *report.findings)
    for finding in findings:
        job.project.emit(Found(job.target.name, "check", finding))
    for line in report.not_looked_lines if job.options.not_looked else ():
        job.note("check", line)
    stops = [finding for finding in findings if finding.stops]
    if stops:
        raise _stopped(stops)
    warnings = sum(not finding.silenced for finding in findings)
    more = f", {warnings} warning{'s' * (warnings != 1)}" if warnings else ""
    return Outcome(f"{report.looked} checks{more}", changed=False)


def facts(job: Job, made: Made) -> Facts:
    """Gather what the checks look at: the app's facts once, the target's answers once."""
    assert made.source is not None and made.tree is not None
    offered = vault.offered(job.project)
    with ThreadPoolExecutor(2) as pool:
        looking = pool.submit(_app, job, made)  # takes longer than all the rest
        scanning = pool.submit(_tracked, made.tree, offered)
        answer = live(job)
        there = job.target.config()
        app, problem = looking.result()
        tracked, tracked_problem = scanning.result()
    return Facts(
        source=made.source,
        tree=made.tree,
        config=job.project.config,
        environment=made.environment,
        lock_problem=_words(made.lock_problem),
        stale=made.environment.stale if made.environment else "",
        app=app,
        app_problem=problem,
        tracked=tracked,
        tracked_problem=tracked_problem,
        public_urls=job.public_urls,
        accepts_dirty=job.target.accepts_dirty,
        applied=tuple(answer.migrations.applied) if answer else None,
        set_names=frozenset(there),
        offered=offered,
        generated=frozenset((*vault.GENERATED, *vault.PROVIDED)),
        shell=job.project.shell,
    )


def _stopped(stops: list[Finding]) -> StepError:
    return StepError(
        checks.counted(stops),
        "Nothing was changed; what served before still serves.",
        f"Mend them as each one says. {checks.how_to_silence(stops[0].id)}",
    )


def _words(problem: StepError | None) -> str:
    return problem.what if problem else ""


def _app(job: Job, made: Made) -> tuple[AppFacts | None, str]:
    if made.environment is None or made.tree is None:
        return None, _words(made.lock_problem)
    config = job.project.config
    build = app_env.build_time(config, job.public_urls)
    placeholders = dict.fromkeys(vault.required(config), "x" * 64)
    python, shell = made.environment.python, job.project.shell
    try:
        return inspect(python, made.tree, config, build, build | placeholders, shell), ""
    except StepError as error:
        return None, error.what


def _tracked(tree: Path, secrets: Mapping[str, Secret]) -> tuple[tuple[Tracked, ...] | None, str]:
    try:
        return scan(tree, secrets), ""
    except StepError as error:
        return None, error.what
