"""Wrong configuration is answered with the key, what was expected, and the nearest right name."""

from pathlib import Path
from typing import Any

import pytest

from castoff import yaml_file
from castoff.config import Config, TargetConfig, choose, parse
from castoff.errors import ExitCode, WrongInput

WRONG_KEYS = [
    ({"projct": "x"}, "castoff.projct", "project"),
    ({"targets": {"fly": {"prt": 1}}}, "castoff.targets.fly.prt", "port"),
    ({"secrets": {"requierd": []}}, "castoff.secrets.requierd", "required"),
    ({"smoke": {"page": []}}, "castoff.smoke.page", "pages"),
    (
        {"smoke": {"forms": [{"path": "/"}, {"path": "/", "filds": {}}]}},
        "castoff.smoke.forms[1].filds",
        "fields",
    ),
    ({"dev": {"setings": "x"}}, "castoff.dev.setings", "settings"),
]
WRONG_VALUES = [
    ([], "castoff", "a mapping, got a list"),
    (0, "castoff", "a mapping, got a whole number"),
    ({"project": 1}, "castoff.project", "text, got a whole number"),
    ({"target": ["a", "b"]}, "castoff.target", "text, got a list"),
    ({"targets": ["local"]}, "castoff.targets", "a mapping, got a list"),
    ({"targets": {"a": {}, "fly": 5}}, "castoff.targets.fly", "a mapping, got a whole number"),
    ({"targets": {"a": {}, "fly": None}}, "castoff.targets.fly", "a mapping, got nothing"),
    ({"targets": {"a": {}, "b": {"port": "x"}}}, "castoff.targets.b.port", "a whole number"),
    ({"targets": {"b": {"port": 70000}}}, "castoff.targets.b.port", "<= 65535"),
    ({"targets": {"b": {"workers": 0}}}, "castoff.targets.b.workers", ">= 1"),
    ({"targets": {"b": {"domains": ["x.org"]}}}, "castoff.targets.b.domains[0]", "`https://`"),
    ({"secrets": {"required": "A"}}, "castoff.secrets.required", "a list, got text"),
    ({"secrets": {"command": "sops -d"}}, "castoff.secrets.command", "a list, got text"),
    ({"smoke": {"pages": ["x"]}}, "castoff.smoke.pages[0]", "begins with `/`"),
    (
        {"targets": {"local": {"runtime": "containr"}}},
        "castoff.targets.local.runtime",
        "is `process` or `container`",
    ),
    ({"smoke": {"timeout": "nan"}}, "castoff.smoke.timeout", "> 0"),
    ({"smoke": {"forms": [{}]}}, "castoff.smoke.forms[0].path", "is missing"),
    (
        {"smoke": {"forms": [{"path": "/", "fields": {"a": "b", "c": []}}]}},
        "castoff.smoke.forms[0].fields.c",
        "text, got a list",
    ),
    ({"dev": {"port": True}}, "castoff.dev.port", "a whole number, got true or false"),
    ({"silence": ["W102"]}, "castoff.silence", "a mapping, got a list"),
    ({"silence": {"E101": "why", "W102": False}}, "castoff.silence.W102", "text"),
    ({"targets": {1: {}}}, "castoff.targets", "must be text"),
    ({1: 2}, "castoff", "must be text"),
]
HOSTILE = {
    "a list": ("- castoff", "is a list, expected a mapping"),
    "text": ("castoff", "is a str, expected a mapping"),
    "tabs": ("castoff:\n\ttarget: x", "cannot be read"),
    "nothing under the key": ("castoff:", "castoff: expected a mapping, got nothing"),
    "a list under the key": ("castoff: []", "castoff: expected a mapping, got a list"),
    "an unclosed list": ("a: [1", "cannot be read"),
    "a tag": ("castoff: !!python/object/apply:os.system ['true']", "cannot be read"),
    "a date that is none": ("a: 2024-13-45", "cannot be read"),
    "a deep nest": ("a: " + "[" * 5000, "cannot be read"),
    "a NUL": ("a: \0", "cannot be read"),
    "itself": ("castoff: &a {targets: {x: *a}}", "castoff.targets.x.targets: there is no such key"),
}


@pytest.mark.parametrize(("values", "key", "near"), WRONG_KEYS)
def test_a_wrong_key_is_told_with_its_path_and_the_right_name(
    values: Any, key: str, near: str
) -> None:
    with pytest.raises(WrongInput) as caught:
        parse(values)
    assert caught.value.what == f"{key}: there is no such key"
    assert caught.value.next == f"Did you mean `{near}`?"
    assert caught.value.code is ExitCode.WRONG_INPUT


@pytest.mark.parametrize(("values", "key", "expected"), WRONG_VALUES)
def test_a_wrong_value_is_told_with_its_path_and_what_was_expected(
    values: Any, key: str, expected: str
) -> None:
    with pytest.raises(WrongInput) as caught:
        parse(values)
    assert caught.value.what.startswith(f"{key}: ")
    assert expected in caught.value.what


def read_file(path: Path) -> dict[str, Any]:
    """The file as a task reads it: as it stands, and then by its types."""
    values = yaml_file.read(path)
    parse(values)
    return values


def test_a_key_like_no_other_is_answered_with_all_that_are_known() -> None:
    with pytest.raises(WrongInput) as caught:
        parse({"dev": {"zzz": 1}})
    assert caught.value.next == "Known here: settings, port."


@pytest.mark.parametrize("name", ["local", "fly-eu", "a1", "heroku-2-b"])
def test_a_target_may_have_hyphens_and_digits(name: str) -> None:
    assert parse({"targets": {name: {}}}).targets == {name: TargetConfig()}


@pytest.mark.parametrize(
    "name", ["items", "keys", "pop", "Fly", "1a", "a_b", "a--b", "-a", "a.b", ""]
)
def test_a_target_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(WrongInput, match=f"castoff.targets.{name}: not a name"):
        parse({"targets": {name: {}}})


def test_values_from_variables_are_text_and_become_numbers() -> None:
    config = parse({"targets": {"local": {"port": "8080"}}, "smoke": {"timeout": "2.5"}})
    assert config.targets["local"].port == 8080
    assert config.smoke.timeout == 2.5


def test_nothing_configured_is_one_local_target() -> None:
    assert parse(None) == parse({}) == Config(targets={"local": TargetConfig()})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_broken_file_is_answered(name: str, tmp_path: Path) -> None:
    text, answer = HOSTILE[name]
    path = tmp_path / "invoke.yaml"
    path.write_text(text)
    with pytest.raises(WrongInput) as caught:
        read_file(path)
    assert answer in caught.value.what


def test_a_file_that_is_not_utf8_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "invoke.yaml"
    path.write_bytes(b"castoff: {project: \xff}")
    with pytest.raises(WrongInput, match=r"invoke\.yaml cannot be read"):
        read_file(path)


def test_an_anchor_bomb_is_answered_at_once(tmp_path: Path) -> None:
    path = tmp_path / "invoke.yaml"
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12)]
    path.write_text("\n".join([*lines, "castoff: {silence: {E101: *l11}}"]))
    with pytest.raises(WrongInput, match=r"castoff\.silence\.E101: expected text, got a list"):
        read_file(path)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "run: {echo: true}\n"])
def test_a_file_without_the_key_is_the_defaults(text: str, tmp_path: Path) -> None:
    path = tmp_path / "invoke.yaml"
    assert read_file(path) == {}
    path.write_text(text)
    assert read_file(path) == {}


def test_targets_are_chosen_in_order_each_once() -> None:
    config = parse({"targets": {"fly": {}, "heroku": {}}, "target": "fly"})
    assert choose(config, []) == ["fly"]
    assert choose(config, ["heroku, fly", "fly"]) == ["heroku", "fly"]
    with pytest.raises(WrongInput, match="there is no target `herok`") as caught:
        choose(config, ["herok"])
    assert "Did you mean `heroku`?" in caught.value.next
    with pytest.raises(WrongInput, match="--target is empty"):
        choose(config, [","])
