"""The engine's images of a project: found by their tag, accepted, refused, and pruned."""

from collections.abc import Container
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec

from castoff.errors import StepError
from castoff.image.engine import Engine
from castoff.image.model import PROJECT, STAMP, Image
from castoff.shell import CommandFailed

KEPT = 5
LONG_AGO = timedelta(days=1)  # nobody audits for so long


class _Config(msgspec.Struct, frozen=True, rename="pascal"):
    labels: dict[str, str] | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="pascal"):
    last_tag_time: datetime


class _Inspected(msgspec.Struct, frozen=True, rename="pascal"):
    """What ``docker image inspect`` says of one image."""

    id: str
    repo_tags: list[str]
    created: datetime
    size: int
    os: str
    architecture: str
    config: _Config
    metadata: _Metadata


def tag(name: str, stamp: str) -> str:
    """Return an image's tag: ``castoff/NAME:COMMIT``, and what is uncommitted."""
    commit, dirty, tree = stamp.partition("-dirty-")
    return f"castoff/{name}:{commit[:12]}{dirty}{tree}"


def find(engine: Engine, name: str, stamp: str) -> Image | None:
    """Return the image of a stamp that was accepted before, if it runs on this engine."""
    try:
        found = inspect(engine, tag(name, stamp))
    except StepError:
        return None
    fits = found.stamp == stamp and found.platform == engine.platform
    return found if fits else None


def inspect(engine: Engine, reference: str, *, fresh: bool = False) -> Image:
    """Return what is known of an image.

    Args:
        engine: where it is.
        reference: its id or tag.
        fresh: whether this run made it.

    Raises:
        StepError: it is not there.
    """
    try:
        (one,) = _inspected(engine, [reference])
    except CommandFailed as error:
        raise StepError(
            f"the image {reference} is not there: {error.result.last_lines}",
            "What served before still serves.",
            "`inv build --image` makes it.",
        ) from None
    name, stamp = _label(one, PROJECT), _label(one, STAMP)
    platform = f"{one.os}/{one.architecture}"
    return Image(one.id, tag(name, stamp), stamp, one.size, platform, fresh)


def accept(engine: Engine, image: Image) -> None:
    """Give an image that has passed its tag, by which it is found and kept.

    Raises:
        StepError: it is gone.
    """
    try:
        engine.docker("image", "tag", image.id, image.tag)
    except CommandFailed as error:
        raise StepError(
            f"the image cannot be tagged: {error.result.last_lines}",
            "What served before still serves.",
            "Run it again; somebody may have pruned the engine's images meanwhile.",
        ) from None


def refuse(engine: Engine, image: Image) -> None:
    """Take away an image that has not passed, so that nothing takes it for one that has."""
    with suppress(CommandFailed):
        engine.docker("image", "rm", "--force", image.id)


def prune(engine: Engine, name: str, *, in_use: Container[str] = (), keep: int = KEPT) -> list[str]:
    """Delete the project's images but for the last few; return the tags of what went.

    The engine refuses to delete what a container was made from; a tag of somebody's own is left.

    Args:
        engine: where they are.
        name: the project's name.
        in_use: ids or stamps of images that are kept beside the last ones.
        keep: how many of the last ones are kept.
    """
    listed = engine.docker(
        *("image", "ls", "--quiet", "--no-trunc", f"--filter=label={PROJECT}={name}"),
    ).stdout.split()
    images = _inspected(engine, sorted(set(listed))) if listed else []
    own = tag(name, "")
    tagged = [one for one in images if any(each.startswith(own) for each in one.repo_tags)]
    tagged.sort(key=lambda one: one.metadata.last_tag_time, reverse=True)
    old = [
        one for one in tagged[keep:] if one.id not in in_use and _label(one, STAMP) not in in_use
    ]
    doomed = [each for one in old for each in one.repo_tags if each.startswith(own)]
    doomed += [one.id for one in images if not one.repo_tags and _is_left_over(one)]
    return [each for each in doomed if _removed(engine, each)]


def _label(image: _Inspected, label: str) -> str:
    return (image.config.labels or {}).get(label, "")


def _is_left_over(image: _Inspected) -> bool:
    """Whether it is of a run that was killed before it had accepted or refused it."""
    return datetime.now(UTC) - image.created > LONG_AGO


def _removed(engine: Engine, reference: str) -> bool:
    try:
        engine.docker("image", "rm", reference)
    except CommandFailed:  # a container has it, or another run was faster
        return False
    return True


def _inspected(engine: Engine, references: list[str]) -> list[_Inspected]:
    result = engine.docker("image", "inspect", *references)
    return msgspec.json.decode(result.stdout, type=list[_Inspected])
