"""How an image starts: as which user, through what, and where it listens."""

import re
import shlex
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from castoff.checks import finding
from castoff.image.contents import PASSWD, Contents
from castoff.model import Finding

SHELLS = ("sh", "bash", "dash", "ash")
NO_SERVER = re.compile(r"(ba|da|a)?sh|python[\d.]*")
EXEC = 'CMD ["gunicorn", "project.wsgi"]'
ADDRESS = ("--bind", "-b", "--listen", "--http", "--http-socket")
LOCAL_BY_DEFAULT = {"uvicorn": "UVICORN_HOST"}  # by the variable that says otherwise


class Bound(NamedTuple):
    """Where a server listens, as far as the start command tells.

    Attributes:
        host: the host; empty for all.
        port: the port, as it is written; empty when it is not said.
    """

    host: str
    port: str


def start(contents: Contents, port: int | None) -> Iterator[Finding]:
    """Look at the user, the start command and the address it binds.

    Args:
        contents: what is in the image.
        port: the port that the platform expects; None when it tells the app by ``PORT``.
    """
    yield from _user(contents)
    script = shell_script(contents.words)
    words = _split(script) if script else list(contents.words)
    yield from _command(contents.words, words, script)
    yield from _address(contents, words, bool(script), port)


def shell_script(words: tuple[str, ...]) -> str:
    """The script when it is a shell that is started; empty when it is not."""
    if len(words) > 2 and words[0].rpartition("/")[2] in SHELLS and re.match(r"-\w*c$", words[1]):
        return words[2]
    return ""


def _split(script: str) -> list[str]:
    try:
        return shlex.split(script)
    except ValueError:
        return script.split()


def _user(contents: Contents) -> Iterator[Finding]:
    user = contents.settings.user.partition(":")[0]
    lines = (line.split(":") for line in contents.text(PASSWD).splitlines())
    ids = {parts[0]: parts[2] for parts in lines if len(parts) > 2}
    if ids.get(user, user) not in ("", "0", "root"):
        return
    said = f"USER {user} is root" if user else "there is no USER"
    message = f"the process runs as root ({said}): whoever breaks into it owns the container."
    yield finding("E303", "USER", message, "RUN useradd --uid 1001 app\nUSER 1001")


def _command(whole: tuple[str, ...], words: list[str], script: str) -> Iterator[Finding]:
    if not whole or (len(whole) == 1 and NO_SERVER.fullmatch(whole[0].rpartition("/")[2])):
        said = f"only `{whole[0]}`, from the base image" if whole else "nothing at all"
        message = f"the image has no start command of its own ({said}): it ends at once."
        yield finding("E304", "CMD", message, EXEC)
        return
    if any(word.startswith("runserver") for word in words):
        message = "it starts through runserver, which is for development: it is slow, and Django "
        message += "does not guard it against the public."
        yield finding("E304", "CMD", message, EXEC)
    last = re.split(r"&&|\|\||;|\n", script)[-1].strip()
    if script and not last.startswith("exec "):
        message = "the start command is in shell form: the shell gets SIGTERM and the server does "
        message += "not, so that it is killed with its requests at the end of the grace period."
        hint = f"{EXEC}\nor, where a shell must stay: let its last command begin with `exec`."
        yield finding("E304", "CMD", message, hint)


def _address(
    contents: Contents, words: list[str], in_shell: bool, port: int | None
) -> Iterator[Finding]:
    bound = _bound(words, contents.env)
    for host, number in bound:
        if "$" in f"{host}{number}" and not in_shell:
            message = f"`{host}:{number}` is taken as it stands: no shell puts the value in there."
            hint = "gunicorn binds 0.0.0.0:$PORT by itself when PORT is set and --bind is not "
            hint += "given; else read it in its configuration file."
            yield finding("E305", "CMD", message, hint)
        elif _is_loopback(host):
            message = f"it binds {host}: inside a container nobody else reaches that."
            yield finding("E305", "CMD", message, f"Bind 0.0.0.0:{number or '$PORT'}.")
        elif number.isdigit() and port is not None and int(number) != port:
            message = f"it binds port {number}, and the platform expects {port}: it boots, and is "
            yield finding("E305", "CMD", f"{message}never reached.", _port_hint(port))
    if port is not None and not any(number for _, number in bound):
        yield from _promised(contents, port)


def _promised(contents: Contents, port: int) -> Iterator[Finding]:
    """Where the start command names no port: what ENV and EXPOSE say of it."""
    exposed = [one.partition("/")[0] for one in contents.settings.exposed_ports or {}]
    told = [contents.env["PORT"]] if contents.env.get("PORT") else exposed
    if told and str(port) not in told:
        what = "ENV PORT" if contents.env.get("PORT") else "EXPOSE"
        message = f"{what} says {', '.join(told)}, and the platform expects {port}: it boots, and "
        yield finding("E305", what, f"{message}is never reached.", _port_hint(port))


def _port_hint(port: int) -> str:
    return (
        f"Let the server bind the port that PORT names, and set ENV PORT={port} and EXPOSE {port}."
    )


def _bound(words: list[str], env: dict[str, str]) -> list[Bound]:
    """The addresses that the start command names."""
    words = [*words, *_split(env.get("GUNICORN_CMD_ARGS", ""))]
    found = [_parse(value) for name in ADDRESS for value in _options(words, name)]
    hosts, ports = _options(words, "--host"), _options(words, "--port")
    if hosts or ports:
        found.append(Bound(hosts[0] if hosts else "", ports[0] if ports else ""))
    server = next((word for word in words if word.rpartition("/")[2] in LOCAL_BY_DEFAULT), "")
    if server and not hosts and not env.get(LOCAL_BY_DEFAULT[server.rpartition("/")[2]]):
        found = [Bound("127.0.0.1", ports[0] if ports else "")]
    if "runserver" in words:
        rest = [word for word in words[words.index("runserver") + 1 :] if word[0] != "-"]
        host, number = _parse(rest[0]) if rest else Bound("", "")
        found.append(Bound(host or "127.0.0.1", number))
    return [one for one in found if not one.host.startswith(("unix", "fd"))]


def _options(words: list[str], name: str) -> list[str]:
    """The values of an option, as ``--bind X``, ``--bind=X`` or ``-bX``."""
    after = [words[at + 1] for at, word in enumerate(words[:-1]) if word == name]
    joined = f"{name}=" if name.startswith("--") else name
    return after + [w.removeprefix(joined) for w in words if w.startswith(joined) and w != joined]


def _parse(address: str) -> Bound:
    if re.fullmatch(r"\d+", address):
        return Bound("", address)
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(.*)", address)  # ${PORT:-8000} has a colon too
    return Bound(match[1].strip("[]"), match[2]) if match else Bound(address.strip("[]"), "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
