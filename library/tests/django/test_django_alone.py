"""`pip install castoff` without extras runs the app: it brings nothing but itself."""

import shutil
import subprocess
import sys
from pathlib import Path

import django
import pytest
from django_shop import Project

LIBRARY = Path(__file__).parents[2]


def uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    if found := shutil.which("uv") or (str(beside) if beside.exists() else None):
        return found
    pytest.skip("uv is not installed")


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed(shop: Project, venv: Path, *packages: str) -> set[str]:
    """Give the app a virtualenv of its own with these and castoff; return what is in it."""
    run(uv(), "venv", "--quiet", "--python", sys.executable, str(venv))
    shop.python = str(venv / "bin/python")
    shop.environment["PYTHONPATH"] = ""
    # Without the refresh uv would take a wheel that it built of the folder some time ago.
    fresh = ("--quiet", "--refresh-package", "castoff")
    run(uv(), "pip", "install", *fresh, "--python", shop.python, str(LIBRARY), *packages)
    listed = run(uv(), "pip", "list", "--python", shop.python, "--format", "freeze")
    return {line.partition("==")[0].partition(" @")[0] for line in listed.splitlines()}


def test_an_app_runs_with_castoff_and_django_only(sqlite_shop: Project, tmp_path: Path) -> None:
    names = installed(sqlite_shop, tmp_path / "venv", f"django=={django.get_version()}")
    assert names == {"castoff", "django", "asgiref", "sqlparse"}
    where = "import castoff.django; print(castoff.django.__file__)"
    assert str(tmp_path) in run(sqlite_shop.python, "-I", "-c", where)
    sqlite_shop.release()
    assert sqlite_shop.manage("migrate", "--check")[0] == 0
    with sqlite_shop.served() as site:
        assert site.ask("GET", "/healthz").headers["X-Release"] == "a" * 40
        assert site.probe().status == 200


def test_a_django_that_is_too_old_is_told(sqlite_shop: Project, tmp_path: Path) -> None:
    installed(sqlite_shop, tmp_path / "venv", "django~=5.1.0")
    status, output = sqlite_shop.manage("check")
    assert status == 1
    assert "castoff needs Django 5.2 or newer, not 5.1." in output


def test_castoffs_app_imports_no_other_room_of_castoff(sqlite_shop: Project) -> None:
    code = (
        "import sys; from castoff.django import release, middleware\n"
        "print(sorted(n for n in sys.modules if n.startswith('castoff.')"
        " and not n.startswith('castoff.django')))"
    )
    found, output = sqlite_shop.manage("shell", "-c", code)
    assert (found, output.splitlines()[-1]) == (0, "[]"), output
