"""What a failed build of an image means, and what to do about it."""

import re

from castoff.errors import StepError
from castoff.image.progress import Trouble, short
from castoff.storage import DiskFull

UNTOUCHED = "No image was made; what served before still serves."
KEPT = f"{UNTOUCHED} The steps before it are kept by the engine."
# Of BuildKit before 0.10, and since.
COMMAND = re.compile(
    r"(?:executor failed running \[/bin/sh -c (.*)\]"
    r'|process "/bin/sh -c (.*)" did not complete successfully): exit code: (\d+)',
    re.DOTALL,
)
BASE = re.compile(r"\[internal\] load metadata for (\S+)")
SYNTAX = re.compile(r"resolve image config for (?:docker-image://)?(\S+)")
LOST = (
    *("Cannot connect to the Docker daemon", "error reading from server", ": EOF"),
    *("code = Unavailable", "failed to receive status", "server did not provide an image ID"),
)
# Of pip, uv, Poetry and apt, where no answer came from an index.
UNREACHED = re.compile(
    r"NewConnectionError|ConnectTimeout|Connection refused|Name or service not known"
    r"|name resolution|error sending request|dns error|client error \(Connect\)|connect to host"
    r"|All attempts to connect|Could not resolve|CERTIFICATE_VERIFY_FAILED|invalid peer certificate"
    r"|Network is unreachable|No route to host",
    re.IGNORECASE,
)


def explain(trouble: Trouble) -> StepError:
    """Return the error for a person of a build that failed."""
    said = "\n".join((*trouble.lines, trouble.reason))
    if "no space left on device" in said.lower():
        return DiskFull(
            f"the disk of the Docker engine is full:\n{_told(trouble)}",
            UNTOUCHED,
            "`docker system df` shows what takes the room, and `docker info` where it is (Docker "
            "Root Dir). `docker builder prune` gives back what earlier builds left.",
        )
    if found := BASE.match(trouble.step):
        return _no_base(_familiar(found[1]), trouble.reason)
    if found := SYNTAX.match(trouble.step):
        return StepError(
            f"the Dockerfile's `# syntax=` line cannot be had: {trouble.reason}",
            UNTOUCHED,
            f"Take the line out, or let the engine reach {_familiar(found[1])}.",
        )
    if any(words in trouble.reason for words in LOST):
        return StepError(
            f"the Docker engine went away during the build: {trouble.reason}",
            UNTOUCHED,
            "Start it again (`docker info` shows whether it runs), and run it again.",
        )
    # Of a step that another build of this engine had begun, BuildKit tells only how it ended.
    known = trouble.step or COMMAND.search(trouble.reason)
    if not known or trouble.step.startswith("[internal]"):
        reason = trouble.reason.rpartition("failed to create LLB definition: ")[2]
        return StepError(
            f"the Dockerfile cannot be built: {reason}",
            UNTOUCHED,
            "Mend the line that it names, commit it, and run it again.",
        )
    return StepError(f"{_head(trouble)}\n{_told(trouble)}", KEPT, _next(trouble, said))


def no_dockerfile(commit: str, untracked: bool) -> StepError:
    """Return the error of a source that has no Dockerfile.

    Args:
        commit: the source, as a person reads it.
        untracked: whether the file is there, and git does not know it.
    """
    return StepError(
        f"there is no Dockerfile in {commit}" + (", git does not track it" if untracked else ""),
        UNTOUCHED,
        "`git add Dockerfile && git commit`, and run it again."
        if untracked
        else "docs/build-an-image.md has one to begin with; put it beside tasks.py and commit it.",
    )


def other_platform(found: str, wanted: str) -> StepError:
    """Return the error of an image that cannot run where it is to run."""
    return StepError(
        f"the image is for {found}, and is to run on {wanted}",
        UNTOUCHED,
        "Unset DOCKER_DEFAULT_PLATFORM, or take `--platform=` out of the Dockerfile's FROM; "
        f"`docker pull --platform={wanted}` brings the base image for it.",
    )


def _no_base(name: str, reason: str) -> StepError:
    return StepError(
        f"the base image {name} is not to be had: {reason}",
        UNTOUCHED,
        f"`docker pull {name}` tries it alone: see to the name and tag in the Dockerfile's FROM, "
        "the network or a mirror of the registry, and `docker login` for a private one.",
    )


def _familiar(name: str) -> str:
    """An image's name as people write it."""
    return name.removeprefix("docker.io/").removeprefix("library/")


def _head(trouble: Trouble) -> str:
    ended = COMMAND.search(trouble.reason)
    if ended is None:
        return f"the image's step {trouble.step} failed:"
    command = " ".join((ended[1] or ended[2]).split())
    step = trouble.step or short(f"RUN {command}")
    return f"the image's step {step} ended with status {ended[3]}:"


def _told(trouble: Trouble) -> str:
    """Its last lines; the reason too where that says more than the status."""
    known = COMMAND.search(trouble.reason)
    return "\n".join((*trouble.lines, *([] if known else [trouble.reason])))


def _next(trouble: Trouble, said: str) -> str:
    if UNREACHED.search(said):
        return (
            "The build could not reach what it installs from. On a network with a mirror or a CA "
            "of its own see docs/build-an-image.md; else see to the engine's network, and run it "
            "again."
        )
    if "not found" in trouble.reason and " COPY " in f" {trouble.step} ":
        return "Let git track it and .dockerignore let it in, commit, and run it again."
    return "Mend what the lines above name, commit it, and run it again."
