"""The project's sessions: `nox` runs every one of them but the bench."""

import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

STEPS = ("build", "check", "secrets", "attach", "deploy", "smoke", "rollback")
TARGETS = ("local",)
ROOMS = ("core", "checks", "local", "smoke")
OTHERS = (
    *("tasks", "help", "completion", "doctor", "report"),
    *("bad_input", "interrupted", "workflow"),
)
LOCKED = "library/requirements-dev.txt"
# The site and the pages beside it, for their links alone: together they are no site to Sphinx.
OUTSIDE = (
    "-Droot_doc=README",
    "-Dinclude_patterns=*.md,docs/**.md,library/*.md",
    "-Dsuppress_warnings=toc.not_included,myst.xref_missing",
)
POETRY = ("poetry==2.5.1", "poetry-plugin-pypi-mirror==0.6.5")


def pythons() -> list[str]:
    """The Pythons that are here and run; pyenv's shim of a version that is off does not."""
    names = [f"3.{minor}" for minor in range(11, 15)]
    return [name for name in names if _runs(shutil.which(f"python{name}"))]


def _runs(program: str | None) -> bool:
    return (
        program is not None
        and not subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode
    )


PYTHONS = pythons()
NEWEST = PYTHONS[-1] if PYTHONS else None
ENDS = sorted({*PYTHONS[:1], *PYTHONS[-1:]})
UNIT = [
    nox.param(python, django, id=f"python{python}-django{django}")
    for python in PYTHONS
    for django in ("5.2", "6.1")
    if (python, django) != ("3.11", "6.1")  # Django 6 needs Python 3.12
]


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Style, format, and a lock that is what `poetry lock` would write."""
    session.install("-r", LOCKED)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    _lock_is_fresh(session)


@nox.session(python=NEWEST)
def types(session: nox.Session) -> None:
    """Strict types, of the library and of the sample."""
    _install(session)
    # The Django plugin imports the settings, which want an address; nothing connects to it.
    env = {"DATABASE_URL": "postgresql:///types"}
    session.run("mypy", "library/src", "project", "tasks.py", env=env)


@nox.session
@nox.parametrize(("python", "django"), UNIT)
def unit(session: nox.Session, django: str) -> None:
    """What runs in the app, and the sample app itself, on every Python and Django that is here."""
    _install(session, f"django~={django}.0")
    _pytest(session, "library/tests/django", *session.posargs)
    scratch = ("python", "-m", "castoff.targets.local.scratch", "--")
    env = {"DJANGO_SETTINGS_MODULE": "project.settings.local"}
    session.run(*scratch, "python", "-m", "pytest", "project", *session.posargs, env=env)


@nox.session(python=ENDS)
def rooms(session: nox.Session) -> None:
    """The library's rooms beside the app, on the oldest and the newest Python that is here."""
    _install(session)
    # The others start whole servers; on the oldest Python the README's session does that too.
    rooms = ROOMS if session.python == NEWEST else ROOMS[:2]
    _pytest(session, *(f"library/tests/{room}" for room in rooms), *session.posargs)


@nox.session(python=NEWEST)
@nox.parametrize("target", TARGETS)
@nox.parametrize("step", STEPS)
def steps(session: nox.Session, step: str, target: str) -> None:
    """One step on one target, from end to end, as a user runs it."""
    _install(session)
    _pytest(session, f"tests/test_{step}.py", f"--target={target}", *session.posargs)


@nox.session(python=NEWEST)
def tasks(session: nox.Session) -> None:
    """The other tasks, the command line, and bad input."""
    _install(session)
    _pytest(session, *(f"tests/test_{name}.py" for name in OTHERS), *session.posargs)


@nox.session(python=NEWEST)
@nox.parametrize("target", TARGETS)
def faults(session: nox.Session, target: str) -> None:
    """The table of faults on one target: whatever dies, fills up or is damaged, from end to end."""
    _install(session)
    _pytest(session, "tests/test_faults.py", f"--target={target}", *session.posargs)


@nox.session(python=NEWEST)
def image(session: nox.Session) -> None:
    """The image: built, audited, booted and served from, on this machine's Docker engine."""
    _install(session)
    _pytest(session, "library/tests/image", *session.posargs)
    _pytest(session, "tests/image", "tests/test_image.py", "tests/test_contained.py")


@nox.session(python=ENDS)
def readme(session: nox.Session) -> None:
    """The README's first command, in a fresh clone and a fresh virtualenv."""
    session.run("python", "tests/readme.py", *session.posargs)


@nox.session(python=NEWEST)
def docs(session: nox.Session) -> None:
    """The docs site and the workflows; fails on a dead link and a public name without a text.

    With `-- --external` it asks every address outside too, which needs the internet.
    """
    session.install("-r", "library/requirements-docs.txt")
    session.install("--no-deps", "-e", "library")
    workflows = (*map(str, Path(".github/workflows").iterdir()), "docs/examples/deploy.yml")
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    build = ("python", "-m", "sphinx", "-E", "-q", "-c", "docs")
    session.run(*build, "-W", "docs", "docs/_build/html")
    session.run("python", "-m", "pytest", "-q", "tests/test_docs.py")
    if "--external" in session.posargs:
        session.run(*build, *OUTSIDE, "-b", "linkcheck", ".", "docs/_build/links")


@nox.session(python=NEWEST)
def browser(session: nox.Session) -> None:
    """The deployed sample and the report in a headless Chromium that is on this machine.

    With `-- --screenshots` it writes the pictures of docs/images anew, and tests nothing else.
    """
    session.install("-r", "library/requirements-browser.txt")
    session.install("--no-deps", "-e", "library")
    _pytest(session, "tests/browser", *session.posargs)


@nox.session(python=NEWEST, default=False)
def bench(session: nox.Session) -> None:
    """Medians and ratios against the bare commands, as a table; never a timed test."""
    session.install("-r", LOCKED)
    session.install("--no-deps", "-e", "library")
    session.run("python", "tests/bench", *session.posargs)


def _install(session: nox.Session, *more: str) -> None:
    session.install("-r", LOCKED)
    session.install("--no-deps", "-e", "library")
    if more:
        session.install(*more)


def _pytest(session: nox.Session, *words: str) -> None:
    session.run("python", "-m", "pytest", *words)


def _lock_is_fresh(session: nox.Session) -> None:
    session.install(*POETRY)
    folder = Path(session.create_tmp())
    (folder / "library").mkdir(exist_ok=True)
    for name in ("pyproject.toml", "poetry.lock", "library/pyproject.toml"):
        shutil.copy(name, folder / name)
    # A mirror without JSON answers is reached by the plugin, through POETRY_PYPI_MIRROR_URL.
    env = {"POETRY_VIRTUALENVS_CREATE": "false"}
    session.run("poetry", "lock", "--directory", str(folder), env=env, silent=True)
    if (folder / "poetry.lock").read_bytes() != Path("poetry.lock").read_bytes():
        session.error("poetry.lock is not what `poetry lock` writes: run it, and commit it")
