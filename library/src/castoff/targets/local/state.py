"""The files of the state folder, and the run folder beside it."""

import contextlib
import hashlib
import json
import os
import stat
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

from castoff.errors import StepError

FORMAT = 1  # of what is kept in a state folder; one more when an older castoff would misread it
LARGEST_LOG = 10_000_000  # bytes
LARGEST_END = 64_000  # bytes that are read to show the last lines
KEPT_BOOTS = 5


class State:
    """The paths in a state folder; everything in it is for its owner's eyes only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = folder / "supervisor.lock"
        self.processes = folder / "supervisor.json"
        self.current = folder / "current.json"
        self.stopped = folder / "stopped"
        self.database = folder / "database.json"
        self.data = folder / "database"
        self.logs = folder / "logs"
        self.app_log = self.logs / "app.log"

    def make(self) -> None:
        """Make the folders that are missing."""
        for folder in (self.folder, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def code() -> str:
    """Which castoff this is: after an upgrade, or from another virtualenv, it is another one."""
    newest = max(path.stat().st_mtime_ns for path in Path(__file__).parent.glob("*.py"))
    return f"{sys.executable} {Path(__file__).parent} {newest}"


def run_folder(state: Path, *, make: bool = True) -> Path:
    """Make the folder for the sockets of a state folder, mode 0700, and return it.

    It is in ``/tmp``: a socket's path has at most 103 bytes (macOS; 107 on Linux), systemd removes
    ``XDG_RUNTIME_DIR`` when its user logs out, and a later session may have another ``TMPDIR``.

    Raises:
        StepError: something of another user is in its place.
    """
    name = hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:12]
    folder = Path(f"/tmp/castoff-{os.getuid()}-{name}")
    if not make:
        return folder
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise StepError(
            f"{folder} is not a folder of this user's.",
            "It was not used, and nothing was started.",
            f"Look at who made it, remove it, and try again: ls -ld {folder}",
        )
    folder.chmod(0o700)
    return folder


def write_text(path: Path, content: str) -> None:
    """Replace a file in one step, mode 0600; a crash leaves the old one or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)  # it may hold a part of a secret
        error.filename = str(path)  # the one that a person knows; a write names none at all
        raise


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file in one step, mode 0600."""
    write_text(path, json.dumps(value, indent=1))


def require_format(folder: Path, *, write: bool) -> None:
    """Refuse the state of a newer castoff; state without a format is this one's.

    Args:
        folder: a target's state folder.
        write: whether to write the format down where there is none.

    Raises:
        StepError: the state is of a format that this castoff does not know.
    """
    path = folder / "format"
    try:
        found = int(path.read_bytes())
    except (FileNotFoundError, ValueError):
        if write:
            write_text(path, f"{FORMAT}\n")
        return
    if found > FORMAT:
        raise StepError(
            f"{folder} was written by a newer castoff (format {found}; this one knows {FORMAT})",
            "What serves goes on serving; nothing was changed.",
            "Install that castoff again, or set XDG_STATE_HOME to begin anew beside it.",
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; {} when it is missing or damaged."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def read_processes(state: State) -> dict[str, Any]:
    """Read what the supervisor wrote down as running; what of it is damaged is left out."""
    left = read_json(state.processes)
    gunicorns, sockets = left.get("gunicorns"), left.get("sockets")
    return {
        "postgres": left.get("postgres"),
        "gunicorns": [one for one in _listed(gunicorns) if _describes_gunicorn(one)],
        "sockets": [one for one in _listed(sockets) if isinstance(one, int)],
    }


def read_current(state: State) -> dict[str, Any]:
    """Read what is to be served: its ``promotion``, ``port`` and ``spec``; {} when damaged."""
    current = read_json(state.current)
    spec, port = current.get("spec"), current.get("port")
    whole = isinstance(spec, dict) and isinstance(port, int) and "promotion" in current
    return current if whole else {}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _describes_gunicorn(value: object) -> bool:
    needed = {"release", "stamp", "process", "promotion", "role", "log"}
    return isinstance(value, dict) and needed <= value.keys()


def new_app_log(state: State, boot: str) -> Path:
    """Name the log of one start of the app, and forget all but the last few."""
    serving = state.app_log.resolve()
    others = [path for path in state.logs.glob("app-*.log") if path.resolve() != serving]
    others.sort(key=lambda path: path.stat().st_mtime)
    for path in others[: -KEPT_BOOTS + 1]:
        path.unlink(missing_ok=True)
    return state.logs / f"app-{boot}.log"


def show_app_log(state: State, log: Path) -> None:
    """Make ``app.log`` a link to the log of the start that serves."""
    link = state.logs / ".app.log.new"
    link.unlink(missing_ok=True)
    link.symlink_to(log.name)
    link.replace(state.app_log)


def cap_logs(state: State) -> None:
    """Cut every log that is too large; its last part stays in a file named ``.1``."""
    for path in state.logs.glob("*.log"):
        with contextlib.suppress(OSError):
            if not path.is_symlink() and path.stat().st_size > LARGEST_LOG:
                _cut(path)


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-LARGEST_LOG, os.SEEK_END)
        kept = path.with_name(f"{path.name}.1")
        kept.touch(mode=0o600)
        kept.write_bytes(file.read())
        file.truncate(0)  # who writes it appends, so the file goes on from its new end


def tail(path: Path, lines: int = 40) -> str:
    """The last lines of a text file; "" without one."""
    return "\n".join(_read_end(path)[-lines:])


def cause(path: Path, lines: int = 40) -> str:
    """Why gunicorn did not boot: its log's first traceback; those of its own end come after."""
    content = _read_end(path)
    for start, line in enumerate(content):
        if line.startswith("Traceback"):
            rest = takewhile(lambda later: not later.startswith("["), content[start:])
            return "\n".join([*rest][-lines:])
    return "\n".join(content[-lines:])


def _read_end(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LARGEST_END))
            return file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
