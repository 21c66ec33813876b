"""Cannot write its cache beside its code, says so, and goes on without."""

import sys
from pathlib import Path

from project.wsgi import application

try:
    Path("/app/cache").mkdir()
except OSError as error:
    print(f"no cache: {error}", file=sys.stderr, flush=True)

__all__ = ["application"]
