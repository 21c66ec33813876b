"""What is in an image once its layers lie on each other, and what takes the room."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec

from castoff.image.saved import File, Hit, Listing, Saved, Settings
from castoff.redactor import REDACTOR

LONGEST = 100  # characters of an instruction
LARGEST = 5  # things that are told of a layer
PASSWD = "etc/passwd"
MANIFEST = "staticfiles.json"  # django.contrib.staticfiles.storage.ManifestFilesMixin.manifest_name
DPKG = "var/lib/dpkg/status"
DPKG_FILES = "var/lib/dpkg/info/"  # of each package the paths of its files
RELEASE = "usr/lib/os-release"
REGULAR = b"0"


class Layer(msgspec.Struct, frozen=True):
    """A layer of an image.

    Attributes:
        number: its place, from 1, the lowest first.
        instruction: what made it, as in ``COPY . .``; empty when the image does not say.
        size: bytes of the files in it.
        files: how many files are in it.
        largest: what takes the room: bytes by a name for a person, the largest first.
    """

    number: int
    instruction: str
    size: int
    files: int
    largest: dict[str, int]

    @property
    def name(self) -> str:
        """The layer, as a person finds it."""
        return f"layer {self.number}" + (f" ({self.instruction})" if self.instruction else "")


class Leak(msgspec.Struct, frozen=True):
    """A file that has no place in an image.

    Attributes:
        layer: the layer it is in.
        hit: the file, and what is wrong with it.
        deleted: whether a later layer deletes it, which takes it from nobody who has the image.
    """

    layer: Layer
    hit: Hit
    deleted: bool


class Contents(msgspec.Struct, frozen=True):
    """An image's files, as a container sees them.

    Attributes:
        settings: how a container is started.
        history: the instructions that made it, whole.
        files: by path, without the first slash.
        kept: the content of some.
        layers: the lowest first.
        leaks: what has no place in any layer.
        created: when the image was made; None when it does not say.
    """

    settings: Settings
    history: tuple[str, ...]
    files: dict[str, File]
    kept: dict[str, bytes]
    layers: tuple[Layer, ...]
    leaks: tuple[Leak, ...]
    created: datetime | None = None

    def text(self, path: str) -> str:
        """The content of a file that was kept; empty when it is not there."""
        return self.kept.get(path, b"").decode("utf-8", "replace")

    def of_debian(self) -> frozenset[str]:
        """The files that came with Debian's packages: anybody has them, and knows what they do."""
        lists = (self.text(path) for path in self.kept if path.startswith(DPKG_FILES))
        paths = {line[1:] for text in lists for line in text.splitlines()}
        return frozenset(paths | {f"usr/{path}" for path in paths})  # /bin is /usr/bin today

    @property
    def env(self) -> dict[str, str]:
        """The environment that the image sets."""
        pairs = (line.partition("=") for line in self.settings.env or ())
        return {name: value for name, _, value in pairs}

    @property
    def words(self) -> tuple[str, ...]:
        """What is started, entry point and command together."""
        return (*(self.settings.entrypoint or ()), *(self.settings.cmd or ()))


def keep(path: str) -> bool:
    """Whether the content of a file is looked at later."""
    name = path.rpartition("/")[2]
    if path in (PASSWD, DPKG, RELEASE) or name == MANIFEST:
        return True
    if path.startswith(DPKG_FILES):
        return path.endswith(".list")
    return path.endswith(".dist-info/METADATA") or path.startswith(f"{DPKG}.d/")


def stack(saved: Saved) -> Contents:
    """Lay the layers of a saved image on each other."""
    steps = [step.created_by for step in saved.blueprint.history if not step.empty_layer]
    files: dict[str, File] = {}
    kept: dict[str, bytes] = {}
    origin: dict[str, int] = {}
    layers: list[Layer] = []
    for number, listing in enumerate(saved.layers, start=1):
        for path in _covered(listing.gone, files):
            del files[path], origin[path]
            kept.pop(path, None)
        files |= listing.files
        kept |= listing.kept
        origin |= dict.fromkeys(listing.files, number)
        step = steps[number - 1] if number <= len(steps) else ""
        layers.append(_layer(number, step, listing))
    leaks = (
        Leak(layer, hit, origin.get(hit.path) != layer.number)
        for layer, listing in zip(layers, saved.layers, strict=True)
        for hit in dict.fromkeys(listing.hits)  # a large file's pieces may each have one
    )
    history = tuple(step.created_by for step in saved.blueprint.history)
    return Contents(
        saved.blueprint.config,
        history,
        files,
        kept,
        tuple(layers),
        tuple(leaks),
        saved.blueprint.created,
    )


def _covered(gone: Iterable[str], files: Iterable[str]) -> list[str]:
    """The paths that a layer deletes, of those that are there."""
    whole = set(gone)
    if not whole:
        return []
    return [path for path in files if any(part in whole for part in _above(path))]


def _above(path: str) -> Iterable[str]:
    """A path as it may be named by what deletes it: itself, each folder, each emptied folder."""
    yield path
    at = path.rfind("/")
    while at > 0:
        yield path[:at]
        yield path[: at + 1]
        at = path.rfind("/", 0, at)


def _layer(number: int, step: str, listing: Listing) -> Layer:
    sizes = room(listing.files)
    count = sum(file.kind == REGULAR for file in listing.files.values())
    top = dict(sizes.most_common(LARGEST))
    return Layer(number, instruction(step), sizes.total(), count, top)


def room(files: dict[str, File]) -> Counter[str]:
    """Return the bytes of each part of a tree, by a name for a person."""
    sizes: Counter[str] = Counter()
    for path, file in files.items():
        if file.kind == REGULAR:
            sizes[_part(path)] += file.size
    return sizes


def _part(path: str) -> str:
    """What a file is a part of: byte code, translations, a package, or a folder."""
    if path.endswith(".pyc"):
        return "byte code (.pyc)"
    if path.endswith(".mo"):
        return "translations (.mo)"
    package = re.search(
        r"(?:site|dist)-packages/([^/]+?)(?:-[\d.]+[^/]*\.dist-info|\.libs)?/", path
    )
    return package[1] if package else "/".join(path.split("/")[:2])


def instruction(step: str) -> str:
    """Return what made a layer as it stands in the Dockerfile, in one short line."""
    text = step.removesuffix("# buildkit").replace("/bin/sh -c #(nop)", "")
    text = re.sub(r"^RUN \|\d+ .*?/bin/sh -c ", "RUN ", text, flags=re.DOTALL)
    text = re.sub(r"^(RUN )?/bin/sh -c ", "RUN ", text)
    text = " ".join(REDACTOR.redact(text).split())
    return f"{text[: LONGEST - 1]}…" if len(text) > LONGEST else text
