"""What failed, what state things are in, what to do next; and the exit code of each kind."""

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every castoff task; with several targets the highest counts."""

    DONE = 0
    """It was done, or there was nothing to do."""
    FAILED = 1
    """A step failed; what served before still serves, or nothing served before."""
    WRONG_INPUT = 2
    """A wrong target, configuration key or value."""
    NEEDS_A_PERSON = 3
    """It failed, and what serves now needs a person."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM or SIGHUP."""


@dataclass(eq=False)
class CastoffError(Exception):
    """An error for a person to read, in three parts.

    Attributes:
        what: what failed, in one sentence, with the last lines of its output where they help.
        state: what state things are in now: what still serves, what was kept.
        next: what to do next, as a line to type where there is one.
        code: the exit code of a task that ends with it.
    """

    what: str
    state: str = ""
    next: str = ""

    code = ExitCode.FAILED

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.state, self.next) if part)


@dataclass(eq=False)
class StepError(CastoffError):
    """A step failed; what served before still serves, or nothing did."""


@dataclass(eq=False)
class NeedsAPerson(CastoffError):
    """A step failed, and what serves now is not what it should be."""

    code = ExitCode.NEEDS_A_PERSON


@dataclass(eq=False)
class WrongInput(CastoffError):
    """A target, a configuration key or a value that castoff does not know."""

    code = ExitCode.WRONG_INPUT


@dataclass(eq=False)
class Interrupted(CastoffError):
    """Ctrl-C, or a signal that asks castoff to end."""

    what: str = "interrupted"

    code = ExitCode.INTERRUPTED


def headline(what: str) -> str:
    """The first line of what failed, without the colon before the lines of its output."""
    return what.partition("\n")[0].rstrip(":")


def of_its_own(error: Exception) -> str:
    """What failed, of an error that castoff did not foresee."""
    return f"castoff met an error of its own: {type(error).__name__}: {error}"
