"""A real engine, and the sample's image, which is built once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import uncached
from sample_image import CERTIFICATES, INDEX, LOGIN, STRAY, Build, SampleImage, checkout

from castoff.image.engine import Engine


@pytest.fixture(scope="session")
def untidy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which somebody has worked, with nothing of its image built yet."""
    made = checkout(tmp_path_factory.mktemp("untidy"), umask=0o022)
    made.write("Dockerfile", uncached(made.read("Dockerfile")))
    for name, text in STRAY.items():
        made.write(name, text)
    return made.root


@pytest.fixture(scope="session")
def build(engine: Engine, untidy: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds a folder with what is cached of the untidy clone's image, and in the same way.

    That is by an index with a login, and with certificates that others have not.
    """
    certificates = tmp_path_factory.mktemp("ca") / "ca.crt"
    certificates.write_text(CERTIFICATES.read_text() + "\n# stray-authority\n")
    words = ("--build-arg=PIP_INDEX_URL", f"--secret=id=ca,src={certificates}")
    env = {"PIP_INDEX_URL": INDEX.replace("://", f"://{LOGIN}@", 1)}
    file = f"--file={untidy / 'Dockerfile'}"
    return lambda folder: SampleImage(engine, folder, file, *words, env=env)


@pytest.fixture(scope="session")
def image(build: Build, untidy: Path) -> Iterator[SampleImage]:
    """The untidy clone's image."""
    made = build(untidy)
    try:
        yield made
    finally:
        made.remove()
