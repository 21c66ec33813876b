"""One run of a task, from its arguments to its exit code."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from invoke import Context, Exit

from castoff import config as configuration
from castoff import yaml_file
from castoff.console import JsonLines, LogFile, Terminal
from castoff.errors import CastoffError, ExitCode, WrongInput
from castoff.events import Bus, Event, Found, Smoked
from castoff.project import Project
from castoff.run import (
    TargetResult,
    Work,
    interrupted,
    own_error,
    parts,
    refused,
    run,
    signals_interrupt,
)
from castoff.shell import Shell
from castoff.steps import Made, Options

Fields = Callable[[str], dict[str, object]]
"""What the result of a target has beside the usual, by the target's name."""


class Session:
    """A task's run: the project, its targets, and the listeners.

    Args:
        context: Invoke's context, with the configuration.
        task: the task's name.
        target: what ``--target`` was given, each time.
        json: whether stdout is for JSON lines, and text for people goes to stderr.
    """

    def __init__(self, context: Context, task: str, target: list[str], json: bool) -> None:
        values = plain(context.config[yaml_file.ROOT])
        self.config = configuration.parse(values)
        self.names = configuration.choose(self.config, target)
        text = sys.stderr if json else sys.stdout
        self.terminal = Terminal(text, self.names, all_answers=task == "smoke")
        self.json = JsonLines(sys.stdout) if json else None
        self.project = Project(
            root=Path(context.config["castoff_root"]),
            config=self.config,
            shell=Shell(),
            emit=Bus(),
            dry=bool(context.config.run.dry),
        )
        self.answers = Answers()
        self.log = None if self.project.dry else LogFile(self.project.state / "logs", task)
        listeners = (self.terminal, self.answers, self.log, self.json)
        self.project.emit.listeners = tuple(one for one in listeners if one)

    def perform(
        self,
        work: Work,
        *,
        prepare: Callable[[Project], Made] | None = None,
        options: Options | None = None,
        fields: Fields | None = None,
    ) -> dict[str, TargetResult]:
        """Prepare once, do the work on every target, and show how it ended.

        Args:
            work: what is done on each target.
            prepare: what is made once for all of them.
            options: what the command line asked for.
            fields: what the result of a target has beside the usual.
        """
        with signals_interrupt():
            with self.terminal:
                results = self._results(work, prepare, options or Options())
            self._show_errors(results)
            if self.json:
                self.json.write(_result(results, fields))
        return results

    def _results(
        self, work: Work, prepare: Callable[[Project], Made] | None, options: Options
    ) -> dict[str, TargetResult]:
        try:
            made = prepare(self.project) if prepare else Made()
            return run(self.project, self.names, work, made, options)
        except CastoffError as error:
            return {name: refused(self.project, name, error) for name in self.names}
        except KeyboardInterrupt:
            self.project.shell.cancel()
            return {name: interrupted(self.project, name) for name in self.names}
        except Exception as unforeseen:
            own = own_error(self.project, "", unforeseen)
            return {name: refused(self.project, name, own) for name in self.names}

    def end(self, results: dict[str, TargetResult]) -> None:
        """End with the exit code that the results ask for; done ends in silence."""
        code = max(result.code for result in results.values())
        if code is not ExitCode.DONE:
            raise Exit(code=int(code))

    def _show_errors(self, results: dict[str, TargetResult]) -> None:
        several = len(results) > 1
        for name, result in results.items():
            if result.error:
                found = result.error
                self.terminal.error(found.what, found.state, found.next, name if several else "")
        if several:
            self.terminal.table(
                ["target", "result", "seconds", "url"],
                (
                    [name, "done" if one.ok else "failed", f"{one.seconds:.1f}", one.url]
                    for name, one in results.items()
                ),
            )
        if self.log and not all(one.ok for one in results.values()):
            self.terminal.line(f"Log: {self.log.path}", "dim")


class Answers:
    """Keeps what checks found and smoke was answered, by target, for the last JSON line."""

    def __init__(self) -> None:
        self._findings: dict[str, list[object]] = {}
        self._checks: dict[str, list[object]] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case Found(finding=finding):
                self._findings.setdefault(event.target, []).append(finding)
            case Smoked(check=check):
                self._checks.setdefault(event.target, []).append(check)

    def findings(self, target: str) -> dict[str, object]:
        """The field ``findings`` of a target."""
        return {"findings": self._findings.get(target, [])}

    def checks(self, target: str) -> dict[str, object]:
        """The field ``checks`` of a target."""
        return {"checks": self._checks.get(target, [])}


def plain(value: Any) -> Any:
    """Turn Invoke's configuration proxies into dictionaries."""
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key: plain(value[key]) for key in value.keys()}  # noqa: SIM118
    return value


def answer(error: CastoffError, json: bool = False) -> Exit:
    """Turn an error that came before any run into Invoke's own way to end."""
    if json:
        empty: dict[str, TargetResult] = {}
        JsonLines(sys.stdout).write({**_result(empty, None), "ok": False, "error": parts(error)})
    return Exit(str(error), int(error.code))


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
                raise WrongInput(
                    f"{variable}: there is no such key",
                    "Nothing was done.",
                    "Unset it; `inv --help` and docs/configuration.md list the keys.",
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


def _result(results: dict[str, TargetResult], fields: Fields | None) -> dict[str, object]:
    targets = {
        name: {
            "ok": result.ok,
            "url": result.url,
            "release": result.release,
            "seconds": round(result.seconds, 3),
            "error": result.error,
            **(fields(name) if fields else {}),
        }
        for name, result in results.items()
    }
    return {"event": "result", "ok": all(one.ok for one in results.values()), "targets": targets}
