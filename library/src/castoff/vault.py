"""Where the values of secrets come from: an env file, the environment, or a command."""

import io
import os
import secrets
from collections.abc import Container, Mapping

from castoff.config import Config
from castoff.errors import StepError, WrongInput
from castoff.model import Secret
from castoff.project import Project
from castoff.shell import CommandFailed

PROBE_TOKEN = "CASTOFF_PROBE_TOKEN"
SECRET_KEY = "SECRET_KEY"
GENERATED = (SECRET_KEY, PROBE_TOKEN)
# Attached or known by the target, never taken from the source of secrets.
PROVIDED = ("DATABASE_URL", "PUBLIC_URLS", "DJANGO_SETTINGS_MODULE", "PORT")
WHERE_TO_PUT_IT = (
    "Put it into castoff.secrets.env_file, the environment, or castoff.secrets.command."
)


def required(config: Config) -> tuple[str, ...]:
    """Return the names that must be set on a target, each once."""
    return tuple(dict.fromkeys([*GENERATED, *config.secrets.required]))


def missing(config: Config, names: Container[str]) -> list[str]:
    """Return the required names that are not among ``names``, and that castoff does not make."""
    return [one for one in required(config) if one not in names and one not in GENERATED]


def offered(project: Project) -> dict[str, Secret]:
    """Return the values that are to be set, by name; they are read once in a run.

    The env file and the command give every name that they have; the environment gives the
    required names, and wins over the file, as it does in a shell.

    Raises:
        WrongInput: the env file is not there, or has a line that is none.
        StepError: the command failed.
    """
    return project.offered(lambda: _read(project))


def _read(project: Project) -> dict[str, Secret]:
    found = _together(project.config, _from_file(project), _from_command(project))
    return {name: Secret(name, value, origin=origin) for name, (value, origin) in found.items()}


def origins(project: Project) -> dict[str, str]:
    """Return what is offered without asking the command: each name with where it comes from.

    Raises:
        WrongInput: as ``offered``.
    """
    found = _together(project.config, _from_file(project), {})
    return {name: origin for name, (_, origin) in found.items()}


def generate(names: tuple[str, ...]) -> dict[str, Secret]:
    """Make a new random value for each name: 50 or more characters of ``A-Za-z0-9_-``."""
    return {name: Secret(name, secrets.token_urlsafe(48), origin="made now") for name in names}


def _together(
    config: Config, file: Mapping[str, str], command: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Each value with where it comes from, of the sources the one that wins."""
    wanted = required(config)
    found = {name: (value, config.secrets.env_file) for name, value in file.items()}
    found |= {name: (value, config.secrets.command[0]) for name, value in command.items()}
    given = {name: os.environ.get(name, "") for name in wanted}
    found |= {name: (value, "environment") for name, value in given.items() if value}
    kept = {name: one for name, one in found.items() if one[0] or name not in wanted}
    return {name: one for name, one in kept.items() if name not in PROVIDED}


def _from_file(project: Project) -> dict[str, str]:
    if not project.config.secrets.env_file:
        return {}
    path = project.root / project.config.secrets.env_file
    try:
        if path.stat().st_mode & 0o077 and not project.dry:
            path.chmod(0o600)
            _note(project, f"{path.name} could be read by others; its mode is 0600 now")
        with path.open(encoding="utf-8", newline="") as file:  # a value keeps its line ends
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise WrongInput(
            f"castoff.secrets.env_file: {path} cannot be read: {reason}",
            "No secret was changed.",
            "Make the file, mend its rights, or take the key out of invoke.yaml.",
        ) from None
    return parse(text, str(path.name))


def _from_command(project: Project) -> dict[str, str]:
    command = project.config.secrets.command
    if not command:
        return {}
    try:
        text = project.shell.run(command, cwd=project.root, timeout=120).stdout
    except CommandFailed as error:
        # Only the reason: what such a program prints may hold what it was to keep.
        raise StepError(
            f"castoff.secrets.command: {command[0]} {error.reason}",
            "No secret was changed.",
            f"Run `{' '.join(command)}` by hand; it must print NAME=value lines and end with 0.",
        ) from None
    if "\ufffd" in text:
        raise StepError(
            f"castoff.secrets.command: what {command[0]} prints is not UTF-8",
            "No secret was changed.",
            "Let it print a value of other bytes encoded, in base64 for instance.",
        )
    return parse(text, command[0])


def parse(text: str, where: str) -> dict[str, str]:
    """Parse ``NAME=value`` lines as python-dotenv does, without interpolation.

    Raises:
        WrongInput: a line is none; its number is told, never its content.
    """
    from dotenv.parser import parse_stream

    values = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key and binding.value is None):
            blank = len(binding.original.string) - len(binding.original.string.lstrip())
            line = binding.original.line + binding.original.string.count("\n", 0, blank)
            raise WrongInput(
                f"{where}, line {line}: not NAME=value",
                "No secret was changed.",
                "Quote a value that has spaces, quotes or a number sign: NAME='value'.",
            )
        if binding.key:
            values[binding.key] = binding.value or ""
    _refuse_nul(values, where)
    return values


def _refuse_nul(values: Mapping[str, str], where: str) -> None:
    bad = [name for name, value in values.items() if "\0" in value]
    if bad:
        raise WrongInput(
            f"{where}: {', '.join(bad)} has a NUL, which no environment variable can hold",
            "No secret was changed.",
            "Store the value encoded, in base64 for instance.",
        )


def _note(project: Project, text: str) -> None:
    from castoff.events import Note

    project.emit(Note("", "secrets", text, True))
