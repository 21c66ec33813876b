"""A real engine, or a skip that says why there is none; projects whose images go with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from boot_project import BootProject
from image_project import ImageProject

from castoff.errors import StepError
from castoff.image.engine import Engine
from castoff.image.model import Image
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


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep git away from the settings of whoever runs the tests."""
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\nname = Rosa\nemail = rosa@example.org\n[init]\ndefaultBranch=main\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Iterator[ImageProject]:
    """A repository with a Dockerfile of one small file; its images end with the test."""
    made = ImageProject(tmp_path / "shop", engine)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def sample(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The sample app's image, with a tag."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "Rosa")
            patch.setenv(f"GIT_{name}_EMAIL", "rosa@example.org")
        project, image = BootProject.sample(tmp_path_factory.mktemp("sample") / "app", engine)
    yield image
    project.end()


@pytest.fixture
def booting(engine: Engine, tmp_path: Path) -> Iterator[BootProject]:
    """A project of a name of its own, whose image is booted; nothing may be left of that."""
    made = BootProject(tmp_path / "shop", engine)
    try:
        yield made
        assert made.left() == []
    finally:
        made.end()
