"""The local target: production shape on one machine, with nothing to install."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from castoff.targets.local.target import LocalTarget

__all__ = ["LocalTarget"]


def __getattr__(name: str) -> object:
    # The supervisor imports this package too, and needs the standard library only.
    if name != "LocalTarget":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from castoff.targets.local.target import LocalTarget

    return LocalTarget
