"""`inv TASK --help`: complete, at 80 columns, with examples that can be typed; and wrong words."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from checkout import INV, REPOSITORY, Run
from invoke import Collection, Program
from invoke.parser import Parser, ParserContext

from castoff.tasks import TASKS

NAMES = [one.name for one in TASKS]
EXAMPLE = re.compile(r"\binv ([^|;&>)#\n]+)")


def inv(*words: str, cwd: Path = REPOSITORY, **variables: str) -> Run:
    """Run `inv` where it deploys nothing, 80 columns wide."""
    env = {**os.environ, "COLUMNS": "80", **variables}
    done = subprocess.run([INV, *words], cwd=cwd, env=env, capture_output=True, text=True)
    return Run(words, done.returncode, done.stdout, done.stderr)


def parsed(words: list[str]) -> list[ParserContext]:
    """The words as Invoke's own parser takes them, with the tasks that they name; none is run."""
    collection = Collection(*TASKS)
    parser = Parser(collection.to_contexts(), initial=Program().initial_context)
    found: list[ParserContext] = parser.parse_argv(words)
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is no more than its tasks, a target beside the usual one, and its own task."""
    folder = tmp_path_factory.mktemp("project")
    own = "from invoke import task\n@task\ndef seed(c, size=1):\n    print(f'seeded {size}')\n"
    end = "import castoff\nns = castoff.collection(__file__, seed)\n"
    (folder / "tasks.py").write_text(own + end)
    (folder / "invoke.yaml").write_text("castoff: {targets: {local: {}, plain: {}}}\n")
    return folder


# Help


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_task_fits_80_columns_and_has_examples_and_exit_codes(name: str) -> None:
    run = inv(name, "--help").must_end(0)
    assert [line for line in run.out.splitlines() if len(line) > 80] == []
    assert "Examples:" in run.out
    assert "Exit codes" in run.out


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_task_are_commands_that_can_be_typed(name: str) -> None:
    text = next(one.__doc__ or "" for one in TASKS if one.name == name)
    examples = text.partition("Examples:")[2].partition("Exit codes")[0]
    commands = [shlex.split(found) for found in EXAMPLE.findall(examples)]
    assert len(commands) >= 2
    named = [[one.name for one in parsed(words)[1:]] for words in commands]
    assert all(tasks for tasks in named), "an example names no task"
    assert [name] in named


@pytest.mark.parametrize("name", NAMES)
def test_every_option_of_a_task_says_what_it_is_for(name: str) -> None:
    context = next(one for one in Collection(*TASKS).to_contexts() if one.name == name)
    assert {flags: text for flags, text in context.help_tuples() if not text} == {}


def test_the_first_line_is_a_sentence_of_its_own() -> None:
    for one in TASKS:
        first, _, rest = (one.__doc__ or "").partition("\n")
        assert re.fullmatch(r"[A-Z].*\.", first), one.name
        assert rest.startswith("\n"), one.name


# Wrong words


@pytest.mark.parametrize(
    ("words", "what", "meant"),
    [
        ("delpoy", "there is no task `delpoy`", "`deploy`"),
        ("--help delpoy", "there is no task `delpoy`", "`deploy`"),
        ("sede", "there is no task `sede`", "`seed`"),
        ("deploy plain", "there is no task `plain`", "`--target=plain`"),
        ("deploy --targt=local", "`inv deploy` has no option `--targt`", "`--target`"),
        ("deploy --jsn", "`inv deploy` has no option `--jsn`", "`--json`"),
        ("rollback --too=v1", "`inv rollback` has no option `--too`", "`--to`"),
        ("rollback --acept=a.0001_b", "`inv rollback` has no option `--acept`", "`--accept`"),
        ("logs --folow", "`inv logs` has no option `--folow`", "`--follow`"),
        ("dev --prot=1", "`inv dev` has no option `--prot`", "`--port`"),
        ("seed --sise=2", "`inv seed` has no option `--sise`", "`--size`"),
        ("--dyr deploy", "`inv` has no option `--dyr`", "`--dry`"),
        ("deploy --target=locl", "there is no target `locl`", "`local`"),
        ("completion --shell=bsh", "--shell=bsh: there is no completion for it", "`bash`"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest_right_one(
    project: Path, tmp_path: Path, words: str, what: str, meant: str
) -> None:
    run = inv(*words.split(), cwd=project, XDG_STATE_HOME=str(tmp_path)).must_end(2)
    assert run.err.startswith(f"{what}\nNothing was done.\nDid you mean {meant}? "), run.err
    assert run.out == ""


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("deploy --target", "`--target` needs a value"),
        ("deploy --target --json", "`--target` needs a value"),
        ("stop -t", "`--target` needs a value"),
        ("deploy --target=", "--target is empty"),
        ("rollback --to", "`--to` needs a value"),
        ("dev --port", "`--port` needs a value"),
        ("dev --port=abc", "--port=abc: expected a number from 1 to 65535"),
        ("dev --port=70000", "--port=70000: expected a number from 1 to 65535"),
        ("dev --port=²", "--port=²: expected a number from 1 to 65535"),
        ("completion", "--shell is not given"),
        ("zzzzzz", "there is no task `zzzzzz`"),
    ],
)
def test_a_word_that_lacks_or_has_no_sense_is_answered_before_anything_is_done(
    project: Path, tmp_path: Path, words: str, what: str
) -> None:
    run = inv(*words.split(), cwd=project, XDG_STATE_HOME=str(tmp_path / "state")).must_end(2)
    first, *rest = run.err.splitlines()
    assert first == what
    assert rest
    assert "castoff" not in "".join(path.name for path in tmp_path.rglob("*"))


def test_a_wrong_word_is_one_line_of_json_where_that_is_asked_for(project: Path) -> None:
    run = inv("deploy", "--json", "--targt=x", cwd=project).must_end(2)
    assert run.result["ok"] is False
    assert "has no option `--targt`" in run.result["error"]["what"]
    assert "`--target`" in run.result["error"]["next"]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TARGETS_LOCAL_WORKRS", "TARGETS_LOCAL_WORKERS"),
        ("TRAGET", "TARGET"),
        ("SMOKE_TIMEOT", "SMOKE_TIMEOUT"),
    ],
)
def test_a_misspelt_variable_is_answered_with_the_nearest_right_one(
    project: Path, variable: str, meant: str
) -> None:
    run = inv("status", cwd=project, **{f"INVOKE_CASTOFF_{variable}": "1"}).must_end(2)
    assert f"INVOKE_CASTOFF_{variable}: there is no such key" in run.err
    assert f"Did you mean `INVOKE_CASTOFF_{meant}`?" in run.err


def test_a_misspelt_platform_is_answered_with_the_nearest_right_one(
    project: Path, tmp_path: Path
) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path)}
    name = "INVOKE_CASTOFF_TARGETS_PLAIN_PLATFORM"
    run = inv("status", "--target=plain", cwd=project, **state, **{name: "locla"}).must_end(2)
    assert "no driver for the platform `locla`" in run.text
    assert "Did you mean `local`?" in run.text


def test_right_words_still_run_the_projects_own_task(project: Path) -> None:
    assert inv("seed", "--size=3", cwd=project).must_end(0).out == "seeded 3\n"
