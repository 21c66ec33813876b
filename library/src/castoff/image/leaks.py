"""Secrets in an image: in the files of any layer, in its environment, and in its history."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from castoff.checks import finding
from castoff.checks.secrets import PLACEHOLDER
from castoff.image.contents import Contents, Leak, instruction
from castoff.image.detect import ALLOW, Detector
from castoff.image.known import SHORTEST, Known, looks_secret
from castoff.model import Finding

SHOWN = 5
# Packages have keys and databases that are public: those of their own tests and examples.
PUBLISHED = re.compile(r"(^|/)(site|dist)-packages/")
# Of BuildKit, and of the builder before it; the arguments of a RUN stand before its command.
ASSIGNMENT = re.compile(
    r"^((?:/bin/sh -c #\(nop\) +)?(?:ARG|ENV) |RUN \|\d+ )(.*?)(?:/bin/sh -c |$)", re.DOTALL
)
IGNORE = (
    "Keep it out of the build: .dockerignore lets in only what it names (a first line `*`, then "
    "`!project` and so on). "
)
AT_RUN = "The target sets it when the app starts (`inv secrets`). Take it out of the Dockerfile; "
MOUNT = "what a build step needs comes from `RUN --mount=type=secret`, which leaves no trace. "
ROTATE = "It was written to an image: give it a new value if anybody could have pulled that."


def leaks(contents: Contents, known: Known, detector: Detector) -> Iterator[Finding]:
    """Look for secrets in every layer, the environment and the history.

    A value is never in a finding.
    """
    grouped: dict[tuple[str, str, int], list[Leak]] = {}
    for leak in _relevant(contents):
        names = ", ".join(sorted(leak.hit.names))
        grouped.setdefault((names, leak.hit.kind, leak.layer.number), []).append(leak)
    for (names, kind, _), group in grouped.items():
        yield _in_layer(names, kind, group)
    yield from _in_env(contents.env, known, detector)
    yield from _in_history(contents, known, detector)


def _relevant(contents: Contents) -> Iterator[Leak]:
    """All known values; of the rest what is nobody's publication, and each file once."""
    whole = {(leak.layer.number, leak.hit.path) for leak in contents.leaks if not leak.hit.token}
    debian = contents.of_debian()
    for leak in contents.leaks:
        hit = leak.hit
        public = PUBLISHED.search(hit.path) or hit.path in debian
        told = hit.token and (leak.layer.number, hit.path) in whole
        if hit.names or not (public or told):
            yield leak


def _in_layer(names: str, kind: str, group: list[Leak]) -> Finding:
    layer, paths = group[0].layer, [leak.hit.path for leak in group]
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    files = ", ".join(paths[:SHOWN]) + more
    kept = "anyone who pulls the image has it"
    if all(leak.deleted for leak in group):
        kept = f"a later step deletes it, and still {kept}"
    where = f"{layer.name}: {paths[0]}"
    if names:
        message = f"the value of {names} is in {files}, {layer.name}: {kept}."
        return finding("E302", where, message, AT_RUN + MOUNT + ROTATE)
    if group[0].hit.token:
        message = f"a secret ({kind}) is in {files}, {layer.name}: {kept}."
        allow = f"If it is none, put `{ALLOW}` into a comment on its line."
        return finding("E302", where, message, f"{IGNORE}{ROTATE} {allow}")
    return finding("E301", where, f"{kind} is in {layer.name}: {files}; {kept}.", IGNORE + ROTATE)


def _in_env(env: dict[str, str], known: Known, detector: Detector) -> Iterator[Finding]:
    for name, value in env.items():
        line = f"{name}={value}".encode("utf-8", "surrogateescape")
        if known.names_in(line) or detector.look("Dockerfile", line) or _is_secret(name, value):
            message = f"ENV {name} holds a secret: anyone who pulls the image has it."
            yield finding("E302", f"ENV {name}", message, AT_RUN + ROTATE)


def _in_history(contents: Contents, known: Known, detector: Detector) -> Iterator[Finding]:
    for number, step in enumerate(contents.history, start=1):
        kind, pairs = _assigned(step)
        if kind == "ENV" and all(contents.env.get(n, "").startswith(v) for n, v in pairs):
            continue  # told already, as it is now
        data = step.encode("utf-8", "surrogateescape")
        names = ", ".join(sorted(known.names_in(data)))
        where = f"step {number}: {instruction(step).split(' ')[0]}"
        if names or detector.look("Dockerfile", data):
            what = f"the value of {names}" if names else "a secret"
            message = f"{what} is in the image's history, which `docker history` shows to anyone."
            yield finding("E302", where, message, AT_RUN + MOUNT + ROTATE)
        elif name := next((n for n, v in pairs if _is_secret(n, v) and not _is_made_up(v)), ""):
            message = f"{kind} {name} holds a secret; its value stays in the image's history, "
            message += "which `docker history` shows to anyone."
            yield finding("E302", f"{kind} {name}", message, AT_RUN + MOUNT + ROTATE)


def _assigned(step: str) -> tuple[str, list[tuple[str, str]]]:
    """What a step of the history gives a value to: ``ARG`` or ``ENV``, and the pairs."""
    match = ASSIGNMENT.match(step)
    if not match:
        return "", []
    pairs = re.findall(r"(\w+)=[\"']?([^\s\"']+)", match[2])
    return "ENV" if match[1].endswith("ENV ") else "ARG", pairs


def _is_made_up(value: str) -> bool:
    return bool(PLACEHOLDER.match(value))


def _is_secret(name: str, value: str) -> bool:
    """Whether a variable holds a secret, going by its name."""
    try:
        if urlsplit(value).password:
            return True
    except ValueError:
        pass
    return looks_secret(name) and len(value) >= SHORTEST and not value.startswith("/")
