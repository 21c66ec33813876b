"""The image before it is built: what its context carries, and what it is built on."""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from castoff.checks import Facts, NotLooked, check, finding
from castoff.image.dockerfile import bases, out_of_support
from castoff.image.kinds import HEAD, file_kind
from castoff.model import Finding

DOCKERFILE = "Dockerfile"
# BuildKit takes the first of them: https://docs.docker.com/build/concepts/context/
IGNORES = (f"{DOCKERFILE}.dockerignore", ".dockerignore")
SHOWN = 5
ALLOW_LIST = (
    "Begin .dockerignore with `*`, and let in only what the image needs: `!project` and so on."
)


@check("E301", family="image")
def context_carries_secrets(facts: Facts) -> Iterator[Finding]:
    """E301: the build context would carry what has no place in an image."""
    if not (facts.tree / DOCKERFILE).is_file():
        return
    unwanted = dict(_unwanted(facts.tree))
    carried = _let_in(facts.tree, unwanted) if unwanted else set()
    by_kind: dict[str, list[str]] = {}
    for path, kind in unwanted.items():
        if path in carried:
            by_kind.setdefault(kind, []).append(path)
    for kind, paths in by_kind.items():
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        message = (
            f"{kind} would be in the build's context ({', '.join(paths[:SHOWN])}{more}): a "
            "`COPY . .` puts it into a layer, and anyone who pulls the image has it."
        )
        yield finding("E301", paths[0], message, ALLOW_LIST)


def _unwanted(tree: Path) -> Iterator[tuple[str, str]]:
    """Each file that has no place in an image, with what it is."""
    for path in sorted(tree.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(tree).as_posix()
        if name.startswith(".git/"):
            continue  # of a checkout; the context is made from a commit, which never has it
        with path.open("rb") as file:
            kind = file_kind(name, file.read(HEAD))
        if kind or path.name == "pyvenv.cfg":
            yield name, kind or "a virtualenv"


def _let_in(tree: Path, paths: Iterable[str]) -> set[str]:
    """What .dockerignore does not keep out."""
    file = next((tree / name for name in IGNORES if (tree / name).is_file()), None)
    if file is None:
        return set(paths)
    try:
        from docker.utils.build import exclude_paths
    except ImportError:
        raise NotLooked(
            "the Docker SDK is not installed (`pip install 'castoff[docker]'`)"
        ) from None
    lines = (line.strip() for line in file.read_text("utf-8", "replace").splitlines())
    patterns = [line for line in lines if line and not line.startswith("#")]
    return {str(path) for path in exclude_paths(str(tree), patterns)}


@check("W306", family="image")
def base_is_not_pinned(facts: Facts) -> Iterator[Finding]:
    """W306: a base image is unpinned, or its Python is out of support."""
    try:
        text = (facts.tree / DOCKERFILE).read_text("utf-8", "replace")
    except OSError:
        return
    for base in bases(text):
        where = f"{DOCKERFILE}:{base.line}"
        if not base.pinned:
            message = f"FROM {base.name} is another image after its next release: what is built "
            message += "tomorrow is not what was tested."
            yield finding("W306", where, message, "FROM python:3.13-slim, or a digest (@sha256:…).")
        if base.python and (problem := out_of_support(base.python, date.today())):
            yield finding("W306", where, problem, "Take a newer one: FROM python:3.13-slim")
