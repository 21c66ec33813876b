"""Required names and offered values. No value is ever in a text."""

import re
from collections.abc import Iterator

from castoff.checks import Facts, check, finding
from castoff.model import Finding

SHORTEST_KEY = 50  # characters, as django.core.checks.security has it
FEWEST_CHARACTERS = 5  # different ones, likewise
# What templates, guides and generators put where a value is to go; the whole value or its start.
PLACEHOLDER = re.compile(
    r"(?:replace[-_ ]?(?:with|me|this)|build[-_]only|build[-_]time|django-insecure-"
    r"|change[-_ ]?(?:me|this|it)|insert[-_ ]|fill[-_ ]?(?:me|in)|set[-_ ]me"
    r"|your[-_ ].*(?:key|secret|token|password|value|here)"
    r"|(?:placeholder|todo|fixme|dummy|secret|password|example|x{3,}|\.{3}|<[^<>]*>|\*{3,})$)",
    re.IGNORECASE,
)


@check("E701", family="secrets")
def required_name_is_missing(facts: Facts) -> Iterator[Finding]:
    """E701: a required name is set neither there nor in the source of secrets."""
    for name in dict.fromkeys(facts.config.secrets.required):
        if name in facts.set_names or name in facts.generated:
            continue
        offered = facts.offered.get(name)
        if offered is None or not offered.reveal():
            fault = "nowhere set" if offered is None else "empty in the source of secrets"
            yield finding(
                "E701",
                name,
                f"{name} is required and {fault}: the app would crash on boot with KeyError.",
                _hint(facts, name),
            )


def _hint(facts: Facts, name: str) -> str:
    file = facts.config.secrets.env_file
    place = f"in {file} (a line {name}=value)" if file else "in the environment of this command"
    return f"Set it {place}; `inv secrets` carries it there."


@check("E702", family="secrets")
def value_is_a_placeholder(facts: Facts) -> Iterator[Finding]:
    """E702: a placeholder or build-time value, or a weak SECRET_KEY."""
    for name, secret in sorted(facts.offered.items()):
        value = secret.reveal()
        fault = ""
        if PLACEHOLDER.match(value.strip()):
            fault = "is a placeholder or a value for builds, which anybody can know"
        elif name == "SECRET_KEY" and len(value) < SHORTEST_KEY:
            fault = f"has {len(value)} characters, fewer than {SHORTEST_KEY}"
        elif name == "SECRET_KEY" and len(set(value)) < FEWEST_CHARACTERS:
            fault = f"has fewer than {FEWEST_CHARACTERS} different characters"
        if fault:
            yield finding("E702", name, f"{name} {fault}: {_harm(name)}.", _remedy(name))


def _harm(name: str) -> str:
    if name == "SECRET_KEY":
        return "sessions and password resets could be forged"
    return "what it protects or reaches does not work, or is open"


def _remedy(name: str) -> str:
    if name == "SECRET_KEY":
        return "Take it out of the source of secrets: castoff makes one, and keeps it there."
    return f"Put the real value of {name} into the source of secrets."
