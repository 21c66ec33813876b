"""Audit: every layer, the environment, the history and the settings of an image."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime

import msgspec

from castoff.errors import Interrupted
from castoff.image.container import told
from castoff.image.contents import REGULAR, Layer, keep, room, stack
from castoff.image.detect import detector
from castoff.image.engine import Engine
from castoff.image.inside import dependencies, python, rights, size, static_files
from castoff.image.known import Known
from castoff.image.leaks import leaks
from castoff.image.model import Image
from castoff.image.packages import Package, packages
from castoff.image.saved import Saved
from castoff.image.start import start
from castoff.image.walk import walk
from castoff.model import Finding, Secret

CHUNK = 1 << 20  # bytes of an answer that are read together


class Audit(msgspec.Struct, frozen=True):
    """What an image is, and what is wrong with it.

    Attributes:
        findings: as of any check, by id; none is silenced yet.
        layers: the lowest first.
        files: how many files a container sees.
        packages: Python's and Debian's.
        largest: what takes the room, in bytes by a name for a person, the largest first.
        created: when the image was made; None when it does not say.
    """

    findings: tuple[Finding, ...]
    layers: tuple[Layer, ...]
    files: int
    packages: tuple[Package, ...]
    largest: dict[str, int]
    created: datetime | None


def audit(
    engine: Engine,
    image: Image,
    *,
    secrets: Mapping[str, Secret],
    locked: Mapping[str, str],
    port: int | None,
    budget_mb: int | None,
    say: Callable[[str], None],
) -> Audit:
    """Look at an image, whole; it is not started.

    Args:
        engine: where the image is.
        image: the image.
        secrets: values that must be nowhere in it, by their config var's name.
        locked: the packages that the lock installs, by normal name, with versions.
        port: the port that the platform expects; None when it tells the app by ``PORT``.
        budget_mb: millions of bytes that the image may have; None for any number.
        say: takes a line for a person.

    Raises:
        StepError: the image cannot be read, or a package for this is not installed.
    """
    known = Known(secrets)
    contents = stack(_saved(engine, image, known))
    findings = [
        *leaks(contents, known, detector()),
        *start(contents, port),
        *rights(contents),
        *python(contents, date.today()),
        *static_files(contents),
        *dependencies(contents, locked),
        *size(contents, image.size, budget_mb),
    ]
    findings.sort(key=lambda one: one.id)
    found = packages(contents)
    files = sum(file.kind == REGULAR for file in contents.files.values())
    say(f"audited: {len(contents.layers)} layers, {files:,} files, {len(found)} packages")
    largest = dict(room(contents.files).most_common(10))
    return Audit(tuple(findings), contents.layers, files, found, largest, contents.created)


def _saved(engine: Engine, image: Image, known: Known) -> Saved:
    with told(f"the image {image.short} could not be read"):
        pieces = engine.client.images.get(image.id).save(chunk_size=CHUNK)
        return walk(_until_cancelled(pieces, engine), known, detector, keep)


def _until_cancelled(pieces: Iterable[bytes], engine: Engine) -> Iterator[bytes]:
    for piece in pieces:
        if engine.shell.cancelled.is_set():
            raise Interrupted
        yield piece
