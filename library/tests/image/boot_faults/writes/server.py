"""Keeps its uploads beside its code."""

from pathlib import Path

Path("/app/uploads").mkdir()
