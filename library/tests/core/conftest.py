"""A real git, away from the settings of whoever runs the tests; a redactor that knows nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from core_project import Project
from core_repository import Repository

from castoff.redactor import REDACTOR
from castoff.shell import Shell


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\nname = Rosa\nemail = rosa@example.org\n[init]\ndefaultBranch=main\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def forgetful_redactor() -> Iterator[None]:
    known = dict(vars(REDACTOR))
    REDACTOR.__init__()  # type: ignore[misc]
    yield
    vars(REDACTOR).update(known)  # what another room's tests made, they still hide


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one commit, in a folder with a space and a letter that is not ASCII."""
    made = Repository(tmp_path / "mein Café")
    made.write("app.py", "VALUE = 1\n")
    made.commit("First light")
    return made


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Project]:
    return lambda name: Project(tmp_path, name)
