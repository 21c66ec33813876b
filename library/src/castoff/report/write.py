"""Writes a run's report, and the history anew."""

from pathlib import Path

from castoff import person
from castoff.model import Source
from castoff.project import Project
from castoff.report import history
from castoff.report.account import Account, Log
from castoff.report.folder import HISTORY, Folder
from castoff.report.gather import Gathered
from castoff.report.page import render
from castoff.run import TargetResult
from castoff.shell import Shell
from castoff.source import subject

HEAD = 100_000  # bytes of a log's first part
TAIL = 200_000


def write(
    project: Project,
    task: str,
    gathered: Gathered,
    source: Source | None,
    results: dict[str, TargetResult],
    log: Path,
) -> Path:
    """Write the report of a run that is over, and return its page.

    Args:
        project: the project.
        task: the task's name.
        gathered: what was heard of the run.
        source: what was deployed; None when the task looks at no source, or there was none.
        results: how it ended, by target.
        log: the run's log, whose name the report gets.

    Raises:
        OSError: it cannot be written.
        StepError: there can be no folder for it.
    """
    account = _account(project, task, gathered, source, results, log)
    folder, run = Folder(project.state), log.stem
    project.private(folder.path)
    page = folder.write(f"{run}.html", render(account, HISTORY).encode(), run)
    folder.write(f"{run}.json", history.record(account), run)
    folder.prune(run)
    history.rewrite(folder, run)
    return page


def _account(
    project: Project,
    task: str,
    gathered: Gathered,
    source: Source | None,
    results: dict[str, TargetResult],
    log: Path,
) -> Account:
    gathered.close()
    shell = Shell()  # that of a run that was interrupted starts nothing any more
    return Account(
        task=task,
        project=project.name,
        began=gathered.when,
        seconds=gathered.seconds,
        person=person.observe(project.root, shell),
        source=source,
        subjects=_subjects(project.root, source, results, shell),
        results=results,
        steps=list(gathered.steps),
        findings={name: found for name in results if (found := gathered.findings(name))},
        checks={name: asked for name in results if (asked := gathered.checks(name))},
        sizes=dict(gathered.sizes),
        notes=list(gathered.notes),
        log=read_log(log),
    )


def read_log(path: Path) -> Log | None:
    """Read a log; of a large one, whole lines from its beginning and from its end."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            if size <= HEAD + TAIL:
                return Log(path, file.read().decode("utf-8", "replace"))
            head = _until_line(file.read(HEAD))
            file.seek(size - TAIL)
            tail = _from_line(file.read())
    except OSError:
        return None
    left_out = size - len(head) - len(tail)
    return Log(path, head.decode("utf-8", "replace"), left_out, tail.decode("utf-8", "replace"))


def _until_line(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1] or data


def _from_line(data: bytes) -> bytes:
    return data[data.find(b"\n") + 1 :] or data


def _subjects(
    root: Path, source: Source | None, results: dict[str, TargetResult], shell: Shell
) -> dict[str, str]:
    """The subject of each released commit, as far as this repository has it."""
    stamps = {one.release.commit for one in results.values() if one.release}
    known = {source.stamp: source.subject} if source else {}
    hashes = {stamp: stamp.partition("-dirty-")[0] for stamp in stamps - known.keys()}
    return known | {stamp: subject(root, hash_, shell) for stamp, hash_ in hashes.items()}
