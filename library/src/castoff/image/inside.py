"""What an image is made of: rights, Python, static files, packages, size."""

import re
from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from castoff.checks import finding
from castoff.image.contents import MANIFEST, REGULAR, Contents
from castoff.image.dockerfile import out_of_support
from castoff.image.packages import of_installers, of_the_app
from castoff.model import Finding

SHOWN = 5
SETUID = 0o4000
STICKY = 0o1000
OTHERS_WRITE = 0o002
FOLDER = b"5"
# Whoever installs one of these wants that; the others of the distribution have their own checks.
WAYS = {"sudo", "doas", "pkexec"}
PYTHON = re.compile(r"(?:^|/)lib/python3\.(\d+)/(?:site-packages/(django/)?)?")
COLLECTED = re.compile(
    r"(?<!contrib/admin/static)(?:^|/)admin/(?:css/base|js/core)[\w.]*\.(?:css|js)"
)
MEGABYTE = 1_000_000


def rights(contents: Contents) -> Iterator[Finding]:
    """E303: files that make who runs them root, and what everybody may write."""
    files = contents.files.items()
    trusted = {path for path in contents.of_debian() if path.rpartition("/")[2] not in WAYS}
    for path, file in files:
        if file.kind == REGULAR and file.mode & SETUID and path not in trusted:
            message = f"{path} runs as its owner, whoever starts it (setuid): a way to become root."
            yield finding("E303", path, message, f"RUN chmod u-s /{path}")
    open_ = [
        path
        for path, file in files
        if file.mode & OTHERS_WRITE and not file.mode & STICKY
        # An empty file is a lock, as uv leaves one in each virtualenv.
        if file.kind == FOLDER or (file.kind == REGULAR and file.size)
    ]
    if open_:
        more = f" and {len(open_) - SHOWN} more" if len(open_) > SHOWN else ""
        message = (
            f"everybody may write {', '.join(open_[:SHOWN])}{more}: where the app needs that, it "
            "fails on a read-only file system, and what it writes is gone with the next release."
        )
        hint = "Take the right away (no `chmod 777`); write to /tmp what may be lost, and to the "
        yield finding("E303", open_[0], message, f"{hint}database or a storage what may not.")


def python(contents: Contents, today: date) -> Iterator[Finding]:
    """W306: the image's Python is out of support."""
    minor = python_minor(contents)
    if minor and (problem := out_of_support(minor, today)):
        yield finding("W306", "FROM", problem, "Take a newer one: FROM python:3.13-slim")


def python_minor(contents: Contents) -> int:
    """Return N of Python 3.N, the one that has Django; 0 when there is none."""
    found = {
        (bool(match[2]), int(match[1])) for path in contents.files if (match := PYTHON.search(path))
    }
    return max(found)[1] if found else 0


def static_files(contents: Contents) -> Iterator[Finding]:
    """E307: static files were not collected, or only in part."""
    manifests = [path for path in contents.kept if path.rpartition("/")[2] == MANIFEST]
    for path in manifests:
        names = _collected(contents.kept[path])
        folder = path.removesuffix(MANIFEST)
        lost = [name for name in names if folder + name not in contents.files]
        if names and not lost:
            return
        if lost:
            message = f"{len(lost)} of {len(names)} static files that {path} names are not in the "
            message += f"image ({lost[0]}): they are 404."
            yield finding("E307", path, message, _copy_hint(folder))
            return
    if not any(map(COLLECTED.search, contents.files)):
        message = "static files are not collected in the image: pages fail or come without style."
        hint = "RUN SECRET_KEY=build-only DATABASE_URL=postgresql:///none "
        yield finding(
            "E307", "STATIC_ROOT", message, f"{hint}python manage.py collectstatic --noinput"
        )


def _copy_hint(folder: str) -> str:
    return f"Copy the whole of {folder} into the last stage, from the stage that collects it."


class _Manifest(msgspec.Struct):
    """What Django's manifest storage writes."""

    paths: dict[str, str] = {}


def _collected(data: bytes) -> list[str]:
    try:
        return sorted(msgspec.json.decode(data, type=_Manifest).paths.values())
    except msgspec.MsgspecError:
        return []


def dependencies(contents: Contents, locked: Mapping[str, str]) -> Iterator[Finding]:
    """E308: the packages beside Django are not those of the lock.

    Args:
        contents: what is in the image.
        locked: the versions that the lock gives, by normal name.
    """
    found = of_the_app(contents)
    there = {one.package.name: one.package.version for one in found}
    # Needed on some machines only: the lock gave this machine others than the image.
    either = {name for one in found for name in one.may_need}
    other = [f"{n} {v} (locked: {locked[n]})" for n, v in there.items() if locked.get(n, v) != v]
    missing = sorted(locked.keys() - there.keys() - either)
    extra = sorted(there.keys() - locked.keys() - either - of_installers(found))
    for names, words in (
        (other, "in another version than the lock has"),
        (missing, "in the lock and not in the image"),
        (extra, "in the image and not in the lock"),
    ):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            message = (
                f"{words}: {', '.join(names[:SHOWN])}{more}. What runs is not what was tested."
            )
            yield finding("E308", names[0].split(" ")[0], message, LOCK_HINT)


LOCK_HINT = (
    "Install from the lock alone, its main group: `uv sync --frozen --no-dev`, `poetry install "
    "--only=main`, or `pip install --require-hashes -r requirements.txt`."
)


def size(contents: Contents, whole: int, budget_mb: int | None) -> Iterator[Finding]:
    """W309: the image is larger than the budget.

    Args:
        contents: what is in the image.
        whole: its bytes.
        budget_mb: how many millions of bytes it may have.
    """
    if budget_mb is None or whole <= budget_mb * MEGABYTE:
        return
    lines = []
    for layer in sorted(contents.layers, key=lambda one: -one.size)[:3]:
        parts = ", ".join(f"{name} {_mb(bytes_)}" for name, bytes_ in layer.largest.items())
        lines.append(f"{_mb(layer.size)} {layer.name}: {parts}")
    message = f"the image has {_mb(whole)}, and the budget is {budget_mb} MB: machines that start "
    yield finding("W309", "image", f"{message}with it start slowly.", "\n".join(lines))


def _mb(size: int) -> str:
    return f"{size / MEGABYTE:.1f} MB"
