"""Secrets: what is required against what is set, by names and digests; never a value."""

from typing import Any

from castoff import vault
from castoff.errors import StepError
from castoff.model import NamedSecret, Secret
from castoff.steps import Job, Made, Outcome


def secrets(job: Job, made: Made) -> Outcome:
    """Set what is missing or has changed, all at once; generate what castoff generates.

    Raises:
        StepError: a required name has no value anywhere.
    """
    there = job.target.config()
    wanted = wanted_values(job, there)
    changed = {name: value for name, value in wanted.items() if there.get(name) != value.digest}
    for name in sorted(changed):
        why = "its value has changed" if name in there else "it is not set"
        job.plan("secrets", f"set {name}", why)
    seen: dict[str, Any] = {"secrets": named(job, there, wanted)}
    if not changed:
        return Outcome(f"{len(there)} names set, none to change", seen, changed=False)
    names = tuple(sorted(changed))
    if job.project.dry:
        return Outcome(f"would set {', '.join(names)}", seen | {"unset": names}, changed=False)
    job.target.configure(changed)
    return Outcome(f"set {', '.join(names)}", seen)


def named(job: Job, there: dict[str, str], wanted: dict[str, Secret]) -> tuple[NamedSecret, ...]:
    """Return what may be seen of every config var, by name.

    Args:
        job: the target's run.
        there: the digests of what was set before.
        wanted: what should be set.
    """

    def one(name: str) -> NamedSecret:
        value = wanted.get(name)
        if value is None:
            origin = "attach" if name == job.target.database_name else "set before"
            return NamedSecret(name, origin, "unchanged")
        if there.get(name) == value.digest:
            return NamedSecret(name, value.origin, "unchanged")
        verb = "changed" if name in there else "set"
        return NamedSecret(name, value.origin, f"to be {verb}" if job.project.dry else verb)

    return tuple(one(name) for name in sorted(there | wanted))


def wanted_values(job: Job, there: dict[str, str]) -> dict[str, Secret]:
    """Return what should be set: the offered values, the generated ones, and the URLs.

    Raises:
        StepError: a required name has no value anywhere.
    """
    config = job.project.config
    values = vault.offered(job.project)
    known = values | there
    if missing := vault.missing(config, known):
        raise StepError(
            f"no value for {', '.join(missing)}",
            "No secret was changed; what served before still serves.",
            vault.WHERE_TO_PUT_IT,
        )
    generated = tuple(name for name in vault.GENERATED if name not in known)
    own = {"DJANGO_SETTINGS_MODULE": config.settings, "PUBLIC_URLS": ",".join(job.public_urls)}
    plain = {name: Secret(name, own[name], public=True, origin="castoff") for name in own}
    return {**values, **vault.generate(generated), **plain}
