"""What is unpacked is what git has: whole, or not at all."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from core_repository import Repository, files

from castoff import source
from castoff.errors import StepError
from castoff.shell import Shell

NAMES = ["with space.txt", "line\nfeed.txt", "größe \U0001f600.txt", "-dash.txt", "quo\"te'.txt"]


def test_export_ignore_and_file_modes_are_kept(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    repository.write(".gitattributes", "docs export-ignore\n")
    repository.write("docs/a.md", "x")
    repository.write("bin/run", "#!/bin/sh\n").chmod(0o755)
    repository.commit()
    tree = source.unpack(source.observe(repository.root, shell), tmp_path / "tree", shell)
    assert not (tree / "docs" / "a.md").exists()
    assert (tree / "bin" / "run").stat().st_mode & 0o777 == 0o755
    assert (tree / "app.py").stat().st_mode & 0o777 == 0o644


def test_a_copy_has_what_git_has_and_its_stamp_is_its_own(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    repository.write("release.json", "the project's own")
    (repository.root / "inside.py").symlink_to("app.py")
    repository.commit()
    found = source.observe(repository.root, shell)
    tree = source.unpack(found, tmp_path / "tree", shell)
    before = files(tree)
    (tree / "__pycache__").mkdir()
    copy = source.copy(found, tree, tmp_path / "copy", shell)
    assert files(copy) == before
    source.stamp(found, copy)
    assert found.commit in (copy / "release.json").read_text()
    assert files(tree) == before
    assert files(source.copy(found, tmp_path / "gone", tmp_path / "anew", shell)) == before


def test_a_link_inside_is_kept_and_one_that_leads_out_is_refused(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    (repository.root / "inside.py").symlink_to("app.py")
    repository.commit()
    tree = source.unpack(source.observe(repository.root, shell), tmp_path / "one", shell)
    assert (tree / "inside.py").read_text() == "VALUE = 1\n"
    (repository.root / "outside").symlink_to("/etc/passwd")
    repository.commit()
    found = source.observe(repository.root, shell)
    with pytest.raises(StepError, match=r"the source cannot be unpacked: .*outside") as caught:
        source.unpack(found, tmp_path / "two", shell)
    assert "Take out the link" in caught.value.next
    assert sorted(path.name for path in tmp_path.iterdir() if "unpack" in path.name) == []
    assert not (tmp_path / "two").exists()


def test_a_commit_without_files_is_told(tmp_path: Path, shell: Shell) -> None:
    empty = Repository(tmp_path / "empty")
    empty.commit("Nothing")
    found = source.observe(empty.root, shell)
    with pytest.raises(StepError, match="the commit has no files"):
        source.unpack(found, tmp_path / "tree", shell)


def test_unpacking_at_once_gives_one_whole_tree(repository: Repository, tmp_path: Path) -> None:
    for number in range(200):
        repository.write(f"many/{number}.txt", str(number))
    repository.commit()
    found = source.observe(repository.root, Shell())
    failed: list[Exception] = []

    def unpack() -> None:
        try:
            source.unpack(found, tmp_path / "kept" / "tree", Shell())
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=unpack) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(files(tmp_path / "kept" / "tree")) == 201
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["tree"]


@pytest.mark.parametrize("path", ["nowhere", "../outside", "/etc", "untracked"])
def test_a_folder_that_is_not_in_the_source_is_told(
    path: str, repository: Repository, shell: Shell
) -> None:
    repository.write("untracked/a.py", "x")
    with pytest.raises(StepError, match=f"installs from {path}, which is not in the commit"):
        source.tree_hash(source.observe(repository.root, shell), path, shell)


def test_a_full_disk_is_told_and_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.write("big.bin", "x" * 3_000_000)
    repository.commit()
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small])
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        found = source.observe(repository.root, Shell())
        with pytest.raises(StepError) as caught:
            source.unpack(found, small / "tree", Shell())
        assert "No space left" in caught.value.what
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_awkward_names_arrive_and_are_told(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    for name in NAMES:
        repository.write(name, name)
    repository.commit()
    for name in NAMES:
        repository.write(name, name + "!")
        repository.write("untracked " + name, "x")
    found = source.observe(repository.root, shell)
    assert set(found.dirty) == set(NAMES)
    assert set(found.untracked) == {"untracked " + name for name in NAMES}
    unpacked = files(source.unpack(found, tmp_path / "tree", shell))
    assert unpacked == {"app.py": "VALUE = 1\n", **{name: name + "!" for name in NAMES}}


def test_a_read_only_checkout_can_be_deployed(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    if os.geteuid():
        subprocess.run(["chmod", "-R", "a-w", repository.root], check=True)
    else:
        # Root writes everywhere but to a file system that is mounted read-only.
        code = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1"'
        look = (
            "import sys; from pathlib import Path; from castoff import source\n"
            "from castoff.shell import Shell\n"
            "found = source.observe(Path(sys.argv[1]), Shell())\n"
            f"print(source.unpack(found, Path({str(tmp_path / 'tree')!r}), Shell()))"
        )
        argv = ["unshare", "--mount", "sh", "-c", code, "sh", str(repository.root)]
        done = subprocess.run([*argv, sys.executable, look], capture_output=True, text=True)
        if "unshare" in done.stderr or "mount:" in done.stderr:
            pytest.skip("no right to mount here")
        assert done.returncode == 0, done.stderr
        assert files(tmp_path / "tree") == {"app.py": "VALUE = 1\n"}
        return
    found = source.observe(repository.root, shell)
    assert files(source.unpack(found, tmp_path / "tree", shell)) == {"app.py": "VALUE = 1\n"}
    subprocess.run(["chmod", "-R", "u+w", repository.root], check=True)


def test_what_a_killed_run_left_behind_goes_after_an_hour(
    repository: Repository, shell: Shell, tmp_path: Path
) -> None:
    old, new = tmp_path / "kept/.unpack-old", tmp_path / "kept/.unpack-new"
    for scratch in (old, new):
        (scratch / "tree").mkdir(parents=True)
    os.utime(old, (time.time() - 4000,) * 2)
    source.unpack(source.observe(repository.root, shell), tmp_path / "kept/tree", shell)
    assert not old.exists()
    assert new.exists()
