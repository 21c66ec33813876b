"""Looks at one target, through nothing but the Target protocol."""

from castoff import checks, targets, vault
from castoff.doctor.health import Problem, TargetHealth, of_finding, tried
from castoff.errors import ExitCode
from castoff.project import Project
from castoff.targets.base import Target


def look_at_target(project: Project, name: str) -> TargetHealth:
    """Look at what a target has, what runs there, and what it lacks."""
    platform = project.config.targets[name].platform or name
    problems: list[Problem] = []
    target = tried(lambda: targets.load(project, name), problems)
    if target is None:
        return TargetHealth(platform, False, False, "", None, {}, [], problems)
    tools = tried(target.tools, problems) or []
    problems += tried(lambda: _findings(project, target), problems) or ()
    url = tried(lambda: target.url, problems)
    now = tried(lambda: target.status(revive=False), problems)
    problems += [_dead(name, one) for one in now.problems] if now else []
    problems += tried(lambda: _not_made(target), problems) or ()
    problems += tried(lambda: _secrets(project, target), problems) or ()
    return TargetHealth(
        platform=platform,
        ok=not any(one.code for one in problems),
        serving=bool(now and now.serving),
        url=now.url if now else url or "",
        release=now.release if now else None,
        parts=now.parts if now else {},
        tools=tools,
        problems=problems,
    )


def _findings(project: Project, target: Target) -> list[Problem]:
    found = checks.silence(target.preflight(), project.config)
    return [of_finding(one) for one in found if not one.silenced]


def _dead(name: str, what: str) -> Problem:
    next_ = f"`inv status --target={name}` brings back what died, and so does a deploy."
    return Problem(what, next_, ExitCode.DONE)


def _not_made(target: Target) -> list[Problem]:
    if not target.asks_before_create or target.exists():
        return []
    next_ = f"`inv deploy --target={target.name} --create` makes it."
    return [Problem("the app is not there on the platform", next_)]


def _secrets(project: Project, target: Target) -> list[Problem]:
    """The required names that have no value, as far as can be told without asking the command."""
    missing = vault.missing(project.config, {*target.config(), *vault.origins(project)})
    if not missing:
        return []
    names, command = ", ".join(missing), project.config.secrets.command
    if command:
        what = f"{names}: not set yet, `{command[0]}` is to have a value"
        return [Problem(what, f"`inv --dry secrets --target={target.name}`", ExitCode.DONE)]
    return [Problem(f"no value for {names}", vault.WHERE_TO_PUT_IT)]
