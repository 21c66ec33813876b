"""Who runs castoff: as git has it, and as the operating system does."""

import getpass
import os
import socket
from pathlib import Path

import msgspec

from castoff import source
from castoff.shell import Shell


class Person(msgspec.Struct, frozen=True):
    """Who runs castoff.

    Attributes:
        git: ``name <email>`` that git would put on a commit; empty when it has none.
        user: the user's name for the operating system.
        host: the machine's name.
    """

    git: str
    user: str
    host: str


def observe(root: Path, shell: Shell) -> Person:
    """Ask git, in the project's folder, and the operating system."""
    return Person(source.author(root, shell), user(), socket.gethostname())


def user() -> str:
    """The user's name; its number where the operating system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
