"""What is to be deployed: a commit, or the tree with its uncommitted changes, as git has it."""

import os
import re
import shutil
import tarfile
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from castoff.errors import StepError
from castoff.model import Source
from castoff.shell import CommandFailed, Shell

# A hook or an outer git command exports these; they would point git at another repository.
FOREIGN = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"),
)
HEAD = ("log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%H%n%cI%n%s", "HEAD")
LONG_AGO = 3600.0  # seconds; nobody unpacks for so long
UNMERGED = ("DD", "AU", "UD", "UA", "DU", "AA", "UU")


def observe(root: Path, shell: Shell) -> Source:
    """Look at the repository; nothing in it is touched.

    Args:
        root: the project's folder.
        shell: runs git.

    Raises:
        StepError: there is no git, no repository, or no commit; a merge has conflicts.
    """
    prefix = _prefix(root, shell)
    commit, time, subject = _head(root, shell)
    dirty, untracked = _changes(root, shell)
    ref, stamp = commit, commit
    if dirty:
        ref = _stash(root, shell) or commit
        tree = _git(root, shell, "rev-parse", f"{ref}^{{tree}}").strip()
        stamp = f"{commit}-dirty-{tree[:12]}"
    version = _git(root, shell, "describe", "--tags", "--always").strip()
    return Source(
        root=root.resolve(),
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


def head(root: Path, shell: Shell) -> tuple[str, str]:
    """Return the commit at HEAD and the first line of its message.

    Raises:
        StepError: there is no git, no repository, or no commit.
    """
    _prefix(root, shell)
    commit, _, subject = _head(root, shell)
    return commit, subject


def unpack(source: Source, folder: Path, shell: Shell) -> Path:
    """Unpack the source into ``folder``, whole or not at all; return the project's folder in it.

    Raises:
        StepError: git cannot archive it, or the disk is full.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _forget_cut_off(folder.parent)
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


def folder(source: Source, state: Path) -> Path:
    """Where a project's state folder has the source unpacked, for checks and for the virtualenv."""
    return state / "sources" / source.stamp


def copy(source: Source, unpacked: Path, folder: Path, shell: Shell) -> Path:
    """Do what ``unpack`` does with the files of another folder, by hard links where it is whole.

    Raises:
        StepError: as ``unpack``.
    """
    try:
        shutil.copytree(
            unpacked,
            folder,
            symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__"),
            copy_function=os.link,
        )
    except (OSError, shutil.Error):  # it was deleted meanwhile, or lies on another disk
        shutil.rmtree(folder, ignore_errors=True)
        return unpack(source, folder, shell)
    return folder / source.prefix


def stamp(source: Source, tree: Path) -> None:
    """Write ``release.json``, by which a release answers which code it is.

    Args:
        source: what was unpacked.
        tree: the project's folder in it.
    """
    file, at = tree / "release.json", source.committed_at.timestamp()
    content = {
        "commit": source.stamp,
        "committed_at": source.committed_at,
        "version": source.version,
    }
    file.unlink(missing_ok=True)  # one of the commit's may be the same file as in another folder
    file.write_bytes(msgspec.json.encode(content))
    file.chmod(0o644)
    os.utime(file, (at, at))  # as git does with all the rest


def tree_hash(source: Source, path: str, shell: Shell) -> str:
    """Return git's hash of a folder's content in the source; ``path`` is relative to the project.

    Raises:
        StepError: the folder is not in the source.
    """
    inside = os.path.normpath(source.prefix + path) if not os.path.isabs(path) else path
    name = f"{source.ref}:{'' if inside == '.' else inside}"
    try:
        return _git(source.root, shell, "rev-parse", "--verify", "--end-of-options", name).strip()
    except StepError:
        raise StepError(
            f"the lock installs from {path}, which is not in the commit",
            "Nothing was changed.",
            "Let git track it (`git add`), and name it by its path from the project, as ./lib.",
        ) from None


def subject(root: Path, commit: str, shell: Shell) -> str:
    """Return the first line of a commit's message; empty when this repository has no such one."""
    words = ("log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%s")
    try:
        return _git(root, shell, *words, "--end-of-options", commit).strip()
    except StepError:
        return ""


def author(root: Path, shell: Shell) -> str:
    """Return ``name <email>`` as git would put it on a commit; empty when none is configured."""
    try:
        # git makes a name up from the machine's where none is set; a made-up name is nobody's.
        said = _git(root, shell, "-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT")
    except StepError:
        return ""
    return said.rpartition(" ")[0].rpartition(" ")[0]  # without the time and its zone


def published(root: Path, shell: Shell) -> str:
    """Return where others find the repository, without a login; empty when that is not known."""
    try:
        url = _git(root, shell, "remote", "get-url", "origin").strip()
    except StepError:
        return ""
    scheme, found, place = url.partition("://")
    if not found:  # git@host:path, or a folder of this machine
        return url if re.match(r"[\w.-]+@[\w.-]+:", url) else ""
    host, slash, path = place.partition("/")
    return "" if scheme == "file" else f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _forget_cut_off(parent: Path) -> None:
    """Delete what runs left behind that were killed while they unpacked."""
    for scratch in parent.glob(".unpack-*"):
        with suppress(FileNotFoundError):  # its own run has just ended
            if time.time() - scratch.stat().st_mtime > LONG_AGO:
                shutil.rmtree(scratch, ignore_errors=True)


def _extract(source: Source, scratch: Path, shell: Shell) -> None:
    archive, tree = scratch / "source.tar", scratch / "tree"
    top = source.root.parents[len(Path(source.prefix).parts) - 1] if source.prefix else source.root
    _git(top, shell, "archive", f"--output={archive}", source.ref)
    try:
        with tarfile.open(archive, "r:") as tar:
            _refuse_links_out(tar)
            for member in tar.getmembers():
                member.mode &= 0o755
            # Python before 3.11.4, as in Debian 12, has no filters; git writes no hostile path.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(tree)
    except tarfile.ReadError:  # git writes no entry at all
        raise StepError(
            "the commit has no files",
            "Nothing was changed.",
            "Add the app's files (`git add -A && git commit`), and run it again.",
        ) from None


def _refuse_links_out(tar: tarfile.TarFile) -> None:
    out = [one.name for one in tar.getmembers() if one.issym() and _leads_out(one)]
    if out:
        raise StepError(
            f"the source cannot be unpacked: {out[0]} is a link that leads out of it",
            "Nothing was changed.",
            "Take out the link, or let it lead to a file of the repository by a relative path.",
        )


def _leads_out(link: tarfile.TarInfo) -> bool:
    end = os.path.normpath(os.path.join(os.path.dirname(link.name), link.linkname))
    return os.path.isabs(end) or end.split(os.sep)[0] == os.pardir


def _prefix(root: Path, shell: Shell) -> str:
    """The project's folder as a path in the repository, empty or ending in a slash."""
    try:
        _git(root, shell, "rev-parse", "--show-toplevel")  # fails where there is no checkout
        return _git(root, shell, "rev-parse", "--show-prefix").removesuffix("\n")
    except StepError as error:
        raise StepError(
            f"{root} is not in a git repository that can be read ({error.what})",
            "Nothing was changed.",
            _first_aid(error.what, root),
        ) from None


def _first_aid(what: str, root: Path) -> str:
    if "could not be started" in what:
        return "Install git, and run it again."
    if "dubious ownership" in what:
        return f"If you trust it: `git config --global --add safe.directory {root}`."
    return "castoff deploys commits: `git init && git add -A && git commit`, then run it again."


def _head(root: Path, shell: Shell) -> tuple[str, str, str]:
    try:
        line = _git(root, shell, *HEAD)
    except StepError:
        raise StepError(
            "the repository has no commit yet",
            "Nothing was changed.",
            "castoff deploys commits: `git add -A && git commit`, then run it again.",
        ) from None
    commit, time, subject = line.split("\n", 2)
    return commit, time, subject.strip()


def _changes(root: Path, shell: Shell) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # Told apart from the user's own settings of `git status`; what a submodule has changed in its
    # own checkout is in no commit of this repository.
    words = ("--porcelain=v1", "-z", "--untracked-files=normal", "--ignore-submodules=dirty")
    entries = iter(_git(root, shell, "status", *words).split("\0"))
    dirty, untracked = [], []
    for entry in entries:
        kind, path = entry[:2], entry[3:]
        if kind in UNMERGED:
            raise StepError(
                f"a merge has conflicts: {path}",
                "Nothing was changed.",
                "Solve them and commit (`git status` lists them), or `git merge --abort`.",
            )
        if kind == "??":
            untracked.append(path)
        elif kind.strip():
            dirty.append(path)
            if "R" in kind or "C" in kind:
                next(entries, None)  # where it was renamed from
    return tuple(dirty), tuple(untracked)


def _stash(root: Path, shell: Shell) -> str:
    """Make a commit of the tree with its changes; only objects are added to the repository.

    `git stash create` writes the index, and fails while another git does: it gets a copy. That
    keeps the index's time: by it git knows which files may have changed in the second in which
    they were added, and looks into them (git's Documentation/technical/racy-git.txt).
    """
    index = _git(root, shell, "rev-parse", "--git-path", "index").removesuffix("\n")
    with tempfile.TemporaryDirectory(prefix="castoff-") as folder:
        copy = Path(folder, "index")
        shutil.copy2(root / index, copy)
        return _git(root, shell, "stash", "create", index=copy).strip()


def _git(root: Path, shell: Shell, *words: str, index: Path | None = None) -> str:
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    # Optional locks would write into .git, which may be read-only or in use.
    env |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    env |= {"GIT_INDEX_FILE": str(index)} if index else {}
    try:
        return shell.run(["git", *words], cwd=root, env=env, timeout=120).stdout
    except CommandFailed as error:
        lines = error.result.last_lines.splitlines() or [error.reason]
        raise StepError(
            f"git {words[0]}: {lines[0].removeprefix('fatal: ')}",
            "Nothing was changed.",
            "Mend the repository (`git status` shows it), and run it again.",
        ) from None
