"""Why an image did not pass its boot test, with its last lines and what to do."""

import signal
from contextlib import suppress

from castoff.errors import StepError
from castoff.image.boot.listening import Listener
from castoff.image.container import Container, State
from castoff.model import SmokeCheck
from castoff.storage import DiskFull

STATE = "The image goes nowhere, and nothing is left of the test; what served before still serves."
READ_ONLY = "Read-only file system"  # Linux's own words, of EROFS and ENOSPC
FULL = "No space left on device"
LOOKED_AT = 200  # lines
SHOWN = 15  # lines
FEW = 3  # lost requests that are told of
SIGNALLED = 128  # and the signal's number: the exit code of who was ended by it
KILLED = SIGNALLED + signal.SIGKILL
TERMINATED = SIGNALLED + signal.SIGTERM

MORE_MEMORY = (
    "Give it more memory (`castoff.image.memory_mb`), or let it take less: fewer workers, "
    "`preload_app`, and nothing in a process that grows with each request."
)
WRITE_ELSEWHERE = (
    "What it writes at run time is lost with the container, and is not seen by the others: put it "
    "into the database or a storage service. What is for a moment only belongs in /tmp; what is "
    "made once (static files, byte code) is made in the Dockerfile."
)
KEEP_LITTLE = "/tmp is memory here: keep there only what is small, and take it away again."
STAMP_MISSING = (
    "Let the image have the release.json that the build puts beside manage.py: copy it in the "
    "Dockerfile into the folder that the app starts in, and let .dockerignore let it in."
)
DEAF = (
    "The first process must be the server, and hear SIGTERM: CMD in the exec form, as in "
    '`CMD ["gunicorn", "project.wsgi"]`; in a script the last line is `exec gunicorn …`. A program '
    "without a handler for it does not hear it as the first process of a container."
)
UNGRACEFUL = (
    "On SIGTERM a server must take no new requests, finish those under way, and end with 0: "
    "gunicorn does so by itself (`graceful_timeout`)."
)


def failed(container: Container, what: str, next_: str, *, certain: bool = False) -> StepError:
    """End a container that did not pass, and return the error for a person.

    A cause that the engine or its log tells goes before what was seen of it from outside.

    Args:
        container: the container; it is ended, because the engine knows only then whether one of
            its processes was killed for its memory.
        what: what was seen.
        next_: what to do, if there is no other cause.
        certain: whether what was seen is the cause, whatever its log tells.
    """
    lines = container.logs(LOOKED_AT).splitlines()
    ended = container.kill()
    told = "\n".join(lines[-SHOWN:]) or "(it wrote nothing)"
    if ended.out_of_memory:
        what = f"it took more than its {container.memory_mb} MiB of memory; {what}"
        return StepError(f"{what}:\n{told}", STATE, MORE_MEMORY)
    if writes(lines) and not certain:
        what = f"the app writes to the image's own files, which are read-only; {what}"
        return StepError(f"{what}:\n{told}", STATE, WRITE_ELSEWHERE)
    if any(FULL in line for line in lines) and not certain:
        return DiskFull(f"the app filled its /tmp; {what}:\n{told}", STATE, KEEP_LITTLE)
    return StepError(f"{what}:\n{told}", STATE, next_)


def writes(lines: list[str]) -> str:
    """Return the line that tells of an attempt to write to the root, without its margins."""
    found = (line for line in lines if READ_ONLY in line)
    return next(found, "").strip()


def release_failed(container: Container, ended: State, words: str) -> StepError:
    """Return the error of a release command that did not end well.

    Args:
        container: the one that it ran in.
        ended: how it ended, or that it still runs.
        words: the command.
    """
    how = "did not end in time" if ended.running else _exit(ended.exit_code)
    next_ = "Put right what the lines above name: a platform runs the same command before it starts"
    next_ = f"{next_} the new code. An empty database must be enough for it."
    return failed(container, f"the release command `{words}` {how}", next_)


def ended_early(container: Container, ended: State, seconds: float) -> StepError:
    """Return the error of a server that ended by itself.

    Args:
        container: the one that it ran in.
        ended: how it ended.
        seconds: how long it ran.
    """
    what = f"the server {_exit(ended.exit_code)}, {seconds:.1f} s after it was started"
    next_ = _EARLY.get(ended.exit_code, "Put right what the lines above name.")
    return failed(container, what, next_)


def listens_elsewhere(container: Container, listener: Listener, port: int) -> StepError:
    """Return the error of a server that cannot be reached where it must be."""
    if listener.port == port:
        what = f"the server listens on {listener} only, where nobody outside its container comes"
        next_ = f"Let it bind 0.0.0.0:{port} (in gunicorn `bind`, or `--bind`), with PORT's value."
    else:
        what = f"the server listens on {listener}, and its platform asks port {port}"
        next_ = "Let it bind 0.0.0.0 and the port that the variable PORT has."
    return failed(container, what, next_, certain=True)


def too_slow(container: Container, last: str, seconds: float) -> StepError:
    """Return the error of a server that was not healthy in time.

    Args:
        container: the one that it runs in.
        last: what the health check saw last.
        seconds: how long was waited.
    """
    what = f"the server was not healthy within {seconds:g} s: {last}"
    next_ = "Let it load less before it answers, or give it longer: `boot_timeout` of the target."
    return failed(container, what, next_)


def answers_wrongly(container: Container, wrong: list[SmokeCheck]) -> StepError:
    """Return the error of a server that answers, and not what it should."""
    told = "\n".join(f"{one.id}: {_of_an_image(one.detail)}" for one in wrong)
    what = f"the server runs, and {len(wrong)} of the questions to it got a wrong answer:\n{told}\n"
    stamp = any(one.id == "stamp" for one in wrong)
    next_ = STAMP_MISSING if stamp else "Put right what the answers and the lines above name."
    return failed(container, f"{what}Its log", next_, certain=stamp)


def loses_requests(container: Container, lost: list[str]) -> StepError:
    """Return the error of a server that lost requests although nobody told it to end."""
    what = f"the server was asked by many at once, and lost requests: {_some(lost)}"
    return failed(container, what, "Put right what the lines above name.")


def ends_badly(container: Container, ended: State, seconds: float, lost: list[str]) -> StepError:
    """Return the error of a server that did not end as it should when it was told to.

    Args:
        container: the one that it ran in.
        ended: how it ended.
        seconds: how long that took.
        lost: what became of each request that it lost.
    """
    if ended.running or ended.exit_code == KILLED:
        what = f"the server did not end on SIGTERM, and was killed after {seconds:.1f} s"
        next_ = DEAF
    elif ended.exit_code:
        what = f"the server was told to end (SIGTERM), and {_exit(ended.exit_code)}"
        next_ = UNGRACEFUL if ended.exit_code == TERMINATED else "It must end with 0 on SIGTERM."
    else:
        what = "the server was told to end (SIGTERM), and did not finish its requests"
        next_ = UNGRACEFUL
    if lost:
        what = f"{what}; requests lost: {_some(lost)}"
    return failed(container, what, next_, certain=True)


def _some(lost: list[str]) -> str:
    """How many requests were lost, and what became of the first few."""
    more = f"; and {len(lost) - FEW} more" if len(lost) > FEW else ""
    return f"{len(lost)} ({'; '.join(lost[:FEW])}{more})"


def _of_an_image(detail: str) -> str:
    """What came back; the likely cause too, unless it is to be looked for in a release."""
    what, _, why = detail.partition("\n")
    return what if "`inv " in why else detail


def _exit(code: int) -> str:
    """How something ended, as the rest of a sentence."""
    name = ""
    with suppress(ValueError):
        name = f" ({signal.Signals(code - SIGNALLED).name})"
    return f"ended with exit code {code}{name}"


_EARLY = {
    0: "The start command must stay in the foreground for as long as it serves: no `&`, no "
    "`--daemon`.",
    126: "The start command is no program that may be started: see CMD and ENTRYPOINT in the "
    "Dockerfile, and that the file has the right to be executed.",
    127: "The start command is not in the image, or not on its PATH: see CMD and ENTRYPOINT "
    "in the Dockerfile.",
    KILLED: "Something killed it; `docker events` shows whether that was for its memory.",
}
