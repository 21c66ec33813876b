"""``INVOKE_CASTOFF_…`` variables, which stand over the values of ``invoke.yaml``."""

import os
from typing import Any

import msgspec

from castoff import yaml_file
from castoff.errors import WrongInput
from castoff.nearest import meant


def overridden(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Put the ``INVOKE_CASTOFF_…`` variables over the file's values, as Invoke will.

    Invoke answers a value that it cannot cast with a traceback; here it meets the same check as
    the file, and a name that is no key is told.

    Raises:
        WrongInput: a variable names no key.
    """
    prefix = f"INVOKE_{yaml_file.ROOT.upper()}_"
    known = {"_".join(path).upper(): path for path in _leaves(_over(defaults, values))}
    merged: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(values))
    for variable, text in os.environ.items():
        if variable.startswith(prefix):
            path = known.get(variable.removeprefix(prefix))
            if path is None:
                near = meant(variable.removeprefix(prefix), known, head=prefix)
                raise WrongInput(
                    f"{variable}: there is no such key",
                    "Nothing was done.",
                    f"{near}Unset it; docs/configuration.md lists the keys.",
                )
            place = merged
            for key in path[:-1]:
                place = place.setdefault(key, {})
            place[path[-1]] = text
    return merged


def _over(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The defaults, with the values over them at every depth."""
    merged = dict(defaults)
    for key, value in values.items():
        below = merged.get(key)
        deep = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _over(merged[key], value) if deep else value
    return merged


def _leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in values.items():
        nested = isinstance(value, dict) and value
        found += _leaves(value, (*path, key)) if nested else [(*path, key)]
    return found
