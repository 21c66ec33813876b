"""A saved image as values: its layers with what was found in them, and its configuration."""

from datetime import datetime
from typing import NamedTuple

import msgspec


class File(NamedTuple):
    """A file or folder in a layer.

    Attributes:
        kind: one of tarfile's: ``b"0"`` a file, ``b"5"`` a folder, ``b"2"`` a link, …
        size: its bytes.
        mode: its rights.
    """

    kind: bytes
    size: int
    mode: int


class Hit(NamedTuple):
    """A file that has no place in an image.

    Attributes:
        path: its path, without the first slash.
        kind: what it is, or the kind of token in it; empty when it has a known value.
        names: the config vars whose values are in it.
        token: whether the kind is that of a token in it.
    """

    path: str
    kind: str
    names: frozenset[str] = frozenset()
    token: bool = False


class Listing(msgspec.Struct):
    """What is in one layer.

    Attributes:
        files: by path, without the first slash.
        gone: paths of lower layers that it deletes; one with a slash at the end is emptied.
        kept: content that is looked at later, by path.
        hits: what has no place in it.
    """

    files: dict[str, File] = {}
    gone: list[str] = []
    kept: dict[str, bytes] = {}
    hits: list[Hit] = []


class Step(msgspec.Struct, frozen=True):
    """An entry of an image's history."""

    created_by: str = ""
    empty_layer: bool = False


class Settings(msgspec.Struct, frozen=True, rename="pascal"):
    """How a container of the image is started.

    Attributes:
        user: the user; empty is root.
        env: ``NAME=value`` lines.
        entrypoint: words before those of ``cmd``.
        cmd: the start command, or its arguments.
        exposed_ports: as ``8000/tcp``.
    """

    user: str = ""
    env: tuple[str, ...] | None = ()
    entrypoint: tuple[str, ...] | None = ()
    cmd: tuple[str, ...] | None = ()
    exposed_ports: dict[str, object] | None = None


class Blueprint(msgspec.Struct, frozen=True):
    """An image's configuration.

    Attributes:
        config: how it is started.
        history: how it was made, oldest first.
        created: when it was made; None when it does not say.
    """

    config: Settings = Settings()
    history: tuple[Step, ...] = ()
    created: datetime | None = None


class Manifest(msgspec.Struct, frozen=True, rename="pascal"):
    """Which of the saved files is what."""

    config: str
    layers: tuple[str, ...]


class Saved(NamedTuple):
    """A saved image.

    Attributes:
        blueprint: its configuration.
        layers: the lowest first.
    """

    blueprint: Blueprint
    layers: list[Listing]
