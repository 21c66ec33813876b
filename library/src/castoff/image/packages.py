"""The packages in an image: Python's by their metadata, Debian's by dpkg's list."""

import re
from collections.abc import Iterator
from email import message_from_string
from email.message import Message

import msgspec

from castoff.image.contents import DPKG, RELEASE, Contents
from castoff.lock import normal

METADATA = re.compile(r"(?P<folder>.*/)?[^/]+\.dist-info/METADATA")
# They install the others, and are in an image without being locked.
INSTALLERS = ("pip", "setuptools", "wheel", "uv", "poetry", "pipenv", "pdm")


class Package(msgspec.Struct, frozen=True, order=True):
    """A package that is in an image.

    Attributes:
        kind: ``pypi`` or ``deb``.
        name: its name; Python's in normal form.
        version: its version.
        license: its licence as it says itself, an SPDX expression where it has one.
        arch: the architecture of a Debian package.
        distro: the distribution of a Debian package, as in ``debian-12``.
    """

    kind: str
    name: str
    version: str
    license: str = ""
    arch: str = ""
    distro: str = ""


class Distribution(msgspec.Struct, frozen=True):
    """A Python package, and what it asks for.

    Attributes:
        package: the package.
        folder: the folder it is installed in.
        needs: the names that it always needs.
        may_need: the names that it needs somewhere, or with an extra.
    """

    package: Package
    folder: str
    needs: frozenset[str] = frozenset()
    may_need: frozenset[str] = frozenset()


def packages(contents: Contents) -> tuple[Package, ...]:
    """Return every package, in order, each once."""
    found = {one.package for one in distributions(contents)}
    return tuple(sorted(found | set(_debian(contents))))


def distributions(contents: Contents) -> list[Distribution]:
    """Return the Python packages."""
    matches = ((METADATA.fullmatch(path), path) for path in sorted(contents.kept))
    read = (
        _distribution(contents.text(path), match["folder"] or "")
        for match, path in matches
        if match
    )
    return [one for one in read if one.package.name]


def of_the_app(contents: Contents) -> list[Distribution]:
    """Return the Python packages that lie beside Django; all, where it is not there."""
    found = distributions(contents)
    homes = {one.folder for one in found if one.package.name == "django"}
    return [one for one in found if not homes or one.folder in homes]


def of_installers(found: list[Distribution]) -> set[str]:
    """Return the names of what installs packages, with all that these need."""
    by_name = {one.package.name: one for one in found}
    names: set[str] = set()
    wanted = {name for name in INSTALLERS if name in by_name}
    while wanted:
        names |= wanted
        reached = (by_name[name] for name in wanted)
        wanted = {need for one in reached for need in one.needs | one.may_need} & by_name.keys()
        wanted -= names
    return names


def _distribution(text: str, folder: str) -> Distribution:
    fields = message_from_string(text)
    required = fields.get_all("Requires-Dist") or []
    always = {_named(line) for line in required if ";" not in line}
    package = Package(
        "pypi", normal(fields["Name"] or ""), fields["Version"] or "", _license(fields)
    )
    return Distribution(
        package, folder, frozenset(always), frozenset(map(_named, required)) - always
    )


def _named(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    return normal(match[0]) if match else ""


def _license(fields: Message) -> str:
    said = fields["License-Expression"] or fields["License"] or ""
    return said if len(said) < 100 and "\n" not in said else ""  # some put the whole text there


def _debian(contents: Contents) -> Iterator[Package]:
    release = dict(
        line.split("=", 1) for line in contents.text(RELEASE).splitlines() if "=" in line
    )
    distro = "-".join(release.get(key, "").strip('"') for key in ("ID", "VERSION_ID")).strip("-")
    for path in contents.kept:
        if path == DPKG or path.startswith(f"{DPKG}.d/"):
            for block in contents.text(path).split("\n\n"):
                fields = dict(re.findall(r"^([\w-]+): (.*)$", block, re.MULTILINE))
                if "installed" in fields.get("Status", "installed") and "Package" in fields:
                    arch = fields.get("Architecture", "")
                    version = fields.get("Version", "")
                    yield Package("deb", fields["Package"], version, "", arch, distro)
