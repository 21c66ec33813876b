"""What is to be deployed: a commit, or the tree with its uncommitted changes, as git has it."""

import os
import shutil
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path

from castoff.errors import StepError
from castoff.model import Source
from castoff.shell import CommandFailed, Shell

# A hook or an outer git command exports these; they would point git at another repository.
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


def observe(root: Path, shell: Shell) -> Source:
    """Look at the repository; nothing in it is touched.

    Args:
        root: the project's folder.
        shell: runs git.

    Raises:
        StepError: there is no git, no repository, or no commit.
    """
    top, prefix = _place(root, shell)
    commit, time, subject = _head(root, shell)
    dirty, untracked = _changes(root, shell)
    ref, stamp = commit, commit
    if dirty:
        ref = _git(root, shell, "stash", "create").strip() or commit
        tree = _git(root, shell, "rev-parse", f"{ref}^{{tree}}").strip()
        stamp = f"{commit}-dirty-{tree[:12]}"
    version = _git(root, shell, "describe", "--tags", "--always").strip()
    return Source(
        root=top / prefix,
        prefix=prefix,
        ref=ref,
        commit=commit,
        stamp=stamp,
        committed_at=datetime.fromisoformat(time),
        subject=subject,
        version=version,
        dirty=dirty,
        untracked=untracked,
    )


def unpack(source: Source, folder: Path, shell: Shell) -> Path:
    """Unpack the source into ``folder``, whole or not at all; return the project's folder in it.

    Raises:
        StepError: git cannot archive it, or the disk is full.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".unpack-", dir=folder.parent))
        try:
            _extract(source, scratch, shell)
            os.replace(scratch / "tree", folder)
        except OSError as error:
            if not folder.exists():  # another run was faster otherwise
                raise StepError(
                    f"the source cannot be unpacked: {error.strerror or error}",
                    "Nothing was changed.",
                    f"Make room or mend the rights of {folder.parent}, and run it again.",
                ) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder / source.prefix


def tree_hash(source: Source, path: str, shell: Shell) -> str:
    """Return git's hash of a folder's content in the source; ``path`` is relative to the project.

    Raises:
        StepError: the folder is not in the source.
    """
    inside = os.path.normpath(source.prefix + path)
    return _git(source.root, shell, "rev-parse", f"{source.ref}:{inside}").strip()


def _extract(source: Source, scratch: Path, shell: Shell) -> None:
    archive = scratch / "source.tar"
    top = source.root.parents[len(Path(source.prefix).parts) - 1] if source.prefix else source.root
    _git(top, shell, "archive", f"--output={archive}", source.ref)
    with tarfile.open(archive) as tar:
        tar.extractall(scratch / "tree", filter="data")


def _place(root: Path, shell: Shell) -> tuple[Path, str]:
    try:
        answer = _git(root, shell, "rev-parse", "--show-toplevel", "--show-prefix")
    except StepError as error:
        raise StepError(
            f"{root} is not in a git repository that can be read ({error.what})",
            "Nothing was changed.",
            "castoff deploys commits: `git init && git add -A && git commit`, then run it again.",
        ) from None
    top, _, prefix = answer.partition("\n")
    return Path(top), prefix.strip("\n")


def _head(root: Path, shell: Shell) -> tuple[str, str, str]:
    try:
        line = _git(root, shell, "log", "-1", "--format=%H%n%cI%n%s", "HEAD")
    except StepError:
        raise StepError(
            "the repository has no commit yet",
            "Nothing was changed.",
            "castoff deploys commits: `git add -A && git commit`, then run it again.",
        ) from None
    commit, time, subject = (line.split("\n", 2) + ["", ""])[:3]
    return commit, time, subject.strip()


def _changes(root: Path, shell: Shell) -> tuple[tuple[str, ...], tuple[str, ...]]:
    entries = iter(_git(root, shell, "status", "--porcelain=v1", "-z").split("\0"))
    dirty, untracked = [], []
    for entry in entries:
        kind, path = entry[:2], entry[3:]
        if kind == "??":
            untracked.append(path)
        elif kind.strip():
            dirty.append(path)
            if "R" in kind or "C" in kind:
                next(entries, None)  # where it was renamed from
    return tuple(dirty), tuple(untracked)


def _git(root: Path, shell: Shell, *words: str) -> str:
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    # Optional locks would write into .git, which may be read-only or in use.
    env |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return shell.run(["git", *words], cwd=root, env=env, timeout=120).stdout
    except CommandFailed as error:
        lines = error.result.last_lines.splitlines() or [error.reason]
        raise StepError(
            f"git {words[0]}: {lines[0].removeprefix('fatal: ')}",
            "Nothing was changed.",
            "Mend the repository (`git status` shows it), and run it again.",
        ) from None
