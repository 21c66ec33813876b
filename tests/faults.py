"""What a user can get wrong in the app: each function edits a checkout."""

from pathlib import Path
from textwrap import indent

from checkout import Checkout

MIGRATIONS = "project/leaderboard/migrations"
# Set where the app serves, and not where it is built or checked.
SERVING = 'if "CASTOFF_PROBE_TOKEN" in __import__("os").environ:'


def page(checkout: Checkout, path: str, body: str) -> None:
    """Add a page, or put it before the one that the path has; the body is a view's."""
    checkout.append(
        "project/urls.py",
        "\n\n"
        "def _page(request):\n"
        "    import hashlib, os, time\n"
        "    from django.http import HttpResponse\n"
        f"{indent(body, '    ')}\n\n\n"
        f'urlpatterns.insert(0, path("{path}", _page))\n',
    )


def broken_home(checkout: Checkout) -> None:
    """The home page answers 500, which no health check sees."""
    page(checkout, "", 'raise RuntimeError("the home page is broken")')


def at_boot(checkout: Checkout, body: str) -> None:
    """Do something when a worker boots; checks and builds do not see it."""
    checkout.append("project/wsgi.py", f"\n{SERVING}\n{indent(body, '    ')}\n")


def around(checkout: Checkout, body: str) -> None:
    """Put a layer around the app; the body sees `environ`, and may change `headers`."""
    checkout.append(
        "project/wsgi.py",
        "\n\n"
        "def _around(inner):\n"
        "    def outer(environ, start_response):\n"
        "        import os, time\n\n"
        "        def start(status, headers, *more):\n"
        "            headers = dict(headers)\n"
        f"{indent(body, ' ' * 12)}\n"
        "            return start_response(status, [*headers.items()], *more)\n\n"
        "        return inner(environ, start)\n\n"
        "    return outer\n\n\n"
        "application = _around(application)\n",
    )


def migration(
    checkout: Checkout, number: int, operations: str, *, after: str = "", atomic: bool = True
) -> str:
    """Write a migration of the leaderboard, and return its name as `app.name`."""
    name = f"{number:04}_test"
    before = after or ("0001_initial" if number == 2 else f"{number - 1:04}_test")
    checkout.write(
        f"{MIGRATIONS}/{name}.py",
        "import time\n\n"
        "from django.db import migrations, models\n\n\n"
        "class Migration(migrations.Migration):\n"
        f"    atomic = {atomic}\n"
        f'    dependencies = [("leaderboard", "{before}")]\n'
        f"    operations = [\n{indent(operations, '        ')}\n    ]\n",
    )
    return f"leaderboard.{name}"


NICKNAME = "models.CharField(max_length=20, null=True)"


def add_column(checkout: Checkout, number: int) -> str:
    """Add a nullable column, which older code can stand."""
    _declare(checkout, f"    nickname = {NICKNAME}\n")
    return migration(checkout, number, f'migrations.AddField("player", "nickname", {NICKNAME}),')


def drop_column(checkout: Checkout, number: int) -> str:
    """Drop that column, which older code cannot stand."""
    checkout.edit("project/leaderboard/models.py", f"    nickname = {NICKNAME}\n", "")
    return migration(checkout, number, 'migrations.RemoveField("player", "nickname"),')


def _declare(checkout: Checkout, line: str) -> None:
    model = "    created_at = models.DateTimeField(default=timezone.now, editable=False)\n"
    checkout.edit("project/leaderboard/models.py", model, model + line)


class Holds:
    """Places in the app that wait as long as a test says.

    Args:
        checkout: has the places put into its code: `settings`, `static`, `boot` and `page`.
        folder: for the files by which the app and the test talk.
    """

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        checkout.write(
            "project/hold.py",
            "import os\n"
            "import time\n"
            "from contextlib import suppress\n\n\n"
            "def hold(name):\n"
            f"    flag = os.path.join({str(folder)!r}, name)\n"
            "    while os.path.exists(flag):\n"
            "        with suppress(FileExistsError, FileNotFoundError):\n"
            '            os.link(flag, flag + ".reached")  # not when it was opened meanwhile\n'
            "        time.sleep(0.05)\n",
        )
        settings = 'import sys\n\nfrom project.hold import hold\n\nhold("settings")\n'
        static = 'if sys.argv[0].endswith("collect.py"):\n    hold("static")\n'
        checkout.append("project/settings/production.py", f"\n{settings}{static}")
        at_boot(checkout, 'from project.hold import hold\n\nhold("boot")')
        page(
            checkout,
            "",
            'from project.hold import hold\n\nhold("page")\n'
            "from project.leaderboard.views import all_time\n\nreturn all_time(request)",
        )

    def close(self, name: str) -> Path:
        """Let the app wait at a place; the file that is returned says that it has come there."""
        (self.folder / name).touch()
        return self.folder / f"{name}.reached"

    def open(self) -> None:
        """Let it go on everywhere."""
        for path in sorted(self.folder.iterdir()):  # a flag before what says it was reached
            path.unlink()
        for path in self.folder.iterdir():
            path.unlink()
