"""The ledger: what each release command did to the database."""

import sys
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from castoff.django.models import Release
from castoff.django.stamp import Stamp


@dataclass(frozen=True)
class Applied:
    """A migration that this run applied; `breaks` is what the release before cannot stand."""

    migration: str
    sha256: str
    breaks: list[str]


def label(migration: Migration) -> str:
    """Such as `leaderboard.0001_initial`."""
    return f"{migration.app_label}.{migration.name}"


def known_migrations(loader: MigrationLoader) -> dict[str, str]:
    """Every migration in this release's code, with the sha256 of its file."""
    migrations = sorted(loader.disk_migrations.values(), key=label)
    return {label(migration): _hash(migration) for migration in migrations}


def _hash(migration: Migration) -> str:
    """Empty where no file can be read, as in a frozen application."""
    file = getattr(sys.modules.get(type(migration).__module__), "__file__", None)
    try:
        return sha256(Path(file or "").read_bytes()).hexdigest()
    except OSError:
        return ""


class Entry:
    """The row of one run. It is written as the run goes on, so that a killed one leaves it behind.

    `breaks` holds the texts for each pending migration, by label.
    """

    def __init__(
        self, stamp: Stamp, who: str, known: dict[str, str], breaks: dict[str, list[str]]
    ) -> None:
        self.stamp = stamp
        self.who = who[:200]
        self.known = known
        self.breaks = breaks
        self.applied: list[Applied] = []
        self.row: Release | None = None
        self.has_table = False

    def add(self, migration: Migration) -> None:
        """Notes a migration that was applied."""
        name = label(migration)
        self.applied.append(Applied(name, self.known.get(name, ""), self.breaks.get(name, [])))
        if self.has_table:
            self._write()

    def open(self) -> None:
        """From now on the table is there; castoff's own migrations may have been applied before."""
        self.has_table = True
        if self.applied:
            self._write()

    def close(self) -> bool:
        """Writes the row of a run that applied nothing; False if the newest row says it already."""
        if self.row:
            return True
        newest = Release.objects.order_by("-id").first()
        if newest and newest.commit == self.stamp.commit:
            return False
        self._write()
        return True

    def _write(self) -> None:
        applied = [asdict(each) for each in self.applied]
        if self.row:
            self.row.applied = applied
            self.row.save(update_fields=["applied"])
            return
        self.row = Release.objects.create(
            **self.stamp.as_json(), known=self.known, applied=applied, who=self.who
        )
