"""``invoke.yaml`` as typed, frozen values. An error names the key's full path."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from castoff.errors import WrongInput
from castoff.nearest import meant
from castoff.yaml_file import ROOT

TARGET_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
SHADOWED = {name for name in dir(dict) if not name.startswith("_")}
# msgspec's words, and those of a person who writes YAML.
WORDS = {
    "`object`": "a mapping",
    "`array`": "a list",
    "`str`": "text",
    "`int`": "a whole number",
    "`int | null`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`null`": "nothing",
    "matching regex '^/'": "that begins with `/`",
    "matching regex '^(process|container)$'": "that is `process` or `container`",
    "matching regex '^https?://[^/]'": "that begins with `https://` or `http://`",
}

Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Status = Annotated[int, Meta(ge=100, le=599)]
Url = Annotated[str, Meta(pattern="^https?://[^/]")]
Runtime = Annotated[str, Meta(pattern="^(process|container)$")]
UrlPath = Annotated[str, Meta(pattern="^/")]


class TargetConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One target: ``castoff.targets.NAME``.

    Attributes:
        platform: what kind of place it is; the target's own name when left out.
        port: the local port; the next free one from 8000 when left out.
        workers: gunicorn's worker processes.
        threads: threads in each worker.
        worker_memory: MiB that a worker may take before another takes its place; its share of
            three quarters of the machine's when left out.
        postgres: a folder with PostgreSQL's programs; found when left out.
        domains: custom domains, as full URLs.
        boot_timeout: seconds in which a release must answer its health check.
        runtime: what a release of the local platform runs in: processes of this machine, or a
            container of the image.
    """

    platform: str = ""
    port: Port | None = None
    workers: Count = 2
    threads: Count = 4
    worker_memory: Count | None = None
    postgres: str = ""
    domains: tuple[Url, ...] = ()
    boot_timeout: Count = 60
    runtime: Runtime = "process"


class SecretsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where secrets come from: ``castoff.secrets``.

    Attributes:
        required: names that must be set, beside those that castoff generates.
        env_file: a file of ``NAME=value`` lines, relative to the project.
        command: a program, as a list of words, that prints such lines (``[sops, -d, prod.env]``).
    """

    required: tuple[str, ...] = ()
    env_file: str = ""
    command: tuple[str, ...] = ()


class FormConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A form that smoke posts: ``castoff.smoke.forms``. It must write nothing.

    Attributes:
        path: the page that has the form.
        fields: what is filled in.
        expect: the status that the answer must have.
    """

    path: UrlPath
    fields: dict[str, str] = {}
    expect: Status = 200


class SmokeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What smoke asks: ``castoff.smoke``.

    Attributes:
        pages: paths that must answer 200; the first one's static files are checked.
        admin: the admin's path; what the app says when left out, ``none`` to ask nothing.
        forms: forms to post beside the admin login.
        timeout: seconds for each request.
    """

    pages: tuple[UrlPath, ...] = ("/",)
    admin: str = ""
    forms: tuple[FormConfig, ...] = ()
    timeout: Seconds = 10.0


class DevConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Development: ``castoff.dev``.

    Attributes:
        settings: the settings module for ``inv dev``; what manage.py names when left out.
        port: the port of the development server.
    """

    settings: str = ""
    port: Port = 8001


class ImageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The image that ``inv build --image`` makes: ``castoff.image``.

    Attributes:
        budget_mb: millions of bytes that it may have; any number when left out.
        memory_mb: MiB of memory that it has in its boot test, as on the machine it is for.
    """

    budget_mb: Count | None = None
    memory_mb: Count = 256


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of castoff's configuration: the key ``castoff``.

    Attributes:
        project: the project's name; its folder's name when left out.
        settings: the production settings module.
        wsgi: the WSGI application as ``module:name``; from the settings when left out.
        target: where tasks go without ``--target``: one name, or several with commas.
        targets: the targets by name.
        secrets: where secrets come from.
        smoke: what smoke asks.
        dev: settings of ``inv dev``.
        image: what an image may be, and what it has.
        silence: findings that do not count, each id with a reason.
    """

    project: str = ""
    settings: str = ""
    wsgi: str = ""
    target: str = "local"
    targets: dict[str, TargetConfig] = {}
    secrets: SecretsConfig = SecretsConfig()
    smoke: SmokeConfig = SmokeConfig()
    dev: DevConfig = DevConfig()
    image: ImageConfig = ImageConfig()
    silence: dict[str, str] = {}


def parse(values: object) -> Config:
    """Make the typed configuration from what stands under ``castoff:``.

    Raises:
        WrongInput: a key, type or target name is wrong; says the full path of the key, what was
            expected, and the nearest right name.
    """
    plain = {} if values is None else values
    try:
        # Not strict: values from INVOKE_… variables are all text.
        config = msgspec.convert(plain, Config, strict=False)
    except msgspec.ValidationError as error:
        raise _explain(str(error), plain) from None
    names = config.targets or {"local": TargetConfig()}
    for name in names:
        _check_name(name)
    return msgspec.structs.replace(config, targets=names)


def defaults(targets: list[str]) -> dict[str, Any]:
    """Return every key with its default, for these targets, as plain data."""
    target: dict[str, Any] = msgspec.to_builtins(TargetConfig())
    plain: dict[str, Any] = msgspec.to_builtins(Config())
    return {**plain, "targets": {name: dict(target) for name in targets}}


def choose(config: Config, wanted: list[str]) -> list[str]:
    """Return the target names that ``--target`` asks for, in order, each once.

    Raises:
        WrongInput: a name is not a target's; the nearest right one is told.
    """
    asked = [part.strip() for text in wanted or [config.target] for part in text.split(",")]
    names = list(dict.fromkeys(part for part in asked if part))
    for name in names:
        if name not in config.targets:
            raise _unknown_target(name, list(config.targets))
    if not names:
        raise WrongInput("--target is empty", next=f"One of: {', '.join(config.targets)}.")
    return names


def _check_name(name: str) -> None:
    if TARGET_NAME.fullmatch(name) and name not in SHADOWED:
        return
    raise WrongInput(
        f"{ROOT}.targets.{name}: not a name that a target can have",
        "Nothing was done.",
        "Expected lower-case letters, digits and single hyphens, beginning with a letter, "
        "and not the name of a dictionary's method (such as `items`).",
    )


def _unknown_target(name: str, known: list[str]) -> WrongInput:
    return WrongInput(
        f"there is no target `{name}`",
        "Nothing was done.",
        f"{meant(name, known)}Targets are: {', '.join(known)} ({ROOT}.targets in invoke.yaml).",
    )


def _explain(message: str, values: object) -> WrongInput:
    """Put msgspec's words as the key's full path, what was expected, and the nearest name."""
    reason, _, where = message.partition(" - at `")
    if where.startswith("key` in"):  # as in "key` in `$.targets`"
        where = where.removeprefix("key` in `")
        return _wrong_key(_full(where, values), "a name must be text; put it in quotes")
    path, known = _full(where, values), _fields(where)
    if missing := re.search(r"missing required field `(.*)`", reason):
        return _wrong_key(f"{path}.{missing[1]}", "is missing, and there is no default for it")
    if not (unknown := re.search(r"unknown field `(.*)`", reason)):
        return _wrong_key(path, _expected(reason))
    hint = meant(unknown[1], known).strip() or f"Known here: {', '.join(known)}."
    return _wrong_key(f"{path}.{unknown[1]}", "there is no such key", hint)


def _wrong_key(path: str, what: str, hint: str = "Mend invoke.yaml.") -> WrongInput:
    return WrongInput(f"{path}: {what}", "Nothing was done.", hint)


def _full(where: str, values: object) -> str:
    path = ROOT + where.rstrip("`").lstrip("$")
    return path.replace("[...]", _wrong_entry(where, values)) if "[...]" in path else path


def _expected(reason: str) -> str:
    for words, plain in WORDS.items():
        reason = reason.replace(words, plain)
    return reason[0].lower() + reason[1:]


def _wrong_entry(where: str, values: object) -> str:
    """Name the entry of a mapping that msgspec's path shows as ``[...]`` only."""
    place: Any = values
    before, _, _ = where.partition("[...]")
    try:
        for name, number in re.findall(r"\.(\w+)|\[(\d+)\]", before):
            place = place[name] if name else place[int(number)]
        entries = dict(place)
    except (TypeError, KeyError, IndexError, ValueError):
        return "[…]"
    kind: Any = TargetConfig if before == "$.targets" else str
    for name, entry in entries.items():
        try:
            msgspec.convert({name: entry}, dict[str, kind], strict=False)
        except msgspec.ValidationError:
            return f".{name}"
    return "[…]"


def _fields(where: str) -> list[str]:
    """The keys that are known at a place, as in ``$.secrets``."""
    kinds: dict[str, type[msgspec.Struct]] = {
        "$.secrets": SecretsConfig,
        "$.smoke": SmokeConfig,
        "$.smoke.forms[...]": FormConfig,
        "$.dev": DevConfig,
        "$.image": ImageConfig,
        "$.targets[...]": TargetConfig,
    }
    kind = kinds.get(re.sub(r"\[\d+\]", "[...]", where.rstrip("`")), Config)
    return [field.name for field in msgspec.structs.fields(kind)]
