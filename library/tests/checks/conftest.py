"""A project for each test, and one virtualenv with its packages for all of them."""

import subprocess
import sys
from importlib.metadata import distributions, version
from pathlib import Path

import pytest
from checks_shop import FILES, Shop

from castoff.environment import uv_program
from castoff.lock import normal
from castoff.model import Environment

LIBRARY = Path(__file__).resolve().parents[2]
PACKAGES = ("gunicorn>=27", "whitenoise", "dj-database-url", "jinja2", "psycopg[binary,pool]")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The lock's virtualenv: the Django under test, what the docs ask for, castoff's core."""
    home = tmp_path_factory.mktemp("lock") / "venv"
    uv, python = uv_program(), str(home / "bin" / "python")
    make = [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(home)]
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    subprocess.run(make, check=True)
    subprocess.run([*install, f"django=={version('django')}", *PACKAGES], check=True)
    subprocess.run([*install, "--no-deps", str(LIBRARY)], check=True)
    folders = [str(path) for path in home.glob("lib/python3.*/site-packages")]
    found = {normal(one.metadata["Name"]): one.version for one in distributions(path=folders)}
    return Environment(Path(python), "poetry.lock", "test", found)


@pytest.fixture
def shop(tmp_path: Path, environment: Environment) -> Shop:
    """A project with nothing wrong, in a folder with a space and an umlaut in its name."""
    made = Shop(tmp_path / "Bücher laden", environment)
    for path, text in FILES.items():
        made.write(path, text)
    made.git("init", "--quiet")
    made.commit()
    return made
