"""Collects static files, and says where they are. Runs in the app's interpreter, by its path.

    python collect.py RELEASE_FOLDER [DIGEST...]

The digests are those of what earlier releases collected: when one of them is of this release too,
nothing is collected. Prints, as its last line, JSON: {"root": the folder of static files, "files":
[their paths in it; null when an earlier release has the very same], "digest": of all that they are
made of, empty when that cannot be told, "wsgi": the WSGI application as gunicorn takes it}.
"""

import atexit
import gc
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

SECRET = "SECRET_KEY"  # of a build it is a throw-away, another one each time


def main(folder: str, *known: str) -> None:
    """Collect the static files of the project in the working folder."""
    sys.path[0] = os.getcwd()  # Python has put this file's folder here
    gc.disable()  # there is no garbage in what is loaded, and looking for it takes long
    atexit.register(gc.freeze)  # the same at the end
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    gc.freeze()
    gc.enable()
    root = str(settings.STATIC_ROOT or "")
    collects = bool(root) and "django.contrib.staticfiles" in settings.INSTALLED_APPS
    digest = Ingredients(os.path.realpath(folder)).digest() if collects else ""
    files: list[str] | None = []
    if digest in known:
        files = None
    elif collects:
        call_command("collectstatic", interactive=False, verbosity=0)
        files = [
            os.path.relpath(os.path.join(place, name), root)
            for place, _, names in os.walk(root)
            for name in names
        ]
    wsgi = ":".join((settings.WSGI_APPLICATION or "").rsplit(".", 1))
    print(json.dumps({"root": root, "files": files, "digest": digest, "wsgi": wsgi}))


class Ingredients:
    """All that the static files of a release are made of.

    Args:
        folder: the release folder, whose name is in many settings.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def digest(self) -> str:
        """Return a digest of them; empty when something else may have a part in it.

        That is the project's own code, which may do anything, and a place outside of the folder.
        """
        if any(map(self._is_own, _classes())) or not self._goes_into_the_folder():
            return ""
        told = repr((sys.prefix, self._environment(), self._settings(), sorted(_files())))
        told = told.replace(self._folder, "")
        return "" if " at 0x" in told else hashlib.sha256(told.encode()).hexdigest()

    def _is_own(self, kind: type) -> bool:
        file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
        return os.path.realpath(file).startswith(self._folder + os.sep)

    def _goes_into_the_folder(self) -> bool:
        """Whether the files go into STATIC_ROOT, in this folder, with nothing else in it."""
        from django.conf import settings
        from django.contrib.staticfiles.storage import staticfiles_storage
        from django.core.files.storage import FileSystemStorage

        root = os.path.realpath(settings.STATIC_ROOT)
        return (
            isinstance(staticfiles_storage, FileSystemStorage)
            and os.path.realpath(staticfiles_storage.location) == root
            and root.startswith(self._folder + os.sep)
            and not (os.path.isdir(root) and os.listdir(root))
        )

    def _settings(self) -> list[tuple[str, object]]:
        """Every setting: nobody knows which ones a storage reads."""
        from django.conf import settings

        names = sorted(name for name in dir(settings) if name.isupper() and name != SECRET)
        return [(name, self._plain(getattr(settings, name))) for name in names]

    def _environment(self) -> list[tuple[str, str]]:
        return sorted((name, text) for name, text in os.environ.items() if name != SECRET)

    def _plain(self, value: Any) -> object:
        """The value in an order that is the same in each process."""
        if isinstance(value, dict):
            return [(repr(key), self._plain(one)) for key, one in value.items()]
        if isinstance(value, list | tuple):
            return [self._plain(one) for one in value]
        if isinstance(value, set | frozenset):
            return sorted(map(repr, value))
        return repr(value)


def _classes() -> Iterator[type]:
    """What takes part in collecting."""
    from django.contrib.staticfiles.finders import get_finders
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.management import get_commands, load_command_class

    found = get_commands()["collectstatic"]
    command = load_command_class(found, "collectstatic") if isinstance(found, str) else found
    for one in (staticfiles_storage, command, *get_finders()):
        yield from one.__class__.__mro__


def _files() -> Iterator[tuple[str, str, str, str]]:
    """Of each file where it comes from, where it goes, and the digest of its content."""
    from django.apps import apps
    from django.contrib.staticfiles.finders import get_finders

    config: Any = apps.get_app_config("staticfiles")
    ignored = list(config.ignore_patterns)
    for finder in get_finders():
        for path, storage in finder.list(ignored):
            with storage.open(path) as file:
                content = hashlib.sha256(file.read()).hexdigest()
            place, prefix = (getattr(storage, name, None) for name in ("location", "prefix"))
            yield str(place), str(prefix or ""), path, content


if __name__ == "__main__":
    main(*sys.argv[1:])
