"""Secrets come from a file, the environment or a command, whole, and are never shown."""

import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from castoff import app_env, vault
from castoff.config import parse
from castoff.errors import CastoffError, WrongInput
from castoff.events import Bus, Event, Note
from castoff.project import Project
from castoff.shell import Shell

VALUES = {
    "PLAIN": ("abc", "abc"),
    "EQUALS": ("a=b==", "a=b=="),
    "DOLLAR": ("$HOME${X}", "$HOME${X}"),
    "HASH": ("'a # b'", "a # b"),
    "COMMENT": ("abc # a comment", "abc"),
    "SINGLE": ("'it\\'s \\\\ \"so\"'", 'it\'s \\ "so"'),
    "DOUBLE": ('"a\\nb\\t\\"c\\""', 'a\nb\t"c"'),
    "LINES": ("'first\nsecond\n'", "first\nsecond\n"),
    "SPACES": ("'  around  '", "  around  "),
    "LETTERS": ("é \U0001f600 \u2028x\u00a0y", "é \U0001f600 \u2028x\u00a0y"),
    "EMPTY": ("", ""),
}


def project(root: Path, *, dry: bool = False, **secrets: object) -> tuple[Project, list[Event]]:
    events: list[Event] = []
    config = parse({"secrets": secrets})
    return Project(root, config, Shell(), Bus(events.append), dry), events


def test_awkward_values_arrive_as_they_are(tmp_path: Path) -> None:
    lines = [f"{name}={text}" for name, (text, _) in VALUES.items()]
    path = tmp_path / ".env"
    path.write_text("\ufeff# secrets\n\nexport " + "\n".join(lines) + "\r\n", encoding="utf-8")
    path.chmod(0o600)
    offered = vault.offered(project(tmp_path, env_file=".env")[0])
    got = {name: secret.reveal() for name, secret in offered.items()}
    assert got == {name: value for name, (_, value) in VALUES.items()}


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=b")
    path.chmod(0o644)
    vault.offered(project(tmp_path, env_file=".env", dry=True)[0])
    assert path.stat().st_mode & 0o777 == 0o644
    made, events = project(tmp_path, env_file=".env")
    vault.offered(made)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [event.text for event in events if isinstance(event, Note)] == [
        ".env could be read by others; its mode is 0600 now"
    ]


@pytest.mark.parametrize("kind", ["missing", "folder", "bytes"])
def test_a_file_that_cannot_be_read_is_told(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    if kind == "folder":
        path.mkdir(0o700)
    elif kind == "bytes":
        path.write_bytes(b"A=\xff")
    with pytest.raises(WrongInput, match=r"castoff\.secrets\.env_file: .*\.env cannot be read"):
        vault.offered(project(tmp_path, env_file=".env")[0])


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\nwhisper it\n", 2), ("\n\nA=1\n\n\nwhisper\n", 6), ("A=1\nB='whisper\n", 2)],
)
def test_a_bad_line_is_told_by_its_number_and_never_by_its_content(text: str, line: int) -> None:
    with pytest.raises(WrongInput) as caught:
        vault.parse(text, ".env")
    assert f".env, line {line}: not NAME=value" == caught.value.what
    assert "whisper" not in str(caught.value)


def test_a_value_with_a_nul_is_refused_by_its_name() -> None:
    with pytest.raises(WrongInput, match="A has a NUL"):
        vault.parse("A=whisper\0it", ".env")


def test_the_command_s_answer_is_read(tmp_path: Path) -> None:
    made, _ = project(tmp_path, command=["printf", "%s\\n", "A=from the command", "B='two\nlines'"])
    offered = vault.offered(made)
    assert {name: one.reveal() for name, one in offered.items()} == {
        "A": "from the command",
        "B": "two\nlines",
    }


@pytest.mark.parametrize("answer", ["echo A=b", "exit 1"])
def test_a_person_is_asked_once_however_many_targets_and_steps_want_to_know(
    answer: str, tmp_path: Path
) -> None:
    script = f"echo asked >> {shlex.quote(str(tmp_path / 'asked'))}; {answer}"
    made, _ = project(tmp_path, command=["sh", "-c", script])

    def ask() -> str:
        try:
            return vault.offered(made)["A"].reveal()
        except CastoffError as error:
            return error.what

    with ThreadPoolExecutor(4) as targets:
        said = [one.result() for one in [targets.submit(ask) for _ in range(4)]]
    assert len(said) == 4
    assert len(set(said)) == 1
    assert (tmp_path / "asked").read_text() == "asked\n"


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", "echo A=whisper; echo whisper >&2; exit 4"],
        ["sh", "-c", "printf 'A=whisper\\377'"],
        ["sh", "-c", "echo a whisper"],
        ["no-such-program"],
    ],
)
def test_a_command_that_fails_never_shows_what_it_printed(
    command: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made, events = project(tmp_path, command=command)
    with pytest.raises(CastoffError) as caught:
        vault.offered(made)
    shown = str(caught.value).replace(" ".join(command), "")
    assert command[0] in str(caught.value)
    assert "whisper" not in shown
    assert not events
    assert not caplog.records


def test_the_environment_wins_for_what_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("API_KEY=of the file\nOTHER=of the file\nSECRET_KEY=\n")
    monkeypatch.setenv("API_KEY", os.fsdecode(b"of the environment \xff"))
    monkeypatch.setenv("OTHER", "not asked for")
    made, _ = project(tmp_path, env_file=".env", required=["API_KEY", "API_KEY"])
    offered = {name: one.reveal() for name, one in vault.offered(made).items()}
    assert offered == {"API_KEY": "of the environment \udcff", "OTHER": "of the file"}
    assert vault.required(made.config) == ("SECRET_KEY", "CASTOFF_PROBE_TOKEN", "API_KEY")


def test_what_a_target_provides_is_not_taken_from_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=x\nPORT=1\nMINE=y\n")
    assert list(vault.offered(project(tmp_path, env_file=".env")[0])) == ["MINE"]


def test_generated_values_are_long_and_different() -> None:
    made = [vault.generate(("SECRET_KEY",))["SECRET_KEY"].reveal() for _ in range(2)]
    assert made[0] != made[1]
    assert all(len(value) >= 50 and value.isascii() for value in made)


def test_the_app_sees_nothing_of_the_user_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "whisper")
    monkeypatch.setenv("DATABASE_URL", "whisper")
    config = parse({"settings": "shop.settings"})
    build = app_env.build_time(config, ("https://a.example", "https://b.example"))
    run = app_env.run_time(config, {"A": "1"})
    assert "whisper" not in {*build.values(), *run.values()}
    assert build["PUBLIC_URLS"] == "https://a.example,https://b.example"
    assert build["SECRET_KEY"] != app_env.build_time(config, ())["SECRET_KEY"]
    assert run["A"] == "1"
    assert run["DJANGO_SETTINGS_MODULE"] == build["DJANGO_SETTINGS_MODULE"] == "shop.settings"
