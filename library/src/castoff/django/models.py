"""The two tables that castoff keeps in the app's own database."""

from datetime import datetime
from typing import ClassVar

from django.db import models


class Release(models.Model):
    """One row of the ledger: a release command that ran, and what it did to the database.

    Attributes:
        commit (str): the stamp of the release's code.
        committed_at (str): the commit's own time, ISO 8601.
        version (str): `git describe`, or the short sha.
        known (dict): `{"app.migration": sha256 of its file}` for every migration in the code.
        applied (list): `{"migration", "sha256", "breaks": [text]}` for those that this run applied.
        verdict (str): empty; the texts in `applied` say what breaks.
        who (str): who released it; the variable `CASTOFF_BY`.
        at (datetime): when it ran.
    """

    commit: "models.CharField[str, str]" = models.CharField(max_length=100)
    committed_at: "models.CharField[str, str]" = models.CharField(max_length=40, blank=True)
    version: "models.CharField[str, str]" = models.CharField(max_length=100, blank=True)
    known = models.JSONField(default=dict)
    applied = models.JSONField(default=list)
    verdict: "models.CharField[str, str]" = models.CharField(max_length=40, blank=True)
    who: "models.CharField[str, str]" = models.CharField(max_length=200, blank=True)
    at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "castoff_release"
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.commit[:12]} at {self.at:%Y-%m-%d %H:%M:%S}"


class ProbeMark(models.Model):
    """The single row (id 1) that the probe writes and reads back.

    Attributes:
        nonce (str): what the last probe wrote.
        at (datetime): when it did.
    """

    nonce: "models.CharField[str, str]" = models.CharField(max_length=64)
    at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "castoff_probe_mark"

    def __str__(self) -> str:
        return self.nonce
