"""Collects static files, and says where they are. Runs in the app's interpreter, by its path.

Prints, as its last line, JSON: {"root": the folder of static files, "files": [their paths in it],
"wsgi": the WSGI application as gunicorn takes it}.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Collect the static files of the project in the working folder."""
    sys.path.insert(0, os.getcwd())
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    root = settings.STATIC_ROOT
    files: list[str] = []
    if root and "django.contrib.staticfiles" in settings.INSTALLED_APPS:
        call_command("collectstatic", interactive=False, verbosity=0)
        files = [
            str(Path(folder, name).relative_to(root))
            for folder, _, names in os.walk(root)
            for name in names
        ]
    wsgi = ":".join((settings.WSGI_APPLICATION or "").rsplit(".", 1))
    print(json.dumps({"root": str(root or ""), "files": files, "wsgi": wsgi}))


if __name__ == "__main__":
    main()
