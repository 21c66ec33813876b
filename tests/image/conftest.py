"""A real engine, and the sample's image, which is built once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_image import CERTIFICATES, INDEX, LOGIN, STRAY, SampleImage, checkout

from castoff.errors import StepError
from castoff.image.engine import Engine
from castoff.shell import Shell


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine of this machine."""
    with Engine(Shell()) as found:
        try:
            found.require()
        except StepError as error:
            pytest.skip(f"no image can be built here: {error.what}")
        yield found


@pytest.fixture(scope="session")
def untidy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which somebody has worked."""
    made = checkout(tmp_path_factory.mktemp("untidy"), umask=0o022)
    for name, text in STRAY.items():
        made.write(name, text)
    return made.root


@pytest.fixture(scope="session")
def image(
    engine: Engine, untidy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SampleImage]:
    """Its image, by way of an index with a login and of certificates that others have not."""
    certificates = tmp_path_factory.mktemp("ca") / "ca.crt"
    certificates.write_text(CERTIFICATES.read_text() + "\n# stray-authority\n")
    words = ("--build-arg=PIP_INDEX_URL", f"--secret=id=ca,src={certificates}")
    index = INDEX.replace("://", f"://{LOGIN}@", 1)
    made = SampleImage(engine, untidy, *words, env={"PIP_INDEX_URL": index})
    try:
        yield made
    finally:
        made.remove()
