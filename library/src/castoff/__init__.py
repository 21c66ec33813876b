"""castoff takes a Django app to production, safely.

The public names load on first use (PEP 562), because the running app imports this package
with nothing but Django installed, and ``inv --list`` must stay as quick as Invoke's own.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from castoff.checks import check
    from castoff.develop import app_python
    from castoff.errors import StepError
    from castoff.model import Artifact, Finding, Release, Secret
    from castoff.namespace import collection
    from castoff.targets.base import Target
    from castoff.targets.local.scratch import scratch_database

__all__ = [
    "Artifact",
    "Finding",
    "Release",
    "Secret",
    "StepError",
    "Target",
    "app_python",
    "check",
    "collection",
    "scratch_database",
]

_HOME = {
    "Artifact": "castoff.model",
    "Finding": "castoff.model",
    "Release": "castoff.model",
    "Secret": "castoff.model",
    "StepError": "castoff.errors",
    "Target": "castoff.targets.base",
    "app_python": "castoff.develop",
    "check": "castoff.checks",
    "collection": "castoff.namespace",
    "scratch_database": "castoff.targets.local.scratch",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'castoff' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
