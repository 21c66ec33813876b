"""A Django project with static files, and the release folders that are built of it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

from castoff.config import parse
from castoff.events import Bus
from castoff.model import Environment, Source
from castoff.project import Project
from castoff.shell import Shell
from castoff.targets.local.builds import Build, Builds

STORAGE = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
SETTINGS = f"""
    import os
    from pathlib import Path

    BASE_DIR = Path(__file__).resolve().parent
    SECRET_KEY = os.environ["SECRET_KEY"]
    INSTALLED_APPS = ["django.contrib.staticfiles"]
    STATIC_URL = "/static/"
    STATIC_ROOT = BASE_DIR / "collected"
    STATICFILES_DIRS = [BASE_DIR / "static"]
    STORAGES = {{"staticfiles": {{"BACKEND": "{STORAGE}"}}}}
    WSGI_APPLICATION = "site_wsgi.application"
"""


class Shop:
    """The project's repository, and what is built of its commits.

    Args:
        folder: an empty one.
        python: an interpreter with Django.
    """

    def __init__(self, folder: Path, python: Path) -> None:
        self.root = folder / "shop"
        self.root.mkdir()
        self.git("init", "-q")
        self.write("settings.py", dedent(SETTINGS))
        self.write("static/shop.css", "body { background: url(shop.svg) }")
        self.write("static/shop.svg", "<svg/>")
        self.write("views.py", "")
        project = Project(self.root, parse({"settings": "settings"}), Shell(), Bus())
        self.builds = Builds(folder / "builds", project)
        self._environment = Environment(python, "poetry.lock", "0123456789", {})

    def git(self, *words: str) -> str:
        """Run git."""
        argv = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", *words]
        done = subprocess.run(argv, cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def build(self) -> Build:
        """Commit everything, and make its release folder."""
        self.git("add", "-A")
        self.git("commit", "-qm", "Change", "--allow-empty")
        commit = self.git("rev-parse", "HEAD")
        source = Source(self.root, "", commit, commit, commit, datetime.now(UTC), "Change", "1")
        urls = ("http://localhost:8000",)
        return self.builds.make(source, self._environment, urls, lambda _: None)
