"""One run of a task, from its arguments to its exit code."""

import atexit
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke import Context, Exit

from castoff import config as configuration
from castoff import storage, yaml_file
from castoff.config import Config
from castoff.console import JsonLines, Terminal
from castoff.errors import CastoffError, ExitCode
from castoff.events import Bus, Failed, Finished, Started
from castoff.log_file import LogFile
from castoff.model import Source
from castoff.project import Project
from castoff.report.gather import Gathered
from castoff.run import (
    TargetError,
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

REPORTED = {"check", "build", "secrets", "attach", "deploy", "smoke", "rollback", "stop"}
"""The tasks that change or check something: each of their runs has a report."""

Fields = Callable[[str], dict[str, object]]
"""What the result of a target has beside the usual, by the target's name."""


class Session:
    """A task's run: the project, its targets, and the listeners.

    Args:
        context: Invoke's context, with the configuration.
        task: the task's name.
        target: what ``--target`` was given, each time.
        json: whether stdout is for JSON lines, and text for people goes to stderr.

    Attributes:
        task: the task's name.
        project: the project.
        config: its configuration.
        names: the targets that were asked for.
        terminal: shows the run to a person.
        json: writes it as JSON lines; None without ``--json``.
        log: writes it to a file; None in a dry run.
        gathered: keeps it, for the report.
    """

    def __init__(self, context: Context, task: str, target: list[str], json: bool) -> None:
        atexit.register(gc.freeze)  # else Python looks for garbage in everything as it ends
        self.config = config_of(context)
        self.names = configuration.choose(self.config, target)
        text = sys.stderr if json else sys.stdout
        self.terminal = Terminal(text, self.names, all_answers=task == "smoke")
        self.json = JsonLines(sys.stdout) if json else None
        self.project = project_of(context, self.config)
        self.task = task
        self.gathered = Gathered()
        self.log = None if self.project.dry else LogFile(self.project.state / "logs", task)
        listeners = (self.terminal, self.gathered, self.log, self.json)
        self.project.emit.listeners = tuple(one for one in listeners if one)
        self._source: Source | None = None

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
            page = self._report(results)
            self._show_errors(results)
            self._show_paths(results, page)
            if self.json:
                self.json.write(_result(results, fields, page))
        return results

    def _results(
        self, work: Work, prepare: Callable[[Project], Made] | None, options: Options
    ) -> dict[str, TargetResult]:
        try:
            made = self._prepared(prepare) if prepare else Made()
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

    def _prepared(self, prepare: Callable[[Project], Made]) -> Made:
        """Prepare as a step that is done once for all targets."""
        emit, began = self.project.emit, time.monotonic()
        emit(Started("", "prepare"))
        try:
            made = prepare(self.project)
        except CastoffError as error:
            storage.advise(error, self.project.state)
            spent = time.monotonic() - began
            emit(Failed("", "prepare", spent, error.what, error.state, error.next))
            raise
        emit(Finished("", "prepare", time.monotonic() - began, ""))
        self._source = made.source
        return made

    def findings(self, target: str) -> dict[str, object]:
        """The field ``findings`` of a target's result."""
        return {"findings": self.gathered.findings(target)}

    def checks(self, target: str) -> dict[str, object]:
        """The field ``checks`` of a target's result."""
        return {"checks": self.gathered.checks(target)}

    def _report(self, results: dict[str, TargetResult]) -> Path | None:
        """Write the report; one that cannot be written changes nothing of how the run ended."""
        if self.log is None or self.task not in REPORTED:
            return None
        from castoff.report.write import write

        try:
            log = self.log.path
            return write(self.project, self.task, self.gathered, self._source, results, log)
        except Exception as error:
            reason = error.what if isinstance(error, CastoffError) else error
            self.terminal.line(f"castoff: the report cannot be written: {reason}", "yellow")
            return None

    def _show_errors(self, results: dict[str, TargetResult]) -> None:
        """Show each error once, with the targets that it is of."""
        names: dict[TargetError, list[str]] = {}
        for name, result in results.items():
            if result.error:
                names.setdefault(result.error, []).append(name)
        for error, of in names.items():
            where = "" if len(of) == len(results) else ", ".join(of)
            self.terminal.error(error.what, error.state, error.next, where)
        if len(results) > 1:
            self.terminal.table(
                ["target", "result", "seconds", "url"],
                (
                    [name, "done" if one.ok else "failed", f"{one.seconds:.1f}", one.url]
                    for name, one in results.items()
                ),
            )

    def _show_paths(self, results: dict[str, TargetResult], page: Path | None) -> None:
        """Say where the report is, and of a failure where the log is."""
        if self.log and not all(one.ok for one in results.values()):
            self.terminal.line(f"Log: {self.log.path}", "dim")
        if page:
            self.terminal.line(f"Report: {page}", "dim")


def project_of(context: Context, config: Config) -> Project:
    """The project of the tasks that Invoke runs."""
    return Project(
        root=Path(context.config["castoff_root"]),
        config=config,
        shell=Shell(),
        emit=Bus(),
        dry=bool(context.config.run.dry),
    )


def config_of(context: Context) -> Config:
    """The typed configuration of the tasks that Invoke runs.

    Raises:
        WrongInput: a key or value is wrong.
    """
    return configuration.parse(plain(context.config[yaml_file.ROOT]))


def plain(value: Any) -> Any:
    """Turn Invoke's configuration proxies into dictionaries."""
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key: plain(value[key]) for key in value.keys()}  # noqa: SIM118
    return value


def answer(error: CastoffError, json: bool = False) -> Exit:
    """Turn an error that came before any run into Invoke's own way to end."""
    if json:
        empty: dict[str, TargetResult] = {}
        JsonLines(sys.stdout).write(
            {**_result(empty, None, None), "ok": False, "error": parts(error)}
        )
    return Exit(str(error), int(error.code))


def _result(
    results: dict[str, TargetResult], fields: Fields | None, page: Path | None
) -> dict[str, object]:
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
    ok = all(one.ok for one in results.values())
    return {"event": "result", "ok": ok, "report": page, "targets": targets}
