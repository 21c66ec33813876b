"""The collection of tasks that a project's ``tasks.py`` hands to Invoke."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke import Collection, Exit, Task

from castoff import start, yaml_file  # noqa: F401 (start: before the others)
from castoff.command_line import asks_for_json, explain_wrong_words
from castoff.errors import CastoffError
from castoff.tasks import TASKS


def collection(root: Path | str, *tasks: Callable[..., Any]) -> Collection:
    """Return castoff's tasks for the project in ``root``, with the project's own beside them.

    Reads ``invoke.yaml`` here already, so that a broken file is answered and not a traceback.

    Args:
        root: the project's folder, or a file in it such as ``__file__``.
        tasks: the project's own tasks; one with the name of castoff's takes its place.

    Raises:
        invoke.Exit: ``invoke.yaml`` is broken; with what is wrong, and exit code 2.
    """
    path = Path(root).resolve()
    folder = path if path.is_dir() else path.parent
    others = {one.name for one in tasks if isinstance(one, Task)}
    ours = [one for one in TASKS if one.name not in others]
    values: dict[str, Any] = {}
    try:
        values = yaml_file.read(folder / "invoke.yaml")
        if "--complete" in sys.argv:
            _complete(ours, values)
        defaults = {} if _only_lists() else _defaults(values)
    except CastoffError as error:
        raise _refused(folder, values, error) from None
    explain_wrong_words()
    found = Collection(*ours, *tasks)
    found.configure({"castoff_root": str(folder), **defaults})
    return found


def _refused(folder: Path, values: dict[str, Any], error: CastoffError) -> Exit:
    """How Invoke ends with a wrong configuration; before that the doctor has its say, if asked."""
    json = asks_for_json()
    if "doctor" in sys.argv[1:]:
        from castoff.doctor import doctor as examine

        return Exit(code=int(examine(folder, values, json, wrong=error)))
    from castoff.session import answer

    return answer(error, json)


def _complete(tasks: list[Any], values: dict[str, Any]) -> None:
    """Answer a shell that asks for a value of ``--target``; leave all else to Invoke.

    Raises:
        invoke.Exit: it is answered.
    """
    from castoff import completion

    having = (one.name for one in tasks if "target" in one.iterable)
    there = values.get("targets") if isinstance(values, dict) else None
    names = completion.targets(sys.argv, having, there if isinstance(there, dict) else ["local"])
    if names:
        sys.stdout.write("".join(f"{name}\n" for name in names))
        raise Exit


def _only_lists() -> bool:
    """Whether no task will run: then nothing is configured, which keeps ``inv --list`` quick."""
    words = sys.argv[1:]
    return any(word in ("-l", "--complete") or word.startswith("--list") for word in words)


def _defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Check the values, and return every key with its default.

    Invoke takes ``INVOKE_…`` variables only for keys that exist.

    Raises:
        WrongInput: a key or value is wrong, in the file or in a variable.
    """
    from castoff import config as configuration
    from castoff.variables import overridden

    configuration.parse(values)
    defaults = configuration.defaults(list(values.get("targets") or ["local"]))
    configuration.parse(overridden(values, defaults))
    return {yaml_file.ROOT: defaults}
