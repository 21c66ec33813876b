"""The source is what git has, and looking at it leaves everything alone."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from core_repository import Repository, files

from castoff import source
from castoff.errors import StepError
from castoff.shell import Shell


def test_a_clean_commit_is_named_by_itself(repository: Repository, shell: Shell) -> None:
    found = source.observe(repository.root, shell)
    head = repository.git("rev-parse", "HEAD").strip()
    assert (found.ref, found.commit, found.stamp) == (head, head, head)
    assert (found.subject, found.prefix, found.dirty) == ("First light", "", ())
    assert datetime.now(UTC) - found.committed_at < timedelta(minutes=5)
    assert found.version == head[:7]
    assert found.root == repository.root


def test_without_git_it_says_to_install_git(
    repository: Repository, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StepError) as caught:
        source.observe(repository.root, shell)
    assert caught.value.next == "Install git, and run it again."


def test_outside_of_a_repository_it_says_how_to_make_one(tmp_path: Path, shell: Shell) -> None:
    with pytest.raises(StepError, match="not in a git repository") as caught:
        source.observe(tmp_path, shell)
    assert "git init" in caught.value.next


def test_without_a_commit_it_says_how_to_make_one(tmp_path: Path, shell: Shell) -> None:
    with pytest.raises(StepError, match="no commit yet"):
        source.observe(Repository(tmp_path / "new").root, shell)


def test_a_repository_of_another_user_is_not_taken_for_none(
    repository: Repository, shell: Shell
) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    os.chown(repository.root, 12345, 12345)
    os.chown(repository.root / ".git", 12345, 12345)
    with pytest.raises(StepError, match="dubious ownership") as caught:
        source.observe(repository.root, shell)
    assert "safe.directory" in caught.value.next


def test_a_detached_head_is_a_commit_like_any(repository: Repository, shell: Shell) -> None:
    first = repository.git("rev-parse", "HEAD").strip()
    repository.commit("Second")
    repository.git("checkout", "-q", first)
    assert source.observe(repository.root, shell).stamp == first


@pytest.mark.parametrize("change", ["edited", "staged", "renamed", "deleted", "both"])
def test_each_kind_of_change_is_deployed_and_stamped(
    change: str, repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    repository.write("old.txt", "old\n" * 5)
    commit = repository.commit()
    wanted = {"app.py": "VALUE = 1\n", "old.txt": "old\n" * 5}
    if change in ("edited", "both"):
        repository.write("app.py", "VALUE = 2\n")
        wanted["app.py"] = "VALUE = 2\n"
    if change in ("staged", "both"):
        repository.write("new.txt", "staged")
        repository.git("add", "new.txt")
        repository.write("new.txt", "and edited after")
        wanted["new.txt"] = "and edited after"
    if change == "renamed":
        repository.git("mv", "old.txt", "moved.txt")
        wanted["moved.txt"] = wanted.pop("old.txt")
    if change == "deleted":
        (repository.root / "old.txt").unlink()
        wanted.pop("old.txt")
    found = source.observe(repository.root, shell)
    assert found.commit == commit
    assert found.stamp.startswith(f"{commit}-dirty-")
    assert found.dirty
    assert found.short == f"{commit[:9]} with uncommitted changes"
    assert files(source.unpack(found, tmp_path / "tree", shell)) == wanted


def test_looking_twice_at_a_dirty_tree_gives_one_stamp_and_touches_nothing(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    repository.write("staged.txt", "x")
    repository.git("add", "staged.txt")
    repository.write("app.py", "VALUE = 3\n")
    repository.write("untracked.txt", "x")
    os.utime(repository.root / "staged.txt", (1, 1))  # git would like to note that in its index
    before = repository.fingerprint()
    first = source.observe(repository.root, shell)
    second = source.observe(repository.root, shell)
    source.unpack(first, tmp_path / "tree", shell)
    assert first.stamp == second.stamp
    assert repository.fingerprint() == before
    assert (tmp_path / "tree" / "app.py").read_text() == "VALUE = 3\n"


def test_an_edit_in_the_second_of_the_commit_is_deployed(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    time.sleep(1 - time.time() % 1)  # a second begins
    repository.write("app.py", "VALUE = 5\n")
    repository.commit()
    repository.write("app.py", "VALUE = 6\n")  # as long as before: only the times could tell
    time.sleep(1 - time.time() % 1)
    found = source.observe(repository.root, shell)
    assert found.dirty == ("app.py",)
    tree = source.unpack(found, tmp_path / "tree", shell)
    assert (tree / "app.py").read_text() == "VALUE = 6\n"


def test_it_works_while_another_git_holds_the_index(repository: Repository, shell: Shell) -> None:
    repository.write("app.py", "VALUE = 3\n")
    repository.write(".git/index.lock", "")
    assert "-dirty-" in source.observe(repository.root, shell).stamp


def test_many_may_look_at_once(repository: Repository) -> None:
    repository.write("app.py", "VALUE = 3\n")
    stamps: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: stamps.append(source.observe(repository.root, Shell()).stamp)
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stamps) == 6
    assert len(set(stamps)) == 1


def test_a_project_in_a_sub_folder_is_found_in_what_is_unpacked(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    repository.write("sites/shöp one/manage.py", "x")
    repository.write("sites/shöp one/lib/a.py", "x")
    repository.commit()
    repository.write("sites/shöp one/manage.py", "y")
    found = source.observe(repository.root / "sites/shöp one", shell)
    assert found.prefix == "sites/shöp one/"
    tree = source.unpack(found, tmp_path / "tree", shell)
    assert tree == tmp_path / "tree" / "sites/shöp one"
    assert (tree / "manage.py").read_text() == "y"
    assert (tmp_path / "tree" / "app.py").is_file()
    assert len(source.tree_hash(found, "lib", shell)) == 40
    assert source.tree_hash(found, "../..", shell) == source.tree_hash(found, "../../.", shell)


def test_variables_that_a_hook_exports_lead_nowhere_else(
    repository: Repository, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(tmp_path / "other")
    other.commit("Another project")
    for name, value in {
        "GIT_DIR": ".git",
        "GIT_WORK_TREE": "",
        "GIT_INDEX_FILE": "index",
        "GIT_OBJECT_DIRECTORY": "objects",
        "GIT_PREFIX": "x/",
    }.items():
        monkeypatch.setenv(name, str(other.root / value) if value else str(other.root))
    assert source.observe(repository.root, shell).subject == "First light"


def test_a_submodule_is_an_empty_folder_and_its_own_changes_are_not_ours(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    other = Repository(tmp_path / "other")
    other.write("a.txt", "a")
    other.commit()
    allowed = ("-c", "protocol.file.allow=always")
    repository.git(*allowed, "submodule", "-q", "add", str(other.root), "sub")
    commit = repository.commit()
    repository.write("sub/a.txt", "changed")
    found = source.observe(repository.root, shell)
    assert found.stamp == commit
    tree = source.unpack(found, tmp_path / "tree", shell)
    assert list((tree / "sub").iterdir()) == []


def test_a_merge_with_conflicts_is_told_with_the_file(repository: Repository, shell: Shell) -> None:
    repository.git("checkout", "-q", "-b", "side")
    repository.write("app.py", "VALUE = 'side'\n")
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("app.py", "VALUE = 'main'\n")
    repository.commit()
    repository.git("merge", "side", check=False)
    with pytest.raises(StepError, match=r"a merge has conflicts: app\.py") as caught:
        source.observe(repository.root, shell)
    assert "git merge --abort" in caught.value.next


def test_nobody_s_name_is_needed(
    repository: Repository, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    repository.git("config", "user.useConfigOnly", "true")
    repository.write("app.py", "VALUE = 3\n")
    assert source.observe(repository.root, shell).dirty == ("app.py",)


def test_the_user_s_own_settings_of_git_change_nothing(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    settings = {
        "status.showUntrackedFiles": "no",
        "status.relativePaths": "true",
        "log.showSignature": "true",
        "core.quotePath": "true",
        "color.ui": "always",
        "i18n.logOutputEncoding": "latin1",
    }
    for name, value in settings.items():
        repository.git("config", name, value)
    repository.commit("Größe")
    repository.write("untracked.txt", "x")
    found = source.observe(repository.root, shell)
    assert (found.subject, found.untracked) == ("Größe", ("untracked.txt",))
