"""What is told of a disk that is full, read-only or somebody else's."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from castoff import storage
from castoff.errors import StepError
from castoff.project import private_folder

WRITE = """
import sys
from pathlib import Path
from castoff.targets.local.state import write_text
try:
    write_text(Path(sys.argv[1]), "secret " * 1000)
except OSError as error:
    print(error.filename)
"""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_with_what_shows_it(tmp_path: Path, number: int) -> None:
    told = storage.refused(OSError(number, os.strerror(number), str(tmp_path / "file")), tmp_path)
    assert told
    assert told.what == f"{tmp_path / 'file'} cannot be written: {os.strerror(number)}"
    assert f"df -h {tmp_path}" in told.next


def test_a_full_disk_is_told_of_a_write_that_names_no_file(tmp_path: Path) -> None:
    told = storage.refused(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert told
    assert str(tmp_path) in told.what


def test_a_closed_folder_is_named_with_its_owner(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "no" / "file"))
    told = storage.refused(error, tmp_path)
    assert told
    assert f"{tmp_path} belongs to {storage.owner(tmp_path)}" in told.next
    assert "XDG_STATE_HOME" in told.next


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "file"),
        PermissionError(errno.EACCES, "Permission denied"),  # a socket, not a file
    ],
)
def test_another_error_is_not_taken_for_the_disk(tmp_path: Path, error: OSError) -> None:
    assert storage.refused(error, tmp_path) is None


@pytest.mark.parametrize(
    "said",
    [
        "uv: No space left on device (os error 28)",
        'could not extend file "base/5/7": wrote only 4096 of 8192 bytes at block 3',
    ],
)
def test_a_program_that_met_a_full_disk_is_not_told_to_be_mended(tmp_path: Path, said: str) -> None:
    error = StepError(said, "", "Mend the lock.")
    storage.advise(error, tmp_path)
    assert error.next.startswith("Make room")


def test_the_advice_on_another_failure_is_left_alone(tmp_path: Path) -> None:
    error = StepError("no such package", "", "Mend the lock.")
    storage.advise(error, tmp_path)
    assert error.next == "Mend the lock."


def test_a_file_that_cannot_be_replaced_stays_whole_and_leaves_nothing_beside_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    path = folder / "config.json"
    path.write_text("before")
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(path)
    assert path.read_text() == "before"
    assert [*folder.iterdir()] == [path]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    with pytest.raises(StepError, match="it belongs to"):
        private_folder(folder)
