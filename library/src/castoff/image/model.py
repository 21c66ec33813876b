"""What is known of an image. Frozen, and made without the Docker SDK."""

import msgspec

PROJECT = "dev.castoff.project"
"""The label of everything that castoff makes on an engine: the project's name."""
STAMP = "dev.castoff.stamp"
"""The label of an image: the stamp that a release of it answers."""


class Image(msgspec.Struct, frozen=True):
    """An image on the local engine.

    Attributes:
        id: the engine's id of it, as ``sha256:…``: of its configuration, and so of its layers.
        tag: ``castoff/NAME:COMMIT``; an image has it only once audit and boot test have passed.
        stamp: the stamp that a release of it answers.
        size: bytes of all its layers, those of the base image too.
        platform: what it runs on, as ``linux/amd64``.
        fresh: whether this run made it, or found it made.
    """

    id: str
    tag: str
    stamp: str
    size: int
    platform: str
    fresh: bool = True

    @property
    def short(self) -> str:
        """The id as a person reads it."""
        return self.id.removeprefix("sha256:")[:12]
