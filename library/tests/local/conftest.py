"""Real gunicorn, real PostgreSQL, real processes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from local_place import SOURCE, Place, eventually

from castoff.errors import StepError
from castoff.targets.local import postgres

PACKAGES = ("gunicorn>=27", "django>=5.2", "psycopg[binary,pool]", "dj-database-url")


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a release's virtualenv, which has no castoff."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("uv is not there to make a virtualenv")
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    interpreter = folder / "bin" / "python"
    argv = [uv, "pip", "install", "-q", "--python", str(interpreter), *PACKAGES]
    subprocess.run(argv, check=True)
    return interpreter


@pytest.fixture(scope="session")
def system_postgres() -> postgres.Binaries:
    """The PostgreSQL that the target finds on this machine."""
    try:
        return postgres.find(None)
    except StepError as error:
        pytest.skip(error.what)


@pytest.fixture
def place(tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place that serves nothing yet; everything that it starts is ended."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    place = Place(tmp_path, python)
    yield place
    with suppress(StepError):
        place.supervisor.stop()
    for pid in place.pids():
        if pid != os.getpid():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    shutil.rmtree(place.run, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(
    tmp_path_factory: pytest.TempPathFactory, python: Path, system_postgres: postgres.Binaries
) -> Iterator[Path]:
    """A data folder with the Django project's tables, which is made once and copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SOURCE))
        place = Place(tmp_path_factory.mktemp("migrated"), python)
        try:
            place.supervisor.start()
            url = place.supervisor.database().url
            place.migrate(place.django_spec("v0", url))
        finally:
            place.supervisor.stop()
        eventually(lambda: not place.supervisor.running())
    yield place.state / "database"


@pytest.fixture
def place_with_data(place: Place, migrated: Path) -> Place:
    """A place whose database has the project's tables, started."""
    place.state.mkdir(mode=0o700)
    shutil.copytree(migrated, place.state / "database")
    (place.state / "database").chmod(0o700)
    place.supervisor.start()
    return place
