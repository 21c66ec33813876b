"""Audits of images that are built for a test."""

import re
from collections.abc import Mapping
from typing import Any

from image_project import ImageProject

from castoff.image.audit import Audit, audit
from castoff.model import Secret

BASE = "FROM python:3.13-slim\n"
EMPTY = "FROM scratch\n"
START = 'USER 1001\nCMD ["gunicorn", "project.wsgi"]\n'
STATIC_FILES = "COPY staticfiles /app/staticfiles\n"
GOOD = f"{EMPTY}{STATIC_FILES}{START}"
STATIC = ("staticfiles/staticfiles.json", '{"paths": {"a.css": "a.1234.css"}, "version": "1.1"}')


def look(
    project: ImageProject, dockerfile: str, secrets: Mapping[str, str] | None = None, **more: Any
) -> Audit:
    """Build an image of the project, and audit it."""
    return look_again(project, project.build(dockerfile), secrets, **more)


def look_again(
    project: ImageProject, image: Any, secrets: Mapping[str, str] | None = None, **more: Any
) -> Audit:
    """Audit an image that is built."""
    known = {name: Secret(name, value) for name, value in (secrets or {}).items()}
    options: dict[str, Any] = {"locked": {}, "port": 8000, "budget_mb": None, "say": print}
    return audit(project.engine, image, secrets=known, **(options | more))


def told(found: Audit, id_: str = "") -> str:
    """All that an audit says, or all that it says under an id."""
    return "\n".join(
        f"{one.id} {one.where}: {one.message}\n{one.hint}"
        for one in found.findings
        if re.match(id_, one.id)
    )


def ids(found: Audit) -> list[str]:
    """The ids of an audit's findings."""
    return [one.id for one in found.findings]
