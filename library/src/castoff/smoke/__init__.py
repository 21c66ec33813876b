"""Asks a running release questions over HTTP, and judges what it answers."""

from castoff.smoke.ask import ask
from castoff.smoke.probe import (
    AppliedMigration,
    Database,
    LedgerRow,
    Migrations,
    ProbeAnswer,
    Stamp,
    probe,
)

__all__ = [
    "AppliedMigration",
    "Database",
    "LedgerRow",
    "Migrations",
    "ProbeAnswer",
    "Stamp",
    "ask",
    "probe",
]
