"""The sample app, really deployed, and what its release's own `manage.py` does to its data."""

import json
import os
import subprocess
from pathlib import Path

from checkout import Checkout

SEASON = Path(__file__).with_name("season.py")
EMPTY = (
    "from django.db import connection\n"
    "connection.cursor().execute("
    "'TRUNCATE leaderboard_match, leaderboard_player RESTART IDENTITY')\n"
)
ERROR_PAGE = (
    "from django.template.loader import render_to_string\nprint(render_to_string('500.html'))\n"
)
ADMIN = "arbiter"
PASSWORD = "a long passphrase of the tests"


class Site:
    """A deployed checkout.

    Attributes:
        checkout: where `inv` runs.
        url: where it answers, without a slash at the end.
        report: the page about its deploy.
    """

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        *_, report, self.url = checkout.first.out.splitlines()
        self.report = Path(report.removeprefix("Report: "))

    def clear(self) -> None:
        """Take every player and every match away; the next player is number 1 again."""
        self._shell(EMPTY)

    def play_season(self) -> None:
        """Replace what there is by the same players and matches each time."""
        self._shell(EMPTY + SEASON.read_text(encoding="utf-8"))

    def make_admin(self) -> None:
        """Enter a superuser; the password goes by the environment."""
        words = ("createsuperuser", "--noinput", "--username", ADMIN, "--email", "")
        self._manage(*words, env={"DJANGO_SUPERUSER_PASSWORD": PASSWORD})

    def error_page(self) -> str:
        """Return what is answered when the app fails; nothing here makes it fail."""
        return self._shell(ERROR_PAGE)

    def _shell(self, script: str) -> str:
        return self._manage("shell", "-c", script)

    def _manage(self, *words: str, env: dict[str, str] | None = None) -> str:
        """Run `manage.py` as the release runs: its virtualenv, its folder, its environment."""
        spec = self.checkout.folder / "releases" / "v1.json"
        values = json.loads(spec.read_text(encoding="utf-8"))
        done = subprocess.run(
            [values["python"], "manage.py", *words],
            cwd=values["cwd"],
            env=values["env"] | (env or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == os.EX_OK, done.stdout + done.stderr
        return done.stdout
