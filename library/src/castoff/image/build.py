"""Build: the image of a source, from what git has of it; by the docker program, with BuildKit."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from castoff import source as sources
from castoff.errors import Interrupted, StepError
from castoff.image import failure, mirror, store
from castoff.image.engine import Engine
from castoff.image.model import PROJECT, STAMP, Image
from castoff.image.progress import Progress
from castoff.model import Source
from castoff.shell import CommandFailed, OnLine, Shell

TIMEOUT = 3600.0  # seconds


def build(
    engine: Engine,
    source: Source,
    *,
    name: str,
    say: OnLine,
    platform: str = "",
) -> Image:
    """Build the image of a source. It has no tag until ``store.accept`` gives it one.

    Args:
        engine: where it is built.
        source: what is built: never the working tree, but what git has of it.
        name: the project's name.
        say: takes each step, and what it prints.
        platform: what it is to run on, as ``linux/amd64``; what the engine runs when left out.

    Raises:
        StepError: there is no Dockerfile, or the build failed; no image was made.
        Interrupted: the run was cancelled; no image was made.
    """
    engine.require()
    with _scratch() as scratch:
        context = _context(source, scratch / "context", engine.shell)
        written = scratch / "id"
        where = sources.published(source.root, engine.shell)
        words = [
            *("build", "--progress=plain", f"--iidfile={written}"),
            *(["--platform", platform] if platform else []),
            *(f"--label={label}={value}" for label, value in _labels(source, name, where).items()),
            *mirror.words(engine.env),
        ]
        _run(engine, [*words, str(context)], Progress(say))
        image = store.inspect(engine, written.read_text().strip(), fresh=True)
    wanted = platform or engine.platform
    if image.platform != wanted:
        store.refuse(engine, image)
        raise failure.other_platform(image.platform, wanted)
    return image


def _labels(source: Source, name: str, where: str) -> dict[str, str]:
    """OCI's own labels (image specification 1.1, annotations.md), of the commit; and castoff's."""
    oci = {
        **({"source": where} if where else {}),
        "revision": source.commit,
        "version": source.version,
        "created": source.committed_at.isoformat(),
    }
    named = {f"org.opencontainers.image.{word}": value for word, value in oci.items()}
    return {**named, PROJECT: name, STAMP: source.stamp}


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="castoff-image-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _context(source: Source, folder: Path, shell: Shell) -> Path:
    """Unpack the source, stamped, as the folder that the Dockerfile copies from."""
    tree = sources.unpack(source, folder, shell)
    if not (tree / "Dockerfile").is_file():
        untracked = f"{source.prefix}Dockerfile" in source.untracked
        raise failure.no_dockerfile(source.short, untracked)
    sources.stamp(source, tree)
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            # What git has of it, not what this user's umask left: a mode is part of a layer.
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    return tree


def _run(engine: Engine, words: list[str], progress: Progress) -> None:
    try:
        env = mirror.environment(engine.env)
        engine.docker(*words, env=env, timeout=TIMEOUT, on_line=progress)
    except CommandFailed as error:
        if error.result.status == 1 or progress.trouble.reason:
            raise failure.explain(progress.trouble) from None
        raise StepError(
            f"docker build {error.reason}",
            failure.UNTOUCHED,
            "Run it again; the steps that were done are kept by the engine.",
        ) from None
    except Interrupted:
        raise Interrupted(
            state="No image was made; what served before still serves.",
            next="The same command again goes on from here: the steps that were done are kept.",
        ) from None
