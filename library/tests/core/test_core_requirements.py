"""A requirements file is read with all it includes, and folders are told from packages."""

from pathlib import Path

import pytest

from castoff import requirements

FOLDERS = {
    "-e ./lib": "./lib",
    "--editable=./lib": "./lib",
    "-e lib": "lib",
    "./lib": "./lib",
    "../lib[extra]": "../lib",
    "lib/inner": "lib/inner",
    ".": ".",
    "-e .[dev]": ".",
    "./lib ; python_version > '3'": "./lib",
    "shop-lib @ file:///srv/my%20lib": "/srv/my lib",
    "file:./lib": "./lib",
    "shop-lib[extra] @ file:./lib#egg=x ; sys_platform == 'linux'": "./lib",
    "./wheels/a-1.whl --hash=sha256:00": "./wheels/a-1.whl",
    "idna==3.10": "",
    "idna[all]>=3 ; python_version > '3'": "",
    "-e git+https://example.org/x.git#egg=x": "",
    "x @ git+https://example.org/x.git@main": "",
    "x @ https://example.org/x-1.whl": "",
    "--index-url https://example.org/simple": "",
}


@pytest.mark.parametrize("line", FOLDERS)
def test_a_folder_is_told_from_a_package(line: str) -> None:
    assert requirements.folder(line) == FOLDERS[line]


def test_included_files_are_read_in_their_place(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    text = "\ufeff# first\r\n-r more/base.txt  # then\r\n-c limits.txt\r\n"
    text += "a==1 \\\r\n    --hash=sha256:00\r\n"
    (tmp_path / "requirements.txt").write_text(text)
    (tmp_path / "more/base.txt").write_text("b==2#sub\n--requirement=../requirements.txt\n")
    (tmp_path / "limits.txt").write_text("b<3\n")
    lines, files = requirements.read(tmp_path / "requirements.txt")
    assert lines == ["b==2#sub", f"-c {tmp_path / 'limits.txt'}", "a==1 --hash=sha256:00"]
    assert {path.name for path in files} == {"requirements.txt", "base.txt", "limits.txt"}


def test_an_included_file_that_is_missing_is_told(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r base.txt\n")
    with pytest.raises(ValueError, match=r"it includes base\.txt, which is not there"):
        requirements.read(tmp_path / "requirements.txt")


def test_what_has_no_hash_is_split_from_what_has() -> None:
    option, hashed = "--index-url https://example.org", "a==1 --hash=sha256:00"
    folder, repository = "-e ./lib", "x @ git+https://example.org/x.git@0123"
    assert requirements.split([option, folder, hashed, repository]) == (
        [option, hashed],
        [option, folder, repository],
    )
    assert requirements.split([option, hashed]) == ([option, hashed], [])
    assert requirements.split([folder]) == ([], [folder])
    assert requirements.split(["a==1", folder]) == (["a==1", folder], [])
    assert requirements.split([]) == ([], [])
