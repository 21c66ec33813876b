"""What the doctor found, as values."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from castoff.errors import CastoffError, ExitCode, of_its_own
from castoff.model import Finding, Release, Tool

T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True):
    """Something that is missing or wrong.

    Attributes:
        what: what it is.
        next: what to do about it, as a line to type where there is one.
        code: the exit code that it asks for; 0 when a deploy can go on with it.
    """

    what: str
    next: str
    code: ExitCode = ExitCode.FAILED


class Folder(msgspec.Struct, frozen=True):
    """A folder on this machine.

    Attributes:
        path: where it is.
        size: bytes of all that is in it; a file with several names counts once.
        parts: bytes of each of its folders.
        free: bytes that are free on its disk.
    """

    path: str
    size: int
    parts: dict[str, int]
    free: int


class TargetHealth(msgspec.Struct, frozen=True):
    """One target: what runs there, and what it lacks.

    Attributes:
        platform: what kind of place it is.
        ok: whether it could be deployed to.
        serving: whether a release answers.
        url: where it answers, or will; empty when that cannot be told.
        release: the current release.
        parts: the parts it is made of, each with what it is doing.
        tools: the programs that its platform needs on this machine.
        problems: what it lacks.
    """

    platform: str
    ok: bool
    serving: bool
    url: str
    release: Release | None
    parts: dict[str, str]
    tools: list[Tool]
    problems: list[Problem]


class Health(msgspec.Struct, frozen=True):
    """Everything that the doctor found.

    Attributes:
        installed: castoff and the programs that it needs for every target.
        root: the project's folder.
        commit: the commit at HEAD and its first line; empty when there is none.
        lock: the lock file's name; empty when there is no usable one.
        state: the project's state folder.
        targets: the targets by name.
        problems: what is wrong for all of them.
    """

    installed: list[Tool]
    root: str
    commit: str
    lock: str
    state: Folder
    targets: dict[str, TargetHealth]
    problems: list[Problem]

    @property
    def every_problem(self) -> Iterator[Problem]:
        """The problems of all, and then of each target."""
        yield from self.problems
        for target in self.targets.values():
            yield from target.problems

    @property
    def ok(self) -> bool:
        """Whether every target could be deployed to."""
        return not any(one.code for one in self.every_problem)

    @property
    def fields(self) -> dict[str, Any]:
        """Every attribute by its name."""
        return msgspec.structs.asdict(self)


def tried(look: Callable[[], T], problems: list[Problem]) -> T | None:
    """Return what a look finds; None when it fails, which is then one of the problems."""
    try:
        return look()
    except Exception as error:
        found = _of(error)
    if found not in problems:  # two looks may stumble over the same file
        problems.append(found)
    return None


def _of(error: Exception) -> Problem:
    if isinstance(error, CastoffError):
        return problem(error)
    if isinstance(error, OSError):
        what = f"{error.filename or type(error).__name__}: {error.strerror or error}"
        return Problem(what, "Mend it, and run `inv doctor` again.")
    return Problem(of_its_own(error), "Please report it.")


def problem(error: CastoffError) -> Problem:
    """An error of a step as a problem, of which the doctor need not say that nothing was done."""
    return Problem(error.what, error.next, error.code)


def of_finding(finding: Finding) -> Problem:
    """A finding of a target's own."""
    code = ExitCode.FAILED if finding.stops else ExitCode.DONE
    return Problem(f"{finding.id} {finding.where}: {finding.message}", finding.hint, code)
