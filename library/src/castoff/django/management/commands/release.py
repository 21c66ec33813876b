"""The release command of every target: `manage.py release`."""

import atexit
import gc
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from castoff.django.release import release


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.001 <= value <= 86400:
        raise ValueError(text)
    return value


class Command(BaseCommand):
    """Migrates the default database, one release at a time, and writes the ledger."""

    help = "Migrates the database, one release at a time, and writes down what was done."
    requires_system_checks: list[str] = []  # noqa: RUF012 (Django's own form)

    def add_arguments(self, parser: CommandParser) -> None:
        """Both limits are in seconds."""
        parser.add_argument(
            "--lock-wait",
            type=_seconds,
            default=300,
            metavar="SECONDS",
            help="how long to wait while another release runs (default 300)",
        )
        parser.add_argument(
            "--lock-timeout",
            type=_seconds,
            default=5,
            metavar="SECONDS",
            help="how long a migration may wait for a lock before it fails (default 5)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError, whose text says where the database stands."""
        # Else Python looks through all of Django for garbage as it ends, for a tenth of a second.
        atexit.register(gc.freeze)
        release(self._say, options["lock_wait"], options["lock_timeout"])

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
